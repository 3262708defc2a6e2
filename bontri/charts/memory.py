"""How much memory a process holds now."""

import resource
from pathlib import Path


def resident_mb(pid: int | str = "self") -> float:
    """Return the memory a process holds; 0 when it is gone.

    Not what ``getrusage`` says: a child begins with the greatest its parent ever held.
    """
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * resource.getpagesize() / 1e6
