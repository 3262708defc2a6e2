"""What each column of the open data is, in words: the same names as in the files."""

from collections.abc import Mapping

from rewards.languages import Language

COLUMNS: Mapping[str, Mapping[Language, str]] = {
    "granularity": {"fr": "« month » ou « year » : mois ou année civile.", "en": "“month” or “year”, of the calendar."},
    "first_day": {"fr": "Premier jour du mois ou de l’année.", "en": "First day of the month or year."},
    "level": {
        "fr": "Territoire : « authority » (la collectivité), « commune » ou « site » (point d’apport).",
        "en": "Place: “authority”, “commune” or “site”.",
    },
    "code": {
        "fr": "Code INSEE de la commune, identifiant du point d’apport ; vide pour la collectivité.",
        "en": "INSEE code of the commune, id of the site; empty for the authority.",
    },
    "name": {"fr": "Nom du territoire.", "en": "Name of the place."},
    "insee_code": {
        "fr": "Code INSEE de la commune où était le point d’apport.",
        "en": "INSEE code of the commune the site was in then.",
    },
    "material": {"fr": "Matière ; vide : toutes ensemble.", "en": "Material; empty: all together."},
    "is_withheld": {
        "fr": "« true » : secret statistique. Moins de 11 porteurs, ou d’autres chiffres s’en déduiraient.",
        "en": "“true”: withheld. Fewer than 11 holders, or others could be worked out from it.",
    },
    "deposits": {
        "fr": "Dépôts signalés par les bornes, anonymes compris ; ni personnes ni visites.",
        "en": "Deposits reported by bins, anonymous ones too; neither persons nor visits.",
    },
    "items": {"fr": "Objets acceptés.", "en": "Items the bins accepted."},
    "kg": {
        "fr": "Kilogrammes pesés par la borne, sinon objets × masse unitaire ; vide si elle est inconnue.",
        "en": "Kilograms weighed by the bin, else items × unit mass; empty where that is not known.",
    },
    "points": {"fr": "Points attribués pour ces dépôts.", "en": "Points given for these deposits."},
    "holders": {
        "fr": "Portefeuilles actifs (un citoyen ou un foyer) ; ne s’additionnent jamais.",
        "en": "Active wallets (of a citizen or a household); never to be added up.",
    },
    "latitude": {"fr": "Du point d’apport, WGS 84.", "en": "Of the site, WGS 84."},
    "longitude": {"fr": "Du point d’apport, WGS 84.", "en": "Of the site, WGS 84."},
    "licence": {"fr": "Licence de réutilisation.", "en": "Under which it may be passed on."},
}


def describe_columns(language: Language) -> list[tuple[str, str]]:
    """List the columns as they come in the files, with what each is."""
    return [(name, words[language]) for name, words in COLUMNS.items()]
