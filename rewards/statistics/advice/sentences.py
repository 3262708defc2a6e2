"""An advice with its numbers as a sentence, or why there is none, in French and English. Pure."""

from collections.abc import Mapping
from decimal import Decimal

from rewards.languages import Language
from rewards.statistics.advice.rules import AdviceKind, Judgement, NoAdvice

WHY_NONE: Mapping[NoAdvice, Mapping[Language, str]] = {
    "nothing_to_do": {
        "fr": "Rien à faire : aucun seuil n'est dépassé.",
        "en": "Nothing to do: no threshold is passed.",
    },
    "no_bin": {
        "fr": "Aucun conseil : aucune borne n'y était installée.",
        "en": "No advice: no bin stood there.",
    },
    "was_silent": {
        "fr": "Aucun conseil : une borne est restée sans donner de nouvelles pendant la période.",
        "en": "No advice: a bin was silent in the period.",
    },
    "levels_unknown": {
        "fr": "Aucun conseil : on ne sait pas à quel point le site était plein, faute de niveaux assez fréquents.",
        "en": "No advice: nobody knows how full the site was, since levels were told on too few days.",
    },
    "not_over": {
        "fr": "Pas trop plein ; on ne dira s'il collecte trop peu qu'une fois la période terminée.",
        "en": "Not too full; whether it takes too little can be said when the period is over.",
    },
    "placed_or_removed": {
        "fr": "Pas trop plein ; une borne a été posée ou retirée pendant la période, on ne peut dire s'il collecte "
        "trop peu.",
        "en": "Not too full; a bin was placed or removed in the period, so nobody can say whether it takes too little.",
    },
    "too_short": {
        "fr": "Pas trop plein ; la période est trop courte pour dire s'il collecte trop peu (90 jours au moins).",
        "en": "Not too full; the period is too short to say whether it takes too little (90 days at least).",
    },
    "kilograms_unknown": {
        "fr": "Pas trop plein ; ses kilogrammes sont inconnus.",
        "en": "Not too full; its kilograms are not known.",
    },
    "few_to_compare": {
        "fr": "Pas trop plein ; trop peu de sites complets des mêmes matières dans la commune pour comparer (5 au "
        "moins).",
        "en": "Not too full; too few complete sites of the same materials in the commune to compare with (5 at least).",
    },
    "population_unknown": {
        "fr": "Aucun conseil : la population de la commune est inconnue.",
        "en": "No advice: the population of the commune is not known.",
    },
}

WHAT_TO_DO: Mapping[AdviceKind, Mapping[Language, str]] = {
    "repair": {"fr": "Réparer", "en": "Repair"},
    "add": {"fr": "Ajouter une borne", "en": "Add a bin"},
    "empty_earlier": {"fr": "Vider plus tôt", "en": "Empty earlier"},
    "move": {"fr": "Déplacer", "en": "Move"},
}

FULL: Mapping[Language, str] = {
    "fr": "Plein {full_pct} % des heures où son niveau est connu (seuil : {full_pct_threshold} %)",
    "en": "Full {full_pct} % of the hours it told its level (threshold {full_pct_threshold} %)",
}
SENTENCES: Mapping[tuple[AdviceKind, str], Mapping[Language, str]] = {
    ("repair", "silent_days"): {
        "fr": "Une borne n'a donné aucune nouvelle dans les {silent_days} derniers jours (seuil : "
        "{silent_days_threshold}) : réparer.",
        "en": "A bin gave no sign in the last {silent_days} days (threshold {silent_days_threshold}): repair.",
    },
    ("repair", "days_without_deposit"): {
        "fr": "En service, mais pas un seul dépôt en {days_without_deposit} jours (seuil : "
        "{days_without_deposit_threshold}) : aller voir, réparer.",
        "en": "Heard, but not one deposit in {days_without_deposit} days (threshold "
        "{days_without_deposit_threshold}): go and see, repair.",
    },
    ("empty_earlier", "full_pct"): {
        "fr": f"{FULL['fr']} : vider plus tôt.",
        "en": f"{FULL['en']}: empty earlier.",
    },
    ("empty_earlier", "full_pct days_between_emptyings"): {
        "fr": f"{FULL['fr']}, vidé tous les {{days_between_emptyings}} jours : vider plus tôt.",
        "en": f"{FULL['en']}, emptied every {{days_between_emptyings}} days: empty earlier.",
    },
    ("add", "full_pct days_between_emptyings"): {
        "fr": f"{FULL['fr']}, alors qu'il est vidé tous les {{days_between_emptyings}} jours : ajouter une borne.",
        "en": f"{FULL['en']}, although emptied every {{days_between_emptyings}} days: add a bin.",
    },
    ("add", "inhabitants_per_bin bins_lacking"): {
        "fr": "{inhabitants_per_bin} habitants par borne connue ici (référence : {inhabitants_per_bin_threshold}) : "
        "il en manque {bins_lacking}.",
        "en": "{inhabitants_per_bin} inhabitants for each bin known here (reference "
        "{inhabitants_per_bin_threshold}): {bins_lacking} lacking.",
    },
    ("move", "kg_per_bin_day median_kg_per_bin_day"): {
        "fr": "{kg_per_bin_day} kg par borne et par jour, quand la médiane de la commune est de "
        "{median_kg_per_bin_day} (seuil : {kg_per_bin_day_threshold}) : déplacer.",
        "en": "{kg_per_bin_day} kg a bin and day, where the median of the commune is {median_kg_per_bin_day} "
        "(threshold {kg_per_bin_day_threshold}): move.",
    },
}


def say(judgement: Judgement, language: Language) -> str:
    """Return the sentence of a judgement."""
    if judgement.advice is None:
        assert judgement.no_advice is not None  # noqa: S101 (one of the two)
        return WHY_NONE[judgement.no_advice][language]
    facts: dict[str, str] = {}
    for each in judgement.reasons:
        facts[each.name] = write(each.value, language)
        if each.threshold is not None:
            facts[f"{each.name}_threshold"] = write(each.threshold, language)
    names = " ".join(each.name for each in judgement.reasons)
    return SENTENCES[judgement.advice, names][language].format(**facts)


def write(value: Decimal, language: Language) -> str:
    """Return "1,234.5" without noughts at its end, in French "1 234,5"; from 10 on to one digit."""
    rounded = round(value, 1) if value >= 10 else value
    whole, _, rest = f"{rounded:,f}".partition(".")
    rest = rest.rstrip("0")
    if language == "fr":
        whole = whole.replace(",", "\u202f")
    return f"{whole}{',' if language == 'fr' else '.'}{rest}" if rest else whole
