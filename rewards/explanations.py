"""How a movement of points came about, said in plain words, in French and English. Pure functions; no SQL here."""

import datetime
from dataclasses import dataclass
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

Language = Literal["fr", "en"]

LANGUAGES: tuple[Language, ...] = ("fr", "en")
"""What the scheme speaks; the first where nothing is asked for."""

MATERIALS: dict[Language, dict[str, tuple[str, str]]] = {
    "fr": {
        "glass": ("verre", "verres"),
        "paper": ("papier", "papiers"),
        "plastic": ("plastique", "plastiques"),
        "can": ("canette", "canettes"),
    },
    "en": {"can": ("can", "cans")},
}
"""One item and several items of a material; the others get a general phrase."""

MONTHS: dict[Language, str] = {
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "en": "January February March April May June July August September October November December",
}

PHRASES: dict[Language, dict[str, str]] = {
    "fr": {
        "items": "{items} × {rate} = {base}",
        "kilograms": "{kilograms} kg ({material}) × {rate} par kg = {base}",
        "rounded": " (arrondi au point inférieur)",
        "multiplied": ", × {factor} « {campaign} » = {earned}",
        "added": ", + {extra} « {campaign} » = {earned}",
        "out_of_budget": ", + {extra} « {campaign} », dont le budget est épuisé = {earned}",
        "withheld": " ; {cap} : {withheld} retenus",
        "withheld_one": " ; {cap} : {withheld} retenu",
        "cap": "plafond",
        "cap_day": "plafond du jour",
        "cap_week": "plafond de la semaine",
        "cap_bin_hour": "plafond horaire de la borne",
        "and": " et ",
        "welcome": "Bienvenue : {points} offerts pour votre premier dépôt",
        "points_expired": "Fin de validité : {points} perdus",
        "wallets_merged": "Porte-monnaie réunis : {points} apportés, à partager désormais",
        "member_left": "Départ d'un membre du foyer : {points} partis avec lui",
        "share_received": "Votre part en quittant le foyer : {points}",
        "points_reinstated": "Points expirés rendus, {reason} : {points}",
        "points_credited": "Points manquants crédités, {reason} : {points}",
        "outage": "panne du service",
        "hardship": "par bienveillance",
        "in_review": " ; {points} à vérifier ({rule}), confirmés au plus tard le {due_on}",
        "posted": "Dépôt du {occurred_on} ({items}) vérifié : {points}",
        "voided": "Dépôt du {occurred_on} ({items}) vérifié et refusé, {reason} : {points} non crédités",
        "large_deposit": "dépôt très important",
        "doubtful_clock": "heure du dépôt inconnue",
        "late": " ; dépôt du {occurred_on}, enregistré le {recorded_on}",
        "corrected": "Correction du dépôt du {occurred_on} ({items}), {reason} : {taken} retirés",
        "bin_fault": "défaut de la borne",
        "wrong_card": "points d'une autre carte",
        "fraud": "fraude constatée",
        "mistake": "erreur de saisie",
        "donated_cause": "Don à « {name} » : {points} donnés",
        "donated_goal": "Objectif commun « {name} » : {points} donnés",
        "donation_returned_goal": "Objectif commun « {name} » non atteint : {points} rendus",
        "any_shop": "un commerçant du réseau",
        "voucher_issued": "Bon « {title} » chez {shop} : {price} réservés",
        "voucher_redeemed": "Bon « {title} » utilisé chez {shop} : {price} dépensés",
        "voucher_reversed": "Bon « {title} » : utilisation chez {shop} annulée, {price} rendus",
        "voucher_cancelled": "Bon « {title} » chez {shop} annulé : {price} rendus",
        "voucher_expired": "Bon « {title} » chez {shop} expiré : {price} rendus",
    },
    "en": {
        "items": "{items} × {rate} = {base}",
        "kilograms": "{kilograms} kg of {material} × {rate} per kg = {base}",
        "rounded": " (rounded down)",
        "multiplied": ", × {factor} “{campaign}” = {earned}",
        "added": ", + {extra} “{campaign}” = {earned}",
        "out_of_budget": ", + {extra} “{campaign}”, whose budget is used up = {earned}",
        "withheld": "; {cap}: {withheld} withheld",
        "withheld_one": "; {cap}: {withheld} withheld",
        "cap": "cap",
        "cap_day": "daily cap",
        "cap_week": "weekly cap",
        "cap_bin_hour": "hourly cap of the bin",
        "and": " and ",
        "welcome": "Welcome: {points} for your first deposit",
        "points_expired": "End of validity: {points} lost",
        "wallets_merged": "Wallets put together: {points} brought in, shared from now on",
        "member_left": "A member left the household: {points} went along",
        "share_received": "Your share on leaving the household: {points}",
        "points_reinstated": "Expired points given back, {reason}: {points}",
        "points_credited": "Missing points credited, {reason}: {points}",
        "outage": "the service was down",
        "hardship": "as a goodwill gesture",
        "in_review": "; {points} to be checked ({rule}), confirmed by {due_on} at the latest",
        "posted": "Deposit of {occurred_on} ({items}) checked: {points}",
        "voided": "Deposit of {occurred_on} ({items}) checked and refused, {reason}: {points} not credited",
        "large_deposit": "a very large deposit",
        "doubtful_clock": "the time of the deposit is unknown",
        "late": "; dropped on {occurred_on}, recorded on {recorded_on}",
        "corrected": "Correction of the deposit of {occurred_on} ({items}), {reason}: {taken} taken back",
        "bin_fault": "the bin was faulty",
        "wrong_card": "points of another card",
        "fraud": "fraud",
        "mistake": "a mistake of ours",
        "donated_cause": "Donation to “{name}”: {points} given",
        "donated_goal": "Collective goal “{name}”: {points} given",
        "donation_returned_goal": "Collective goal “{name}” was missed: {points} returned",
        "any_shop": "any partner shop",
        "voucher_issued": "Voucher “{title}” at {shop}: {price} held",
        "voucher_redeemed": "Voucher “{title}” redeemed at {shop}: {price} spent",
        "voucher_reversed": "Voucher “{title}”: its use at {shop} was taken back, {price} returned",
        "voucher_cancelled": "Voucher “{title}” at {shop} cancelled: {price} returned",
        "voucher_expired": "Voucher “{title}” at {shop} expired: {price} returned",
    },
}


