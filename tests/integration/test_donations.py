"""Points given to a cause: oldest lot first, for good, explained, and reported by month in points and cents."""

import datetime
from importlib.resources import files

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text

from rewards.causes import (
    CauseMissingError,
    CauseNumberError,
    CauseStateError,
    CauseTerms,
    add_cause,
    end_cause,
    list_causes,
    list_months,
    pause_cause,
    resume_cause,
)
from rewards.donations import CauseNotActiveError, CauseUnknownError, DonationPointsError
from rewards.funders import FunderUnknownError, add_funder
from rewards.ids import new_id
from rewards.keyring import Keyring
from rewards.statements import explain
from rewards.wallets import PointsInsufficientError
from tests.databases import Database
from tests.donation_scene import DAY, PARIS, Scene
from tests.factories import build_cause, build_goal, build_town


@pytest.fixture
def scene(database: Database, keyring: Keyring, now: datetime.datetime) -> Scene:
    return Scene(database, keyring, now)


def test_points_leave_the_oldest_lot_first_and_are_the_causes(scene: Scene) -> None:
    later = scene.now + 60 * DAY
    scene.earn(20, at=later)
    donation_id = scene.give(40, at=later)
    with scene.database.engine().connect() as connection:
        moved = connection.execute(
            text(
                "SELECT a.expires_on, t.phase, t.points, t.reason FROM transfers t"
                " JOIN accounts a ON a.account_id = t.debit_account_id WHERE t.cause_id = :id ORDER BY 1"
            ),
            {"id": donation_id},
        ).all()
    assert [(each.phase, each.points, each.reason) for each in moved] == [
        ("single", 30, "donation"),
        ("single", 10, "donation"),
    ]
    assert moved[0].expires_on < moved[1].expires_on
    assert (scene.points(at=later), scene.held("cause")) == (10, 40)
    scene.assert_sound()


def test_the_citizen_reads_what_was_given_to_whom(scene: Scene) -> None:
    scene.earn(20, at=scene.now + 60 * DAY)
    scene.give(40, at=scene.now + 61 * DAY)
    newest = scene.movements()[0]
    assert (newest.kind, newest.points) == ("donated", -40)  # one movement, though two lots paid
    assert explain(newest, timezone=PARIS, language="fr") == "Don à « Potagers » : 40 points donnés"
    assert explain(newest, timezone=PARIS, language="en") == "Donation to “Potagers”: 40 points given"
    assert sum(each.points for each in scene.movements()) == scene.points(at=scene.now + 61 * DAY)


def test_only_whole_points_from_one_to_a_million_can_be_given(scene: Scene) -> None:
    before = scene.books()
    for points in (0, -1, 1.5, 10**30, True, "3"):
        for give in (scene.give, scene.give_to_goal):
            with pytest.raises(DonationPointsError):
                give(points)
    assert scene.books() == before


def test_what_cannot_be_given_is_refused_and_changes_nothing(scene: Scene, keyring: Keyring) -> None:
    scene.assert_refused(PointsInsufficientError, lambda: scene.give(31))
    scene.assert_refused(PointsInsufficientError, lambda: scene.give(1, at=scene.over))
    scene.assert_refused(CauseUnknownError, lambda: scene.give(1, to=new_id()))
    scene.assert_refused(CauseUnknownError, lambda: scene.give(1, to=scene.goal_id))
    with scene.database.engine().begin() as connection:
        elsewhere = build_cause(connection, build_town(connection, keyring, authority_id=8, slug="elsewhere"))
    scene.assert_refused(CauseUnknownError, lambda: scene.give(1, to=elsewhere))


def test_a_cause_takes_nothing_while_it_is_paused_nor_after_its_end(scene: Scene) -> None:
    operator = scene.database.engine("bontri_operator")
    for step, refusal in ((pause_cause, CauseNotActiveError), (resume_cause, None), (end_cause, CauseNotActiveError)):
        with operator.begin() as connection:
            step(connection, scene.cause_id, **scene.tenant)
        if refusal:
            scene.assert_refused(refusal, lambda: scene.give(1))
        else:
            scene.give(1)
    for step in (pause_cause, resume_cause, end_cause):
        with pytest.raises(CauseStateError), operator.begin() as connection:
            step(connection, scene.cause_id, **scene.tenant)
    with pytest.raises(CauseMissingError), operator.begin() as connection:
        end_cause(connection, new_id(), **scene.tenant)
    scene.assert_sound()


