"""Every refusal of an operator's command is explained to operators, by its code, and no other is."""

import re
from pathlib import Path

import bontri.quarantine.refusals
import rewards.authorities
import rewards.campaigns
import rewards.cards.refusals
import rewards.causes.refusals
import rewards.corrections.refusals
import rewards.drafts.refusals
import rewards.fleet.refusals
import rewards.goals.refusals
import rewards.households.refusals
import rewards.jobs
import rewards.ledger.accounts
import rewards.mass_balance.refusals
import rewards.offers.budgets
import rewards.outbox.listing
import rewards.privacy.refusals
import rewards.quarantine.refusals
import rewards.rehearsal
import rewards.reviews.refusals
import rewards.rollups.rebuilding
import rewards.settlement.refusals
import rewards.shop_register
import rewards.sites
import rewards.statistics.effect.asking
import rewards.statistics.publications.refusals
import rewards.statistics.unit_masses
import rewards.tariffs
from rewards.errors import OperatorRefusedError

MODULES = (
    bontri.quarantine.refusals,
    rewards.authorities,
    rewards.campaigns,
    rewards.cards.refusals,
    rewards.causes.refusals,
    rewards.corrections.refusals,
    rewards.drafts.refusals,
    rewards.fleet.refusals,
    rewards.goals.refusals,
    rewards.households.refusals,
    rewards.jobs,
    rewards.ledger.accounts,
    rewards.mass_balance.refusals,
    rewards.outbox.listing,
    rewards.quarantine.refusals,
    rewards.privacy.refusals,
    rewards.reviews.refusals,
    rewards.offers.budgets,
    rewards.rehearsal,
    rewards.rollups.rebuilding,
    rewards.settlement.refusals,
    rewards.shop_register,
    rewards.sites,
    rewards.statistics.effect.asking,
    rewards.statistics.publications.refusals,
    rewards.statistics.unit_masses,
    rewards.tariffs,
)
"""Where refusals are declared; imported, or they would not be found."""

PAGE = Path(rewards.fleet.refusals.__file__).parents[2] / "docs" / "operators.md"


def list_refusals(base: type[OperatorRefusedError] = OperatorRefusedError) -> list[type[OperatorRefusedError]]:
    return [each for sub in base.__subclasses__() for each in (sub, *list_refusals(sub))]


def test_every_refusal_has_a_code_of_its_own_and_a_title() -> None:
    codes = [refusal.code for refusal in list_refusals()]
    assert len(codes) > 10
    assert len(set(codes)) == len(codes)
    assert all(refusal.__doc__ for refusal in list_refusals())


def test_every_code_of_a_refusal_is_explained_to_operators() -> None:
    section = PAGE.read_text(encoding="utf-8").partition("\n### What is refused\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == {refusal.code for refusal in list_refusals()}
