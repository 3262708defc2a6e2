"""Drafts of tariffs and campaigns: nothing is in force before it is published, and nothing published is edited."""

import datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

from rewards.campaigns import CampaignUnknownError, list_campaigns, list_published_campaigns, stop_campaign
from rewards.drafts import (
    CampaignInThePastError,
    CampaignWithoutEndError,
    DefinitionInvalidError,
    DraftEndedError,
    DraftNotRehearsedError,
    DraftUnknownError,
    TariffGapError,
    TariffInThePastError,
    TariffOverlapError,
    change_draft,
    create_draft,
    discard_draft,
    get_draft,
    list_drafts,
    publish_draft,
)
from rewards.drafts.keeping import note_rehearsed
from rewards.ids import new_id
from rewards.rehearsal import rehearse_draft
from rewards.rules import find_rules
from rewards.tariffs import list_published_tariffs
from tests.databases import Database
from tests.factories import build_town

DAY = datetime.timedelta(days=1)
TARIFF: dict[str, Any] = {
    "name": "Tarif 2027",
    "day_cap_points": 50,
    "welcome_points": 10,
    "lines": {"glass": {"points": 2}, "plastic": {"points": 5, "per": "kilogram"}},
}
CAMPAIGN: dict[str, Any] = {
    "name": "Semaine du tri",
    "from": datetime.datetime(2026, 12, 1),  # noqa: DTZ001 (as TOML reads a local one)
    "until": "2026-12-08T00:00:00",
    "multiplier_percent": 200,
    "weekdays": [6, 7],
    "from_time": "08:00",
    "until_time": "12:00",
    "materials": ["glass"],
    "communes": ["93066"],
    "sites": ["B"],
    "budget_points": 1000,
}
BY = {"authority_id": 7, "made_by": "ada"}


@pytest.fixture
def connection(database: Database, keyring):
    with database.engine().begin() as connection:
        build_town(connection, keyring)
    with database.engine("bontri_operator").connect() as connection:
        yield connection


def rehearsed(connection: Connection, kind: Any, definition: dict[str, Any], now: datetime.datetime) -> UUID:
    draft_id = create_draft(connection, kind, definition, **BY, now=now)
    rehearse_draft(connection, draft_id, authority_id=7, since=now - DAY, until=now, now=now)
    connection.execute(text("DROP TABLE replayed"))
    return draft_id


def publish(connection: Connection, draft_id: UUID, now: datetime.datetime, **more: Any) -> UUID:
    return publish_draft(connection, draft_id, authority_id=7, published_by="grace", now=now, **more)


def test_a_tariff_goes_from_draft_over_rehearsal_to_publication(connection, now):
    draft_id = create_draft(connection, "tariff", TARIFF, **BY, now=now)
    with pytest.raises(DraftNotRehearsedError):
        publish(connection, draft_id, now, valid_from=now + DAY)
    rehearse_draft(connection, draft_id, authority_id=7, since=now - DAY, until=now, now=now)
    tariff_id = publish(connection, draft_id, now, valid_from=now + DAY)
    assert [(each.state, each.valid_from) for each in list_published_tariffs(connection, authority_id=7, now=now)] == [
        ("to come", now + DAY),
        ("in force", datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)),
    ]
    later = list_published_tariffs(connection, authority_id=7, now=now + 2 * DAY)
    assert [each.state for each in later] == ["in force", "superseded"]
    assert later[0].tariff_id == tariff_id
    assert later[0].lines == {"glass": ("item", 2), "plastic": ("kilogram", 5)}
    draft = get_draft(connection, draft_id, authority_id=7)
    assert (draft.state, draft.published_by, draft.published_id) == ("published", "grace", tariff_id)
    for change in (
        lambda: publish(connection, draft_id, now, valid_from=now + 3 * DAY),
        lambda: change_draft(connection, draft_id, TARIFF, authority_id=7, changed_by="ada", now=now),
        lambda: discard_draft(connection, draft_id, authority_id=7),
    ):
        with pytest.raises(DraftEndedError):
            change()


