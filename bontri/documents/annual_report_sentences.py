"""What the public report of a year says about its figures and how they are come by, in French and English."""

from rewards.languages import Language

SENTENCES: dict[Language, dict[str, str]] = {
    "fr": {
        "territory": "{bins} bornes étaient installées sur {sites} points d’apport, dans {equipped} des {communes} "
        "communes.",
        "density": "Cela fait une borne pour {density} habitants. Pour atteindre la référence d’une borne pour "
        "{reference} habitants, il en faudrait {lacking} de plus.",
        "moved": "{count} bornes ont été installées ou retirées en cours d’année.",
        "sorted": "Les habitants ont déposé {mass} en {deposits} dépôts.",
        "sorted_withheld": "La masse triée n’est pas dite : {why}.",
        "change": "Par rapport à {year} ({mass}), c’est {change} par jour, à bornes égales.",
        "no_change": "Aucune comparaison avec {year} : {why}. Une comparaison sans bornes égales ferait passer "
        "l’équipement pour du tri.",
        "before_unpublished": "rien n’en a été publié",
        "beside": "Ce que prennent les bornes du dispositif est une partie de ce qui est collecté ; le reste l’est par "
        "les autres colonnes ou en porte-à-porte.",
        "beside_old": "Références de {year}, les plus proches connues.",
        "capture": "Taux de captage : {percent} du verre est collecté à part, le reste part aux ordures résiduelles.",
        "holders": "{holders} foyers ou personnes ont déposé au moins une fois avec leur badge.",
        "holders_unknown": "Le nombre de participants n’est pas dit : il est masqué ou n’a pas été publié.",
        "new": "{percent} d’entre eux ont déposé pour la première fois dans l’année.",
        "new_withheld": "La part des nouveaux est masquée : elle en dirait trop sur un petit nombre.",
        "served": "Cela fait {percent} des {households} foyers desservis ({source}).",
        "registered": "Cela fait {percent} des inscrits ; le nombre de foyers desservis n’est pas connu.",
        "anonymous": "{percent} des dépôts étaient anonymes, sans badge.",
        "refusal": "Les bornes ont refusé {percent} des objets présentés. Le refus en centre de tri, en masse, est un "
        "autre chiffre.",
        "refusal_unknown": "Le taux de refus n’est pas connu.",
        "effect_not": "Un pourcentage sans intervalle, ou sans témoin, n’est jamais montré.",
        "effect_how": "Méthode : chaque point équipé est comparé à des points qui ne l’étaient pas encore, aux mêmes "
        "mois, avant et après. Kilogrammes : {source}.",
        "points": "{issued} points ont été attribués, {redeemed} utilisés et {expired} ont expiré.",
        "points_withheld": "Les points et les montants ne sont pas dits : trop peu de personnes sont derrière.",
        "paid": "Les commerçants ont reçu {amount} au titre des relevés arrêtés de l’année.",
        "paid_nothing_locked": "Aucun relevé de commerçant de l’année n’est arrêté.",
        "paid_withheld": "Les versements ne sont pas dits : trop peu de personnes sont derrière.",
        "owed": "À la fin de l’année, la collectivité devait {amount} si tous les points et bons étaient utilisés, "
        "{expected} au rythme observé.",
        "owed_one": "À la fin de l’année, la collectivité devait {amount} si tous les points et bons étaient utilisés.",
        "worth": "Recycler ce verre évite entre {low} et {high} de CO₂. C’est pour tout le verre des bornes, et non "
        "pour l’effet du dispositif.",
        "worth_unknown": "Le CO₂ évité n’est pas dit : la masse de verre n’est pas publiée.",
        "cost": "Chaque tonne de verre supplémentaire coûte {amount} de moins que laissée aux ordures. À ne pas "
        "multiplier par tout le verre collecté.",
        "cost_more": "Chaque tonne de verre supplémentaire coûte {amount} de plus que laissée aux ordures.",
        "balance": "À la collecte, les bennes sont pesées et comparées à ce que les bornes avaient compté. 1,00 : "
        "autant que compté.",
        "no_balance": "Aucune collecte pesée ne peut être montrée pour l’année.",
        "lacking_none": "Toutes les bornes ont transmis chaque mois où elles étaient installées.",
        "lacking": "{bins} bornes n’ont rien transmis pendant une partie de l’année. Un trou n’est pas une baisse.",
        "lacking_months": "Mois sans aucune nouvelle : {months}.",
        "lacking_communes": "Communes dont aucune borne n’a transmis : {communes}.",
        "lacking_more": "Seules les {count} premières sont nommées.",
        "withheld_cells": "{withheld} des {cells} cases publiées sont masquées.",
    },
    "en": {
        "territory": "{bins} bins stood at {sites} sites, in {equipped} of the {communes} communes.",
        "density": "That is one bin for {density} inhabitants. The reference of one bin for {reference} asks for "
        "{lacking} more.",
        "moved": "{count} bins were placed or removed within the year.",
        "sorted": "Inhabitants dropped {mass} in {deposits} deposits.",
        "sorted_withheld": "The mass that was sorted is not told: {why}.",
        "change": "Against {year} ({mass}) that is {change} a day, with the same bins.",
        "no_change": "Nothing is compared with {year}: {why}. Without the same bins, new equipment would be read as "
        "more sorting.",
        "before_unpublished": "nothing of it was published",
        "beside": "What the bins of the scheme take is a part of what is collected; the rest is by other columns or at "
        "the kerb.",
        "beside_old": "References of {year}, the nearest known.",
        "capture": "Capture rate: {percent} of glass is collected separately, the rest goes into residual waste.",
        "holders": "{holders} households or persons dropped something with their badge at least once.",
        "holders_unknown": "How many took part is not told: it is withheld or was not published.",
        "new": "{percent} of them did so for the first time.",
        "new_withheld": "The share of newcomers is withheld: it would tell too much of a few.",
        "served": "That is {percent} of the {households} households served ({source}).",
        "registered": "That is {percent} of those registered; how many households are served is not known.",
        "anonymous": "{percent} of deposits were anonymous, without a badge.",
        "refusal": "Bins refused {percent} of the items presented. Refusal at the sorting centre, by mass, is another "
        "figure.",
        "refusal_unknown": "The refusal rate is not known.",
        "effect_not": "A percentage without an interval, or without a control, is never shown.",
        "effect_how": "Method: each equipped site is compared with sites not yet equipped, over the same months, "
        "before and after. Kilograms: {source}.",
        "points": "{issued} points were issued, {redeemed} spent, and {expired} expired.",
        "points_withheld": "Points and amounts are not told: too few persons stand behind them.",
        "paid": "Shops were paid {amount} by the locked statements of the year.",
        "paid_nothing_locked": "No statement of a shop is locked for the year.",
        "paid_withheld": "Payments are not told: too few persons stand behind them.",
        "owed": "At the end of the year the authority owed {amount} if every point and voucher were spent, {expected} "
        "at the pace seen.",
        "owed_one": "At the end of the year the authority owed {amount} if every point and voucher were spent.",
        "worth": "Recycling this glass avoids {low} to {high} of CO₂. It is of all glass of the bins, not of the "
        "effect of the scheme.",
        "worth_unknown": "CO₂ avoided is not told: the mass of glass is not published.",
        "cost": "Each tonne of glass more costs {amount} less than left in residual waste. Not to be multiplied by all "
        "glass collected.",
        "cost_more": "Each tonne of glass more costs {amount} more than left in residual waste.",
        "balance": "At emptyings, what is collected is weighed and compared with what bins counted. 1.00: as counted.",
        "no_balance": "No weighed round of the year can be shown.",
        "lacking_none": "Every bin reported in each month it stood there.",
        "lacking": "{bins} bins reported nothing for some of the year. A hole is not a fall.",
        "lacking_months": "Months in which nothing was heard: {months}.",
        "lacking_communes": "Communes of which no bin reported: {communes}.",
        "lacking_more": "Only the first {count} are named.",
        "withheld_cells": "{withheld} of the {cells} published cells are withheld.",
    },
}

