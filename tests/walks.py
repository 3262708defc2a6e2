"""Types a walk of ``docs/`` into a shell as its reader does, and tells where the page is wrong.

What is typed stands in ``sh`` fences. A plain or ``json`` fence right below one shows what comes back: it must come,
blanks aside, and ``…`` stands for anything. Nothing may be refused but what the page shows with its ``status``.
"""

import os
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^```(sh|json|)\n(.*?)^```$\n*", re.MULTILINE | re.DOTALL)
SHOWN_STATUS = re.compile(r'"status": ?([45]\d\d)')
TYPED_WITHIN_S = 200

# A refusal is a success to curl; here it stops the reader, unless the page says that it comes.
PRELUDE = """
curl() {
  local status
  { status=$(command curl --max-time 20 "$@" --write-out '%{stderr}%{http_code}' 2>&1 >&3); } 3>&1 || return
  [ "$status" -lt 400 ] && return
  echo "$status" >>"$NOTES/$STEP.refused"
  [[ " $REFUSALS " == *" $status "* ]] || { echo "answered $status: curl $*" >&2; return 22; }
}
"""


@dataclass(frozen=True)
class Step:
    """What is typed, and what the page shows of the answers."""

    typed: str
    shown: str = ""

    @property
    def refusals(self) -> list[str]:
        """The statuses of what the page shows as refused."""
        return SHOWN_STATUS.findall(self.shown)

    def is_shown_in(self, output: str) -> bool:
        """Say whether an output has what the page shows."""
        remaining = "".join(output.split())
        for part in "".join(self.shown.split()).split("…"):
            _, found, remaining = remaining.partition(part) if part else ("", True, remaining)
            if not found:
                return False
        return True


def read_walk(page: str) -> Iterator[Step]:
    """Yield the steps of a page; a fence with words between it and what is typed is no answer."""
    typed, ends_at = "", 0
    for fence in FENCE.finditer(page):
        kind, content = fence.groups()
        if typed and (kind == "sh" or fence.start() > ends_at):
            yield Step(typed)
            typed = ""
        if kind == "sh":
            typed = content
        elif typed:
            yield Step(typed, content)
            typed = ""
        ends_at = fence.end()
    if typed:
        yield Step(typed)


def find_faults(page: str, *, desk: Path, notes: Path, environment: Mapping[str, str]) -> list[str]:
    """Type a page in the folder ``desk``, in one shell; return what went otherwise than it says.

    ``notes`` is a folder to be made, for what is noted meanwhile.
    """
    notes.mkdir(parents=True)
    steps = list(read_walk(page))
    script = [PRELUDE]
    for number, step in enumerate(steps):
        script += [f"STEP={number} REFUSALS={shlex.quote(' '.join(step.refusals))}; exec >$NOTES/$STEP", step.typed]
    with (notes / "errors").open("w") as errors:
        shell = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", "\n".join(script)],
            cwd=desk,
            env={**environment, "NOTES": str(notes)},
            stdin=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
        )
    try:
        shell.wait(TYPED_WITHIN_S)
    except subprocess.TimeoutExpired:
        pass  # killed below, which its exit code tells
    finally:
        # With what a page that breaks off has left running beside it.
        with suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGKILL)
        shell.wait()
    faults = []
    for number, step in enumerate(steps):
        output, refused = notes / f"{number}", notes / f"{number}.refused"
        if not output.exists():
            break
        statuses = refused.read_text().split() if refused.exists() else []
        if statuses != step.refusals or not step.is_shown_in(output.read_text()):
            faults.append(f"{step.typed}showed: {step.shown}\ncame, with refusals {statuses}: {output.read_text()}")
    if shell.returncode or not steps:
        faults.append(f"ended with {shell.returncode}: {(notes / 'errors').read_text()}")
    return faults
