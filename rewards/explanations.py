"""How a movement of points came about, said in plain words, in French and English. Pure functions; no SQL here."""

import datetime
from dataclasses import dataclass
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from rewards.explanation_phrases import PHRASES
from rewards.languages import Language, format_day, format_kilograms, name_items, name_material, name_points


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
