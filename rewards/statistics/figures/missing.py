"""Why a figure is missing: a closed list, told beside it. Missing is never zero."""

from enum import StrEnum

from rewards.languages import Language


class Missing(StrEnum):
    """What stands in the place of a figure that nobody knows."""

    NO_BIN = "no_bin"
    NOTHING_REPORTED = "nothing_reported"
    UNIT_MASS_UNKNOWN = "unit_mass_unknown"
    POPULATION_UNKNOWN = "population_unknown"
    NOTHING_PRESENTED = "nothing_presented"
    NOT_OF_A_PLACE = "not_of_a_place"
    NOT_OF_A_MATERIAL = "not_of_a_material"
    GLASS_ONLY = "glass_only"


MEANINGS: dict[Missing, dict[Language, str]] = {
    Missing.NO_BIN: {
        "fr": "aucune borne n'y était installée",
        "en": "no bin stood there",
    },
    Missing.NOTHING_REPORTED: {
        "fr": "une borne y était installée et n'a rien transmis : inconnu, et non zéro",
        "en": "a bin stood there and reported nothing: unknown, not zero",
    },
    Missing.UNIT_MASS_UNKNOWN: {
        "fr": "la masse d'un objet de cette matière est inconnue et la borne ne pèse pas",
        "en": "nobody knows what an item of the material weighs, and the bin does not weigh",
    },
    Missing.POPULATION_UNKNOWN: {
        "fr": "la population du lieu est inconnue ; un site ou une borne n'en a pas",
        "en": "the population of the place is unknown; a site or a bin has none",
    },
    Missing.NOTHING_PRESENTED: {
        "fr": "aucun objet n'a été présenté",
        "en": "no item was presented",
    },
    Missing.NOT_OF_A_PLACE: {
        "fr": "ne se rapporte qu'à la collectivité entière",
        "en": "is of the whole authority only",
    },
    Missing.NOT_OF_A_MATERIAL: {
        "fr": "ne se rapporte qu'à toutes les matières ensemble",
        "en": "is of all materials together only",
    },
    Missing.GLASS_ONLY: {
        "fr": "n'est défini que pour le verre",
        "en": "is defined for glass only",
    },
}