def test_a_campaign_is_published_by_the_clock_of_the_authority(connection, now):
    campaign_id = publish(connection, rehearsed(connection, "campaign", CAMPAIGN, now), now)
    [campaign] = list_campaigns(connection, authority_id=7)
    assert campaign.valid_from == datetime.datetime(2026, 11, 30, 23, tzinfo=datetime.UTC)
    assert campaign.valid_until == datetime.datetime(2026, 12, 7, 23, tzinfo=datetime.UTC)
    assert (campaign.weekdays, campaign.from_time) == (frozenset({6, 7}), datetime.time(8))
    # Saint-Denis by its commune, the other site by its reference.
    assert campaign.site_ids is not None
    assert len(campaign.site_ids) == 2
    assert campaign.has_budget
    rules = find_rules(connection, "plaine-commune")
    assert rules is not None
    assert [each.campaign_id for each in rules.campaigns] == [str(campaign_id)]
    [listed] = list_published_campaigns(connection, authority_id=7, now=now)
    assert (listed.state, listed.budget_points, listed.used_points) == ("to come", 1000, 0)


def test_a_campaign_is_stopped_once_and_keeps_what_was_before(connection, now):
    campaign_id = publish(connection, rehearsed(connection, "campaign", CAMPAIGN, now), now)
    during = datetime.datetime(2026, 12, 3, tzinfo=datetime.UTC)
    stop_campaign(connection, campaign_id, authority_id=7, now=during)
    [campaign] = list_campaigns(connection, authority_id=7)
    assert campaign.valid_until == during
    for unknown in (campaign_id, new_id()):
        with pytest.raises(CampaignUnknownError):
            stop_campaign(connection, unknown, authority_id=7, now=during + DAY)


def test_a_change_asks_for_another_rehearsal(connection, now):
    draft_id = rehearsed(connection, "tariff", TARIFF, now)
    change_draft(connection, draft_id, {**TARIFF, "name": "cheaper"}, authority_id=7, changed_by="eve", now=now)
    with pytest.raises(DraftNotRehearsedError):
        publish(connection, draft_id, now, valid_from=now + DAY)
    [draft] = list_drafts(connection, "tariff", authority_id=7)
    assert (draft.name, draft.state, draft.version, draft.changed_by) == ("cheaper", "draft", 2, "eve")


def test_a_rehearsal_of_what_was_changed_meanwhile_counts_for_nothing(connection, now):
    draft_id = create_draft(connection, "tariff", TARIFF, **BY, now=now)
    seen = get_draft(connection, draft_id, authority_id=7)
    change_draft(connection, draft_id, TARIFF, authority_id=7, changed_by="eve", now=now)
    assert not note_rehearsed(connection, seen, authority_id=7, now=now)
    assert get_draft(connection, draft_id, authority_id=7).state == "draft"


def test_times_that_are_not_free_are_refused(connection, now):
    draft_id = rehearsed(connection, "tariff", TARIFF, now)
    for valid_from, error in (
        (now, TariffInThePastError),
        (now - DAY, TariffInThePastError),
    ):
        with pytest.raises(error), connection.begin_nested():
            publish(connection, draft_id, now, valid_from=valid_from)
    publish(connection, draft_id, now, valid_from=now + DAY)
    again = rehearsed(connection, "tariff", TARIFF, now)
    with pytest.raises(TariffOverlapError), connection.begin_nested():
        publish(connection, again, now, valid_from=now + DAY)
    # Nothing was half done: it can be published for another time.
    publish(connection, again, now, valid_from=now + 2 * DAY)
    late = rehearsed(connection, "campaign", CAMPAIGN, now)
    with pytest.raises(CampaignInThePastError), connection.begin_nested():
        publish(connection, late, now + 30 * DAY)