@dataclass(frozen=True, slots=True)
class CampaignExplanation:
    """The campaign that added ``points``: a multiplier, or a bonus a deposit.

    ``is_out_of_budget``: it would have added more.
    """

    name: str
    multiplier_percent: int | None
    bonus_points: int | None
    points: int
    is_out_of_budget: bool


@dataclass(frozen=True, slots=True)
class DepositExplanation:
    """How a deposit's points came about: ``points`` = ``earned_points`` - ``withheld_points``.

    ``rate_points`` per item or kilogram (``basis``); what that comes to and what a ``campaign`` adds are
    ``earned_points``. ``withheld_by`` are the caps that held points back. ``is_late``: recorded on another day than it
    occurred, in the authority's time zone; tariff, campaign and caps are those of its own day. With a ``review_rule``
    the points wait for a review, until ``review_due_at`` at the latest.
    """

    material: str
    items: int
    mass_g: int | None
    basis: str
    rate_points: int
    earned_points: int
    withheld_points: int
    points: int
    occurred_at: datetime.datetime
    is_late: bool
    campaign: CampaignExplanation | None = None
    withheld_by: tuple[str, ...] = ()
    review_rule: str | None = None
    review_due_at: datetime.datetime | None = None

    @property
    def base_points(self) -> int:
        """What the tariff alone gives."""
        return self.earned_points - (self.campaign.points if self.campaign else 0)


@dataclass(frozen=True, slots=True)
class PlainExplanation:
    """Points that came, went or were moved for a reason that needs no facts; ``kind`` is the movement's."""

    kind: str
    points: int


