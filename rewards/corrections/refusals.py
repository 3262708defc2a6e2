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


class TransferInReviewError(OperatorRefusedError):
    """A credit that is still pending is not taken back, it is rejected."""

    code = "transfer_in_review"

    def __init__(self, transfer_id: UUID) -> None:
        super().__init__(f"{transfer_id} is in review: reject it with bontri reviews reject")


class TransferNotReinstatableError(OperatorRefusedError):
    """Only what expired can be given back."""

    code = "transfer_not_reinstatable"

    def __init__(self, transfer_id: UUID) -> None:
        super().__init__(f"{transfer_id} is no expiry of points: only what expired can be given back")


class LotWithoutWalletError(OperatorRefusedError):
    """Retention or erasure has cut the link: there is nobody to give points back to."""

    code = "lot_without_wallet"

    def __init__(self, transfer_id: UUID) -> None:
        super().__init__(f"nobody is known any more whose points expired by {transfer_id}")


class ExpiredPointsCorrectedError(OperatorRefusedError):
    """What expired has been taken by corrections of the credits it came from."""

    code = "expired_points_corrected"

    def __init__(self, transfer_id: UUID) -> None:
        super().__init__(f"nothing is left of what expired by {transfer_id}: corrections have taken it back")


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
    """Whoever asked for it cannot approve it."""

    code = "second_person_required"

    def __init__(self, person: str) -> None:
        super().__init__(f"{person} asked for this: somebody else must approve it")
