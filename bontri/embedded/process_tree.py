"""Which processes descend from which, as /proc tells."""

from contextlib import suppress
from pathlib import Path


def list_descendants(pid: int) -> list[int]:
    """Return the children of `pid`, their children, and so on; empty when it has none or has ended."""
    direct: list[int] = []
    # It may end meanwhile, before its threads are listed or after, and a thread of it as well.
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                direct += map(int, (thread / "children").read_text().split())
    found: list[int] = []
    for child in direct:
        found += [child, *list_descendants(child)]
    return found
