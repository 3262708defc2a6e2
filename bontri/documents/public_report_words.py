"""What the public report says beside the words it shares with the report of agents; French and English."""

from rewards.languages import Language

SAID: dict[Language, dict[str, str]] = {
    "fr": {
        "change": "{year} : {mass}, {per} kg par habitant desservi. Aucune évolution n’en est tirée : des bornes ont "
        "pu être ajoutées, retirées ou muettes.",
        "before_unpublished": "Aucune masse de {year} n’est publiée : rien n’est comparé.",
        "per": "Cela fait {per} kg par habitant desservi et par an.",
        "holders": "{holders} foyers ou personnes ont déposé au moins une fois avec leur badge.",
        "sources": "Ne figurent ici que les chiffres publiés, l’implantation des bornes et la population. Zéro : aucun "
        "dépôt n’avait été transmis ; le silence d’une borne n’est pas publié. Les mêmes chiffres sont "
        "en CSV, JSON et GeoJSON sur la page des données ouvertes de la collectivité.",
    },
    "en": {
        "change": "{year}: {mass}, {per} kg per inhabitant served. No change is drawn from it: bins may have been "
        "added, removed or silent.",
        "before_unpublished": "No mass of {year} is published: nothing is compared.",
        "per": "That is {per} kg per inhabitant served and year.",
        "holders": "{holders} households or persons dropped something with their badge at least once.",
        "sources": "In it are published figures, where bins stood, and the population, and nothing else. Zero: no "
        "deposit was reported by then; whether a bin was silent is not published. The same figures are "
        "on the authority’s page of open data as CSV, JSON and GeoJSON.",
    },
}

CARDS = ("card_sorted", "card_per", "card_holders")
METHOD_LINES = (0, 1, 2, 6)
"""Of the method of agents' report: figures of bins, per inhabitant, secrecy, the law."""
TERMS = (0, 1, 2, 3, 7)
"""Of its glossary: bin, site, deposit, who took part, withheld."""