@dataclass(frozen=True, slots=True)
class VoucherExplanation:
    """The voucher a movement is about; all of its price moves at once. ``shop`` is None when any shop takes it."""

    voucher_id: UUID
    title: str
    shop: str | None
    price_points: int


@dataclass(frozen=True, slots=True)
class CorrectionExplanation:
    """The deposit whose credit was taken back and why: ``taken_points`` from the wallet.

    ``lost_points`` were spent before; they are the authority's loss.
    """

    reason: str
    material: str
    items: int
    occurred_at: datetime.datetime
    taken_points: int
    lost_points: int


@dataclass(frozen=True, slots=True)
class DonationExplanation:
    """To whom points were given, or from which goal they came back; all of a donation moves at once."""

    donation_id: UUID
    receiver: Literal["cause", "goal"]
    name: str
    points: int


@dataclass(frozen=True, slots=True)
class ReviewExplanation:
    """The deposit whose credit of ``points`` was in review by a ``rule``; ``reason`` is why it is not given, if so."""

    rule: str
    reason: str | None
    material: str
    items: int
    occurred_at: datetime.datetime
    points: int


@dataclass(frozen=True, slots=True)
class CreditExplanation:
    """Missing points credited after all, and why they were missing."""

    reason: str
    points: int


@dataclass(frozen=True, slots=True)
class ReinstatementExplanation:
    """Points that had expired and were given back, and why."""

    reason: str
    points: int


Explanation = (
    DepositExplanation
    | VoucherExplanation
    | CorrectionExplanation
    | DonationExplanation
    | ReviewExplanation
    | ReinstatementExplanation
    | CreditExplanation
    | PlainExplanation
)


def explain_deposit(
    deposit: DepositExplanation, *, recorded_at: datetime.datetime, timezone: ZoneInfo, language: Language
) -> str:
    """Return the sentence for a deposit, such as "3 items of glass × 1 point = 3 points"."""
    phrases = PHRASES[language]
    facts = {
        "items": name_items(deposit.items, deposit.material, language),
        "kilograms": format_kilograms(deposit.mass_g or 0, language),
        "material": name_material(deposit.material, language),
        "rate": name_points(deposit.rate_points, language),
        "base": name_points(deposit.base_points, language),
        "withheld": name_points(deposit.withheld_points, language),
        "occurred_on": format_day(deposit.occurred_at.astimezone(timezone).date(), language),
        "recorded_on": format_day(recorded_at.astimezone(timezone).date(), language),
    }
    sentence = phrases["items" if deposit.basis == "item" else "kilograms"]
    if deposit.basis == "kilogram" and (deposit.mass_g or 0) * deposit.rate_points % 1000:
        sentence += phrases["rounded"]
    if deposit.campaign:
        sentence += phrases[phrase_of(deposit.campaign)]
        facts |= describe_campaign(deposit.campaign, deposit.earned_points, language)
    if deposit.withheld_points:
        sentence += phrases["withheld_one" if deposit.withheld_points == 1 else "withheld"]
        facts["cap"] = phrases["and"].join(phrases[f"cap_{kind}"] for kind in deposit.withheld_by) or phrases["cap"]
    if deposit.is_late:
        sentence += phrases["late"]
    if deposit.review_rule and deposit.review_due_at:
        sentence += phrases["in_review"]
        facts["points"] = name_points(deposit.points, language)
        facts["rule"] = phrases[deposit.review_rule]
        facts["due_on"] = format_day(deposit.review_due_at.astimezone(timezone).date(), language)
    return sentence.format(**facts)


def phrase_of(campaign: CampaignExplanation) -> str:
    """Return which phrase says what a campaign did."""
    if campaign.is_out_of_budget:
        return "out_of_budget"
    return "added" if campaign.multiplier_percent is None else "multiplied"


def describe_campaign(campaign: CampaignExplanation, earned_points: int, language: Language) -> dict[str, str]:
    """Return what a phrase about a campaign is filled with."""
    factor = f"{(campaign.multiplier_percent or 0) / 100:g}"
    return {
        "campaign": campaign.name,
        "extra": name_points(campaign.points, language),
        "factor": factor.replace(".", ",") if language == "fr" else factor,
        "earned": name_points(earned_points, language),
    }


