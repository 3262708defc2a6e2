"""Why a calibration is refused; each code is explained in ``docs/operators.md``."""

import datetime

from rewards.errors import OperatorRefusedError


class CalibrationRefusedError(OperatorRefusedError):
    """The rounds of the bin do not carry a calibration."""

    code = "calibration_refused"


class CalibrationRetroactiveError(OperatorRefusedError):
    """The calibration would change figures of days that are over."""

    code = "calibration_retroactive"

    def __init__(self, valid_from: datetime.date) -> None:
        super().__init__(
            f"kilograms since {valid_from} may be published already: give a month to come, or say --retroactive"
        )


class CalibrationTakenError(OperatorRefusedError):
    """Somebody has decided on a calibration from this month on."""

    code = "calibration_taken"

    def __init__(self, bin_id: str, material: str, valid_from: datetime.date) -> None:
        super().__init__(
            f"the calibration of {bin_id} for {material} from {valid_from} on is decided: give another month"
        )