SOURCES_OF_KILOGRAMS: dict[Language, dict[str, str]] = {
    "fr": {
        "weighed": "pesées à la collecte",
        "tonnages": "tonnages de la collectivité",
        "counted": "comptés par les bornes",
    },
    "en": {"weighed": "weighed at emptyings", "tonnages": "tonnages of the authority", "counted": "counted by bins"},
}

METHOD: dict[Language, tuple[str, ...]] = {
    "fr": (
        "Chiffres des bornes : dépôts signalés par les bornes, par l’heure de la borne. Là où une borne ne pèse pas, "
        "la masse est le nombre d’objets × la masse unitaire en vigueur × le facteur d’étalonnage de la borne.",
        "Par habitant : masse / population municipale (INSEE) des communes équipées, au prorata des jours "
        "d’équipement.",
        "Secret : un chiffre derrière lequel se trouvent moins de 11 foyers ou personnes est masqué, et avec lui ceux "
        "qui permettraient de le retrouver par différence. Les dépôts reçus après la publication n’y figurent pas.",
        "Densité : référence d’une borne pour 500 habitants au moins (Biloba ; La Gazette 429208).",
        "Comparaisons : ADEME, SINOE, pondérées par la population ; jamais une moyenne de moyennes.",
        "Effet : différence de différences, intervalle à 95 % (Bertrand, Duflo et Mullainathan, 2004).",
        "Cadre : {law}.",
    ),
    "en": (
        "Figures of bins: deposits reported by bins, by the bin’s clock. Where a bin does not weigh, the mass is the "
        "number of items × the unit mass in force × the bin’s calibration factor.",
        "Per inhabitant: mass / municipal population (INSEE) of the communes with bins, by the days they had them.",
        "Secrecy: a figure with fewer than 11 households or persons behind it is withheld, and so are those by which "
        "it could be had by difference. Deposits that came in after publication are not in it.",
        "Density: reference of at least one bin per 500 inhabitants (Biloba; La Gazette 429208).",
        "Comparisons: ADEME, SINOE, weighted by population; never a mean of means.",
        "Effect: difference in differences, 95 % interval (Bertrand, Duflo and Mullainathan, 2004).",
        "Framework: {law}.",
    ),
}
