"""Which processes descend from which, as /proc tells."""

from pathlib import Path


def list_descendants(pid: int) -> list[int]:
    """Return the children of `pid`, their children, and so on; empty when it has none or has ended."""
    found: list[int] = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            direct = [int(child) for child in children.read_text().split()]
        except OSError:
            continue
        for child in direct:
            found += [child, *list_descendants(child)]
    return found