@pytest.mark.parametrize(
    ("kind", "change", "fault"),
    [
        ("tariff", {"name": " "}, "name must be"),
        ("tariff", {"name": 7}, "name must be"),
        ("tariff", {"lines": {}}, "lines must give points"),
        ("tariff", {"lines": {"glass": {"points": -1}}}, "lines.glass.points must be a whole number from 0"),
        ("tariff", {"lines": {"glass": {"points": 1.5}}}, "not 1.5"),
        ("tariff", {"lines": {"glass": {"points": True}}}, "not True"),
        ("tariff", {"lines": {"glass": {"points": 10_001}}}, "from 0 to 10000"),
        ("tariff", {"lines": {"glass": {"points": 1, "per": "litre"}}}, 'or per = "kilogram"'),
        ("tariff", {"lines": {"glass": 3}}, "lines.glass must be like"),
        ("tariff", {"lines": {"wood": {"points": 1}}}, "material wood is not known"),
        ("tariff", {"day_cap_points": 0}, "day_cap_points must be a whole number from 1"),
        ("tariff", {"welcome_points": -3}, "welcome_points must be"),
        ("tariff", {"caps": 3}, "caps is not known here"),
        ("campaign", {"from": None}, "from must say when it begins"),
        ("campaign", {"from": "soon"}, "from must be a local date and time, not soon"),
        ("campaign", {"from": "2026-12-01T00:00:00+01:00"}, "from must be a local date and time"),
        ("campaign", {"until": "2026-11-01T00:00:00"}, "until is not after from"),
        ("campaign", {"bonus_points": 3}, "give either multiplier_percent or bonus_points"),
        ("campaign", {"multiplier_percent": None}, "give either multiplier_percent or bonus_points"),
        ("campaign", {"multiplier_percent": 100}, "from 101 to 1000"),
        ("campaign", {"weekdays": [0]}, "weekdays must be"),
        ("campaign", {"weekdays": []}, "weekdays must be"),
        ("campaign", {"from_time": None}, "both from_time and until_time"),
        ("campaign", {"until_time": "07:00"}, "until_time is not after from_time"),
        ("campaign", {"from_time": "25:00"}, "from_time must be a local time"),
        ("campaign", {"materials": "glass"}, "materials must be a list"),
        ("campaign", {"materials": ["wood"]}, "material wood is not known"),
        ("campaign", {"sites": ["Z"]}, "site Z is not known"),
        ("campaign", {"communes": ["75001"]}, "commune 75001 is not known"),
        ("campaign", {"first_deposit_only": "yes"}, "first_deposit_only must be true or false"),
        ("campaign", {"budget_points": 0}, "budget_points must be"),
    ],
)
def test_bad_definitions_are_refused_with_every_fault_named(connection, now, kind, change, fault):
    definition = {**(TARIFF if kind == "tariff" else CAMPAIGN), **change}
    with pytest.raises(DefinitionInvalidError) as refusal:
        create_draft(connection, kind, {k: v for k, v in definition.items() if v is not None}, **BY, now=now)
    assert fault in str(refusal.value)
    assert list_drafts(connection, kind, authority_id=7, with_ended=True) == []


def test_all_faults_are_named_at_once(connection, now):
    with pytest.raises(DefinitionInvalidError) as refusal:
        create_draft(connection, "tariff", {"name": "", "lines": {"glass": {"points": -1}}, "x": 1}, **BY, now=now)
    assert len(refusal.value.faults) == 3


def test_gaps_and_campaigns_without_an_end_have_codes_of_their_own(connection, now):
    with pytest.raises(TariffGapError, match="no line for plastic"):
        create_draft(connection, "tariff", {**TARIFF, "lines": {"glass": {"points": 2}}}, **BY, now=now)
    endless = {name: value for name, value in CAMPAIGN.items() if name != "until"}
    with pytest.raises(CampaignWithoutEndError):
        create_draft(connection, "campaign", endless, **BY, now=now)


def test_what_is_unknown_or_another_authoritys_is_not_found(connection, now):
    draft_id = create_draft(connection, "tariff", TARIFF, **BY, now=now)
    for authority_id, wanted in ((7, new_id()), (8, draft_id)):
        with pytest.raises(DraftUnknownError):
            get_draft(connection, wanted, authority_id=authority_id)
        with pytest.raises(DraftUnknownError):
            discard_draft(connection, wanted, authority_id=authority_id)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE tariffs SET name = 'x'",
        "UPDATE tariff_lines SET points = 0",
        "DELETE FROM tariff_lines",
        "UPDATE campaigns SET multiplier_percent = 900",
        "UPDATE campaigns SET valid_until = valid_from",
        "DELETE FROM campaigns",
    ],
)
def test_nobody_can_edit_what_is_published(connection, database, change):
    for role in ("bontri_operator", "bontri_api", "bontri_ingest"):
        with pytest.raises(ProgrammingError) as refusal, database.engine(role).begin() as other:
            other.execute(text(change))
        assert refusal.value.orig.sqlstate == "42501"
