"""What a comparison or a capture rate lacks, in sentences: what is missing, and what to import."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rewards.statistics.tonnages.collected import Capture, Collected

NAMED = 5
IMPORT_TONNAGES = "bontri stats import tonnages FILE"
CODES = {
    "population_unknown": "nobody knows how many live there: bontri stats import populations FILE",
    "not_published": "not among the references: bontri stats import references FILE",
}


def describe_lack(code: str | None) -> str:
    """Say what a code of a territory, or of what bins took, means; nothing where nothing is missing."""
    from rewards.statistics.figures.missing import MEANINGS, Missing

    if code is None:
        return ""
    return CODES.get(code) or MEANINGS[Missing(code)]["en"]


def describe_collected(collected: "Collected") -> str:
    """Say which tonnages of a year are missing; nothing where none is."""
    stream, year = collected.stream, collected.year
    match collected.missing:
        case None:
            return ""
        case "none_imported":
            return f"no tonnages of {stream} in {year}: {IMPORT_TONNAGES}"
        case "days_missing":
            return f"tonnages of {stream} are missing for {collected.missing_days} days of {year}: {IMPORT_TONNAGES}"
        case "communes_missing":
            codes = collected.missing_communes
            more = f" and {len(codes) - NAMED} more" if len(codes) > NAMED else ""
            named = f"{', '.join(codes[:NAMED])}{more}"
            return f"tonnages of {stream} for all of {year} are missing for {named}: {IMPORT_TONNAGES}"


def describe_no_capture(found: "Capture") -> str:
    """Say why there is no capture rate."""
    match found.missing:
        case "collected_unknown":
            return f"{found.stream} collected in {found.year} is not wholly known"
        case "residual_unknown":
            return f"residual waste of {found.year} is not wholly known"
        case "share_unknown":
            return f"nobody noted how much of residual waste is {found.stream}: bontri stats characterise"
        case _:
            return f"there was no {found.stream} at all"
