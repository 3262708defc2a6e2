"""What a stream is called in files: by its own name, or as SINOE and French spreadsheets call it."""

import unicodedata
from collections.abc import Collection, Mapping

OTHER_STREAMS = ("residual", "packaging_paper", "food")
"""What is collected beside the materials of bins; names as in ``rewards/statistics/references/sinoe.py``."""
CALLED: Mapping[str, str] = {
    "verre": "glass",
    "papier": "paper",
    "plastique": "plastic",
    "canette": "can",
    "metal": "metal",
    "metaux": "metal",
    "carton": "cardboard",
    "omr": "residual",
    "ordures menageres residuelles": "residual",
    "emballages, journaux-magazines": "packaging_paper",
    "emballages et papiers": "packaging_paper",
    "biodechets": "food",
    "dechets alimentaires": "food",
}


def stream_called(said: str) -> str | None:
    """Return the stream a French name means, whatever its case, accents and plural; None where it is no such name."""
    letters = unicodedata.normalize("NFKD", " ".join(said.lower().split()))
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return CALLED.get(plain) or CALLED.get(plain.removesuffix("s"))


def find_stream(said: str, streams: Collection[str]) -> str | None:
    """Return the one of ``streams`` a file means; an authority's own name goes before what it means in French."""
    called = stream_called(said)
    return said if said in streams else called if called in streams else None


def describe_unknown_stream(said: str, streams: Collection[str]) -> str:
    """Say why a name is no stream of the authority."""
    called = stream_called(said)
    hint = f" ({called})" if called and called != said else ""
    return f"{said!r}{hint} is none of {', '.join(sorted(streams))}"