def test_a_cause_is_told_by_its_numbers_and_paid_by_a_funder(scene: Scene) -> None:
    with scene.database.engine().begin() as connection:
        add_funder(connection, **scene.tenant, kind="sponsor", name="Fondation")
    facts = {**scene.tenant, "now": scene.now}
    with scene.database.engine("bontri_operator").begin() as connection:
        terms = CauseTerms("Abri", "A shelter", "123 456 782 00028", "w751234567", 100, "Fondation")
        cause_id = add_cause(connection, terms, **facts)
    with scene.database.engine("bontri_reader").connect() as connection:
        [cause, other] = list_causes(connection, **scene.tenant)
    assert (cause.cause_id, cause.siret, cause.rna, cause.funder) == (
        cause_id,
        "12345678200028",
        "W751234567",
        "Fondation",
    )
    assert other.funder == "Plaine-Commune"  # the authority, when nobody is named
    wrong = {
        CauseNumberError: (CauseTerms("X", "x", siret="12345678200029"), CauseTerms("X", "x", rna="751234567")),
        FunderUnknownError: (CauseTerms("X", "x", hundred_points_cents=1, funder="Nobody"),),
    }
    for refusal, all_terms in wrong.items():
        for terms in all_terms:
            with pytest.raises(refusal), scene.database.engine("bontri_operator").begin() as connection:
                add_cause(connection, terms, **facts)


def test_a_month_is_reported_in_points_and_whole_cents(scene: Scene) -> None:
    """Rounded once a month: three donations of one point at half a cent come to one cent, not to none."""
    with scene.database.engine().begin() as connection:
        free = build_cause(connection, scene.town, name="Abri")
    for points in (1, 1, 1):
        scene.give(points)
    scene.give(5, to=free)
    midnight = datetime.datetime(2026, 12, 1, tzinfo=PARIS)
    scene.give(10, at=midnight)  # still November in UTC
    with scene.database.engine("bontri_reader").connect() as connection:
        months = list_months(connection, **scene.tenant)
        since = datetime.date(2026, 12, 1)
        assert list_months(connection, **scene.tenant, since=since) == months[2:]
        assert list_months(connection, **scene.tenant, until=since) == months[:2]
    assert [(f"{each.month}", each.name, each.points, each.value_cents) for each in months] == [
        ("2026-11-01", "Abri", 5, None),
        ("2026-11-01", "Potagers", 3, 1),
        ("2026-12-01", "Potagers", 10, 5),
    ]


def test_a_goal_that_was_reached_counts_in_the_month_it_was_closed(scene: Scene) -> None:
    with scene.database.engine().begin() as connection:
        goal_id = build_goal(
            connection, scene.town, target_points=20, ends_at=scene.ends_at, to_cause_id=scene.cause_id
        )
    scene.give_to_goal(20, to=goal_id)
    scene.close(goal_id)
    with scene.database.engine("bontri_reader").connect() as connection:
        [month] = list_months(connection, **scene.tenant)
    assert (month.month, month.points, month.value_cents) == (datetime.date(2027, 2, 1), 20, 10)


def test_a_donation_names_no_wallet(scene: Scene) -> None:
    scene.give(30)
    with scene.database.engine().begin() as connection:
        stored = connection.execute(text("SELECT * FROM donations")).one()
        assert scene.ada not in list(stored)
        connection.execute(text("DELETE FROM wallet_accounts"))  # as erasure does
    assert scene.held("cause") == 30
    scene.assert_sound()


def test_an_earlier_version_keeps_every_point_and_a_later_one_finds_the_books_balanced(scene: Scene) -> None:
    scene.give(5)
    scene.give_to_goal(6)
    config = Config()
    config.set_main_option("script_location", str(files("migrations")))
    with scene.database.engine().connect() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0013-1")
        connection.commit()
        balance = (
            "SELECT kind, credits_posted - debits_posted FROM accounts WHERE kind IN ('lot', 'network') ORDER BY 2"
        )
        assert connection.execute(text(balance)).all() == [("network", 0), ("network", 5), ("network", 6), ("lot", 19)]
        command.upgrade(config, "head")
        connection.commit()
    scene.assert_sound()