def explain_plainly(plain: PlainExplanation, *, language: Language) -> str:
    """Return the sentence for a movement that needs no facts."""
    return PHRASES[language][plain.kind].format(points=name_points(plain.points, language))


def explain_voucher(voucher: VoucherExplanation, *, kind: str, language: Language) -> str:
    """Return the sentence for a movement of ``kind``, one of the ``voucher_…`` kinds of a statement."""
    price = name_points(voucher.price_points, language)
    return PHRASES[language][kind].format(
        title=voucher.title, shop=voucher.shop or PHRASES[language]["any_shop"], price=price
    )


def explain_correction(correction: CorrectionExplanation, *, timezone: ZoneInfo, language: Language) -> str:
    """Return the sentence for points taken back."""
    phrases = PHRASES[language]
    return phrases["corrected"].format(
        occurred_on=format_day(correction.occurred_at.astimezone(timezone).date(), language),
        items=name_items(correction.items, correction.material, language),
        reason=phrases[correction.reason],
        taken=name_points(correction.taken_points, language),
    )


def explain_donation(donation: DonationExplanation, *, kind: str, language: Language) -> str:
    """Return the sentence for a movement of ``kind``: ``donated`` or ``donation_returned``."""
    phrase = PHRASES[language][f"{kind}_{donation.receiver}"]
    return phrase.format(name=donation.name, points=name_points(donation.points, language))


def explain_review(review: ReviewExplanation, *, timezone: ZoneInfo, language: Language) -> str:
    """Return the sentence for the end of a review."""
    phrases = PHRASES[language]
    return phrases["voided" if review.reason else "posted"].format(
        occurred_on=format_day(review.occurred_at.astimezone(timezone).date(), language),
        items=name_items(review.items, review.material, language),
        reason=phrases[review.reason] if review.reason else "",
        points=name_points(review.points, language),
    )


def explain_reinstatement(reinstatement: ReinstatementExplanation, *, language: Language) -> str:
    """Return the sentence for expired points given back."""
    phrases = PHRASES[language]
    return phrases["points_reinstated"].format(
        reason=phrases[reinstatement.reason], points=name_points(reinstatement.points, language)
    )


def explain_credit(credit: CreditExplanation, *, language: Language) -> str:
    """Return the sentence for missing points that were credited."""
    phrases = PHRASES[language]
    return phrases["points_credited"].format(reason=phrases[credit.reason], points=name_points(credit.points, language))


def name_points(points: int, language: Language) -> str:
    """Return "1 point", "2 points"; zero is singular in French."""
    return f"{points} point" if points == 1 or (points == 0 and language == "fr") else f"{points} points"


def name_items(items: int, material: str, language: Language) -> str:
    """Return "3 verres", "3 items of glass", "1 can"."""
    is_one = items <= 1 if language == "fr" else items == 1
    known = MATERIALS[language].get(material)
    if known:
        return f"{items} {known[0] if is_one else known[1]}"
    if language == "fr":
        return f"{items} {'objet' if is_one else 'objets'} ({material})"
    return f"{items} {'item' if is_one else 'items'} of {material}"


def name_material(material: str, language: Language) -> str:
    """Return the material's name, itself where it has no translation."""
    return MATERIALS[language].get(material, (material,))[0]


def format_kilograms(mass_g: int, language: Language) -> str:
    """Return grams as kilograms to the gram: "2.350", in French "2,350"."""
    kilograms = f"{mass_g // 1000}.{mass_g % 1000:03}"
    return kilograms.replace(".", ",") if language == "fr" else kilograms


def name_month(month: datetime.date, language: Language) -> str:
    """Return "November 2026" in the language."""
    return f"{MONTHS[language].split()[month.month - 1]} {month.year}"


def format_day(day: datetime.date, language: Language) -> str:
    """Return "21 November 2026", in French "1er novembre 2026" for a first."""
    number = "1er" if day.day == 1 and language == "fr" else str(day.day)
    return f"{number} {name_month(day, language)}"
