"""What a verdict says, in French and English. Codes are for programs; these are for people."""

from typing import get_args

from rewards.statistics.effect.verdict import (
    CautionCode,
    Direction,
    LeftOutCode,
    Measured,
    NotMeasurable,
    Reason,
    ReasonCode,
)

REASONS: dict[ReasonCode, dict[str, str]] = {
    "nothing_recorded": {
        "fr": "Aucun kilogramme n'est connu pour ces points d'apport sur cette période.",
        "en": "No kilogram is known of these sites in this period.",
    },
    "no_equipped_site": {
        "fr": "Aucun point équipé ne peut être utilisé.",
        "en": "No equipped site can be used.",
    },
    "no_control": {
        "fr": "Il n'y a pas de témoin : aucun point non équipé, ou équipé plus tard, avec qui comparer.",
        "en": "There is no control: no site without equipment, or equipped later, to compare with.",
    },
    "no_months_before": {
        "fr": "Aucun mois n'est connu avant l'équipement.",
        "en": "No month is known before the start.",
    },
    "no_months_after": {
        "fr": "Aucun mois entier n'est encore connu après l'équipement.",
        "en": "No whole month is known after the start yet.",
    },
    "no_common_months": {
        "fr": "Trop peu de mois du calendrier ({found} sur {needed}) sont connus à la fois avant et après.",
        "en": "Too few calendar months ({found} of {needed}) are known both before and after.",
    },
    "too_few_reporting_days": {
        "fr": "Trop peu de jours ont été relevés : aucun mois n'a assez de jours connus des deux côtés.",
        "en": "Too few days were reported: no month has enough known days on both sides.",
    },
    "too_few_sites": {
        "fr": "Trop peu de points : leurs répartitions possibles sont {found}, il en faut {needed}.",
        "en": "Too few sites: they could have been assigned in {found} ways, and {needed} are needed.",
    },
    "trend_not_testable": {
        "fr": "Trop peu de mois avant l'équipement pour vérifier que les tendances étaient parallèles.",
        "en": "Too few months before the start to check that the trends were parallel.",
    },
    "trends_not_parallel": {
        "fr": "Les points équipés et les témoins n'évoluaient déjà pas de même avant l'équipement.",
        "en": "Equipped and control sites already went different ways before the start.",
    },
}
LEFT_OUT: dict[LeftOutCode, dict[str, str]] = {
    "no_figures": {"fr": "aucun relevé sur la période", "en": "nothing known in the period"},
    "too_few_common_months": {
        "fr": "trop peu de mois communs relevés avant et après, ou rien collecté",
        "en": "too few common months reported before and after, or nothing collected",
    },
    "equipped_without_control": {
        "fr": "équipé hors de la période comparable",
        "en": "equipped outside what can be compared",
    },
    "equipped_last": {
        "fr": "équipé en dernier : sert de témoin jusque-là",
        "en": "equipped last: serves as control until then",
    },
}
CAUTIONS: dict[CautionCode, dict[str, str]] = {
    "trends_doubtful": {
        "fr": "À lire avec prudence : les deux groupes évoluaient peut-être déjà différemment avant.",
        "en": "To be read with care: the two sides may have gone different ways before already.",
    },
}
DIRECTIONS: dict[Direction, dict[str, str]] = {
    "rise": {"fr": "Les points équipés collectent plus", "en": "Equipped sites collect more"},
    "fall": {"fr": "Les points équipés collectent moins", "en": "Equipped sites collect less"},
    "none_shown": {"fr": "Aucun effet n'est démontré", "en": "No effect is shown"},
}
COMPARED = {
    "fr": "{direction} : {percent} par rapport au témoin, entre {low} et {high} (intervalle à 95 %).",
    "en": "{direction}: {percent} against the control, between {low} and {high} (95 % interval).",
}
NOT_YET = {"fr": "Pas encore mesurable.", "en": "Not measurable yet."}
LANGUAGES = ("fr", "en")

assert set(REASONS) == set(get_args(ReasonCode))  # noqa: S101 (said at import, to who adds a code)
assert set(CAUTIONS) == set(get_args(CautionCode))  # noqa: S101
assert set(LEFT_OUT) == set(get_args(LeftOutCode))  # noqa: S101


def write_percent(percent: float, *, language: str) -> str:
    """Write a percentage with its sign and one decimal."""
    written = f"{percent:+.1f} %".replace("-", "\N{MINUS SIGN}")
    return written.replace(".", ",") if language == "fr" else written


def say_reason(reason: Reason, *, language: str) -> str:
    """Say what is lacking."""
    return REASONS[reason.code][language].format(found=reason.found, needed=reason.needed)


def say_verdict(verdict: Measured | NotMeasurable, *, language: str) -> str:
    """Say a verdict in one or two sentences, the percentage never without its interval."""
    if isinstance(verdict, NotMeasurable):
        return " ".join([NOT_YET[language], *(say_reason(reason, language=language) for reason in verdict.reasons)])
    effect = verdict.effect
    percent, low, high = (
        write_percent(each, language=language) for each in (effect.percent, effect.low_percent, effect.high_percent)
    )
    direction = DIRECTIONS[effect.direction][language]
    said = COMPARED[language].format(direction=direction, percent=percent, low=low, high=high)
    return " ".join([said, *(CAUTIONS[caution][language] for caution in verdict.cautions)])
