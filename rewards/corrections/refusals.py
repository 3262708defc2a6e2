"""Why a correction is refused; each code is explained in ``docs/operators.md``."""

from uuid import UUID

from rewards.errors import OperatorRefusedError


class TransferUnknownError(OperatorRefusedError):
    """The authority has no such transfer."""

    code = "transfer_unknown"

    def __init__(self, transfer_id: UUID) -> None:
        super().__init__(f"there is no transfer {transfer_id}: statements and bontri ledger statement name them")


class TransferNotCorrectableError(OperatorRefusedError):
    """Only what credited a wallet at once can be taken back: no voucher, and no correction itself."""

    code = "transfer_not_correctable"

    def __init__(self, transfer_id: UUID) -> None:
        super().__init__(f"{transfer_id} credits no deposit: cancel or reverse the voucher instead")


class TransferAlreadyCorrectedError(OperatorRefusedError):
    """Somebody asked for it before, and it is open or approved."""

    code = "transfer_already_corrected"

    def __init__(self, transfer_id: UUID) -> None:
        super().__init__(f"a correction of {transfer_id} was asked for before: see bontri corrections list --all")


class CorrectionUnknownError(OperatorRefusedError):
    """The authority has no such correction."""

    code = "correction_unknown"

    def __init__(self, correction_id: UUID) -> None:
        super().__init__(f"there is no correction {correction_id}: see bontri corrections list")


class CorrectionDecidedError(OperatorRefusedError):
    """It was approved or rejected before."""

    code = "correction_decided"

    def __init__(self, correction_id: UUID, state: str) -> None:
        super().__init__(f"correction {correction_id} is {state}: nothing was changed now")


class SecondPersonRequiredError(OperatorRefusedError):
    """Whoever asked for a correction cannot approve it."""

    code = "second_person_required"

    def __init__(self, person: str) -> None:
        super().__init__(f"{person} asked for this correction: somebody else must approve it")
