"""Why nobody is erased; each code is explained in ``docs/operators.md``."""

from pathlib import Path

from rewards.errors import OperatorRefusedError


class ErasureRegisterFaultyError(OperatorRefusedError):
    """A line of the erasure register says nothing."""

    code = "erasure_register_faulty"

    def __init__(self, path: Path, line_no: int) -> None:
        super().__init__(f"line {line_no} of {path} is no erasure: mend or remove it, nothing was changed")
        self.line_no = line_no
