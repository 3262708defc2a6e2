"""PDF from a Typst template in this folder and plain facts. Tagged for screen readers (PDF/UA-1), fonts embedded.

Facts travel as JSON beside the template and never in it: nobody's name can become markup. No network, no fonts of the
system: the same facts make the same bytes anywhere.
"""

import datetime
import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import typst

FOLDER = Path(str(files("bontri.documents")))


def make_pdf(template: str, facts: Mapping[str, Any], *, made_at: datetime.datetime) -> bytes:
    """Return the PDF a template (``name.typ``) makes of facts; ``made_at`` is the document's date."""
    made = typst.compile(
        FOLDER / template,
        root=FOLDER,
        format="pdf",
        ignore_system_fonts=True,
        sys_inputs={"facts": json.dumps(facts, ensure_ascii=False)},
        pdf_standards=["ua-1"],
        timestamp=made_at.replace(microsecond=0),
    )
    if not isinstance(made, bytes):
        raise TypeError("Typst makes one PDF a document")
    return made
