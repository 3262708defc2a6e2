"""Why what an operator asks of the fleet is refused; each code is explained in ``docs/operators.md``."""

import datetime
from collections.abc import Sequence

from rewards.errors import OperatorRefusedError

SLUGS_SHOWN = 20


class AuthorityMissingError(OperatorRefusedError):
    """No authority has this slug."""

    code = "authority_missing"

    def __init__(self, slug: str, known: Sequence[str]) -> None:
        shown = ", ".join(known[:SLUGS_SHOWN]) + (", …" if len(known) > SLUGS_SHOWN else "")
        there_is = f"there is {shown}" if known else "there is none yet"
        super().__init__(f"no authority is called {slug}: {there_is}")


class SiteMissingError(OperatorRefusedError):
    """The authority has no site with this reference."""

    code = "site_missing"

    def __init__(self, reference: str) -> None:
        super().__init__(f"the authority has no site {reference}: add the site first, or check its reference")


class BinIdInvalidError(OperatorRefusedError):
    """The id is not one the bin protocol knows."""

    code = "bin_id_invalid"

    def __init__(self, bin_id: str) -> None:
        super().__init__(f"{bin_id!r} cannot be a bin id: 4 to 32 capital letters, digits and hyphens")


class BinMissingError(OperatorRefusedError):
    """No authority has this bin."""

    code = "bin_missing"

    def __init__(self, bin_id: str) -> None:
        super().__init__(f"there is no bin {bin_id}: check the id with bontri bins list")


class BinNeverHeardError(OperatorRefusedError):
    """The bin has not spoken yet."""

    code = "bin_never_heard"

    def __init__(self, bin_id: str) -> None:
        super().__init__(f"{bin_id} has not spoken yet, there is nothing to send again: wait until it has said hello")


class AlarmMissingError(OperatorRefusedError):
    """No such alarm is up for the bin."""

    code = "alarm_missing"

    def __init__(self, bin_id: str, kind: str) -> None:
        super().__init__(f"no alarm {kind} is up for {bin_id}: see bontri alarms list --bin {bin_id} --all")


class BinTakenError(OperatorRefusedError):
    """The id is another bin's, of this or of another authority."""

    code = "bin_taken"

    def __init__(self, bin_id: str) -> None:
        super().__init__(f"the id {bin_id} is taken, by this or another authority: choose another")


class BinRevokedError(OperatorRefusedError):
    """The bin is revoked, which is final."""

    code = "bin_revoked"

    def __init__(self, bin_id: str) -> None:
        super().__init__(f"{bin_id} is revoked, which is final: provision it anew under another id")


class BinStateUnchangedError(OperatorRefusedError):
    """The bin is in this state already."""

    code = "bin_state_unchanged"

    def __init__(self, bin_id: str, state: str) -> None:
        super().__init__(f"{bin_id} is in state {state} already: nothing was changed")


class BinAlreadyThereError(OperatorRefusedError):
    """The bin stands at this site already."""

    code = "bin_already_there"

    def __init__(self, bin_id: str, reference: str) -> None:
        super().__init__(f"{bin_id} stands at {reference} already: nothing was changed")


class PlacementOverlapsError(OperatorRefusedError):
    """The bin would stand at two sites at once."""

    code = "placement_overlaps"

    def __init__(self, bin_id: str, at: datetime.datetime) -> None:
        super().__init__(f"{bin_id} was placed somewhere after {at.isoformat()}: give a later instant with --at")


class KeysTooManyError(OperatorRefusedError):
    """Two key numbers are valid already, and no more may be."""

    code = "keys_too_many"

    def __init__(self, bin_id: str, valid: Sequence[int]) -> None:
        numbers = " and ".join(map(str, valid))
        super().__init__(f"keys {numbers} of {bin_id} are valid: revoke the old one first (revoke {bin_id} --key N)")


class KeyMissingError(OperatorRefusedError):
    """The bin has no valid key of this number."""

    code = "key_missing"

    def __init__(self, bin_id: str, key_number: int) -> None:
        super().__init__(f"{bin_id} has no valid key {key_number}: see bontri bins show {bin_id}")


class KeyIsLastError(OperatorRefusedError):
    """The only valid key cannot be revoked alone."""

    code = "key_is_last"

    def __init__(self, bin_id: str, key_number: int) -> None:
        super().__init__(
            f"key {key_number} is the only valid one of {bin_id}: rotate the key first, or revoke the whole bin"
        )


class BinNotDrainedError(OperatorRefusedError):
    """The bin may still hold events that its authority has not got."""

    code = "bin_not_drained"

    def __init__(self, bin_id: str, reason: str) -> None:
        super().__init__(f"{bin_id} is not drained: {reason}; leave it connected until it has said hello once more")


class BinLeftBeforeError(OperatorRefusedError):
    """The bin was in this authority before, and is revoked there, which is final."""

    code = "bin_left_before"

    def __init__(self, bin_id: str, slug: str) -> None:
        super().__init__(f"{bin_id} has been with {slug} before and was revoked there: provision it under another id")
