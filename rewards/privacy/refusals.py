"""Why nobody is erased, and why no process starts; each code is explained in ``docs/operators.md``."""

from pathlib import Path

from rewards.errors import OperatorRefusedError


class ErasureRegisterFaultyError(OperatorRefusedError):
    """A line of the erasure register says nothing."""

    code = "erasure_register_faulty"

    def __init__(self, path: Path, line_no: int) -> None:
        super().__init__(f"line {line_no} of {path} is no erasure: mend or remove it, nothing was changed")
        self.line_no = line_no


class EncryptionKeyNeededError(OperatorRefusedError):
    """Something may stand under an encryption key that is not given, or everything under a later one."""

    code = "encryption_key_needed"

    def __init__(self, missing: list[int], *, oldest_key_no: int) -> None:
        numbers = " and ".join(map(str, missing))
        super().__init__(
            f"something may stand under encryption key {numbers}, which is not given (BONTRI_ENCRYPTION_KEY,"
            f" BONTRI_OLD_ENCRYPTION_KEY); nothing does under one before {oldest_key_no}."
            " Give it, and run bontri privacy reencrypt before you drop it"
        )
        self.missing = missing
