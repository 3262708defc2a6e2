"""Letters: written beside what they are about, in their reader's language, sent once, tried again, given up."""

import datetime
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, text
from structlog.testing import capture_logs

import rewards.outbox.taking
from bontri.jobs.pruning import prune_letters_of
from rewards.cards import block_card
from rewards.citizens import register_citizen
from rewards.goals import close_goal, donate_to_goal
from rewards.households import leave_household, merge_wallets
from rewards.keyring import Keyring
from rewards.letter_wishes import change_letter_wishes
from rewards.notice_links import make_notices_token, switch_notices_off
from rewards.offers import OfferTerms, draft_offer, publish_offer, reject_offer, submit_offer
from rewards.outbox import LEASE, MOST_TRIES, note_not_sent, note_sent, post_code, post_to_address, take_letter
from rewards.shop_contacts import note_shop_contact
from rewards.territory import change_language
from tests.databases import Database, DatabasePool
from tests.factories import START, build_goal
from tests.integration.test_settlement import NOVEMBER
from tests.letter_scene import ADA, AUTHORITY_ID, EVE, PUBLIC_URL, Post, body_of
from tests.smtp_catcher import Catcher, catching

MINUTE = datetime.timedelta(minutes=1)
TENANT: dict[str, Any] = {"authority_id": AUTHORITY_ID}
KEPT = ("outbox", "expiry_warnings", "sign_in_codes")


@pytest.fixture(scope="module")
def town(databases: DatabasePool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Post]:
    keyring = Keyring(master_key=b"m" * 32, badge_pepper=b"p" * 32, storage_key=b"s" * 32)
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    with databases.lend() as database:
        yield Post(database, keyring, now, tmp_path_factory.mktemp("mail"))


@pytest.fixture
def post(town: Post) -> Post:
    """The town as it was built; each test begins with an empty outbox."""
    for table in KEPT:
        town.change(f"DELETE FROM {table}")
    town.change("UPDATE citizens SET language = NULL, wants_notices = true")
    town.change("UPDATE authorities SET language = 'fr'")
    town.letters()
    return town


@pytest.fixture(scope="module")
def catcher() -> Iterator[Catcher]:
    with catching() as catcher:
        yield catcher


@pytest.fixture
def server(catcher: Catcher) -> Catcher:
    catcher.received.clear()
    catcher.refused.clear()
    catcher.answers_to_data.clear()
    return catcher


def act(post: Post, work: Callable[[Connection], object], role: Any = "bontri_api") -> None:
    with post.database.engine(role).begin() as connection:
        work(connection)


def send_code(
    post: Post, address: str | None = ADA, *, code: str = "12345678", at: datetime.datetime | None = None
) -> None:
    act(
        post,
        lambda connection: post_code(
            connection,
            post.keyring,
            "sign_in_code",
            address,
            code,
            **TENANT,
            language="en",
            good_for=10 * MINUTE,
            now=at or datetime.datetime.now(datetime.UTC),
        ),
    )


def test_citizens_are_warned_once_each_in_their_language(post: Post) -> None:
    act(post, lambda it: change_letter_wishes(it, **TENANT, citizen_id=post.eve.citizen_id, language="en"))
    assert post.warn() == {"wallets": 3, "letters": 2}
    assert post.warn() == {"wallets": 0, "letters": 0}
    assert post.send() == {"sent": 2, "not_sent": 0}
    assert post.send() == {"sent": 0, "not_sent": 0}
    to_ada, to_eve = post.letters()
    assert to_ada["Subject"] == "12 points bientôt perdus"
    assert "12 points de votre compte ne pourront plus être utilisés à partir du" in body_of(to_ada)
    assert "7 points of yours can no longer be spent from" in body_of(to_eve)
    assert "<p>Hello,</p>" in body_of(to_eve, "html")


def test_a_letter_says_who_writes_that_it_is_automatic_and_how_to_have_no_more(post: Post) -> None:
    post.change("UPDATE authorities SET name = 'Collectivité d''Été'")
    post.warn()
    post.send()
    letter, _ = post.letters()
    assert str(letter["From"]) == "Collectivité d'Été <points@example.org>"
    assert "=?utf-8?q?" in letter.as_bytes().decode("ascii")
    assert (letter["Auto-Submitted"], letter["Content-Language"]) == ("auto-generated", "fr")
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = letter["List-Unsubscribe"].strip("<>")
    assert link.startswith(f"{PUBLIC_URL}/notices-off/plaine-commune.")
    assert body_of(letter).rstrip().endswith(link)
    html = body_of(letter, "html")
    assert html.count("http") == html.count(link) == 2
    assert "<img" not in html


def test_notices_can_be_switched_off_by_the_link_in_one_and_codes_cannot(post: Post) -> None:
    token = make_notices_token(post.keyring, slug="plaine-commune", citizen_id=post.ada.citizen_id)
    post.warn()
    for _ in range(2):
        with post.database.engine("bontri_api").begin() as connection:
            assert switch_notices_off(connection, post.keyring, token)
    assert post.send() == {"sent": 1, "not_sent": 1}
    assert [row.fault for row in post.outbox() if row.given_up_at] == ["switched_off"]
    post.change("DELETE FROM expiry_warnings")
    assert post.warn() == {"wallets": 3, "letters": 1}
    send_code(post)
    post.letters()
    post.send()
    assert [letter["To"] for letter in post.letters()] == [ADA, EVE]


@pytest.mark.parametrize("token", ["", "plaine-commune", "plaine-commune.", "plaine-commune.AAAA", "other.%"])
def test_nobody_can_make_a_link(post: Post, token: str) -> None:
    good = make_notices_token(post.keyring, slug="elsewhere", citizen_id=post.ada.citizen_id)
    with post.database.engine("bontri_api").begin() as connection:
        for each in (token, good, good.replace("elsewhere", "plaine-commune"), token.replace("%", "é")):
            assert not switch_notices_off(connection, post.keyring, each)


def donate_and_close(post: Post, target_points: int) -> None:
    now = post.now
    with post.database.engine().begin() as connection:
        goal_id = build_goal(connection, post.town, target_points=target_points, ends_at=now + MINUTE)
        for wallet in (post.ada.wallet_id, post.eve.wallet_id):
            for _ in range(2):
                donate_to_goal(connection, goal_id, **TENANT, wallet_id=wallet, points=1, now=now)
        close_goal(connection, goal_id, **TENANT, now=now)


@pytest.mark.parametrize(
    ("target_points", "words"),
    [(4, "Vous y avez contribué avec 2 points"), (100, "Ce que vous aviez donné vous est rendu : 2 points")],
)
def test_who_gave_to_a_goal_is_told_once_how_it_ended(post: Post, target_points: int, words: str) -> None:
    donate_and_close(post, target_points)
    post.send()
    letters = post.letters()
    assert [letter["To"] for letter in letters] == [ADA, EVE]
    assert all(words in body_of(letter) for letter in letters)


def test_a_wallet_that_changes_is_told_to_everybody_in_it(post: Post) -> None:
    with post.database.engine("bontri_api").begin() as connection:
        both: dict[str, Any] = {"from_wallet_id": post.eve.wallet_id, "to_wallet_id": post.ada.wallet_id}
        merge_wallets(connection, **TENANT, **both, made_by="test", now=post.now)
    post.send()
    merged = post.letters()
    assert [letter["To"] for letter in merged] == [ADA, EVE]
    with post.database.engine("bontri_api").begin() as connection:
        left = leave_household(
            connection,
            post.eve.citizen_id,
            **TENANT,
            wallet_id=post.ada.wallet_id,
            points=2,
            made_by="test",
            now=post.now,
        )
        post.eve = type(post.eve)(post.eve.citizen_id, left.wallet_id)
    post.send()
    stays, leaves = post.letters()
    assert "Un membre a quitté votre porte-monnaie commun avec 2 points" in body_of(stays)
    assert "Vous avez quitté le porte-monnaie commun avec 2 points" in body_of(leaves)


def test_a_blocked_card_is_told_to_its_citizen_alone_and_once(post: Post) -> None:
    with post.database.engine().begin() as connection:
        badge = f"LOST-{post.now:%S}"
        register_citizen(connection, post.keyring, **TENANT, badges=[badge], email="max@example.org", now=START)
    act(post, lambda it: change_language(it, "en", **TENANT), "bontri_operator")
    for _ in range(2):
        act(post, lambda it: block_card(it, post.keyring, **TENANT, badge=badge, now=post.now), "bontri_operator")
    post.send()
    [letter] = post.letters()
    assert (letter["To"], letter["Subject"]) == ("max@example.org", "Your card is blocked")
    assert letter["List-Unsubscribe"] is None


def test_a_shop_is_told_what_became_of_its_offer_if_it_has_an_address(post: Post) -> None:
    shop_id = post.town.shop.shop_id
    terms = OfferTerms("Un\nlivre <b>", 10, 100, shop_id)

    def moderate(connection: Connection) -> None:
        offer_id = draft_offer(connection, terms, **TENANT)
        submit_offer(connection, offer_id, **TENANT, now=post.now)
        reject_offer(connection, offer_id, **TENANT, rejected_by="grace", note="Trop\ncher", now=post.now)
        submit_offer(connection, offer_id, **TENANT, now=post.now)
        publish_offer(connection, offer_id, **TENANT, published_by="grace", now=post.now)

    act(post, moderate, "bontri_operator")
    assert post.outbox() == []
    address = {"email": "Shop@Example.org", "language": None}
    act(post, lambda it: note_shop_contact(it, post.keyring, shop_id, **TENANT, **address), "bontri_operator")
    act(post, moderate, "bontri_operator")
    assert post.send() == {"sent": 2, "not_sent": 0}
    rejected, published = sorted(post.letters(), key=lambda letter: str(letter["Subject"]), reverse=True)
    assert {rejected["To"], published["To"]} == {"shop@example.org"}
    assert rejected["Subject"] == "Votre offre est à revoir : Un livre <b>"
    assert "Motif : Trop cher" in body_of(rejected)
    assert "« Un livre &lt;b&gt; » est acceptée" in body_of(published, "html")
    post.change("DELETE FROM shop_contacts")


def test_somebody_who_is_no_citizen_any_more_gets_a_last_letter(post: Post) -> None:
    with post.database.engine("bontri_api").begin() as connection:
        post_to_address(
            connection,
            post.keyring,
            "account_erased",
            "gone@example.org",
            {},
            **TENANT,
            language="fr",
            good_for=None,
            now=post.now,
        )
    assert b"gone@" not in post.outbox()[0].address_encrypted
    post.send()
    [letter] = post.letters()
    assert letter["To"] == "gone@example.org"
    assert post.outbox()[0].address_encrypted is None


def test_a_code_is_readable_nowhere_and_gone_once_it_has_left(post: Post) -> None:
    send_code(post, code="31415926")
    with post.database.engine().connect() as connection:
        dump = str(connection.execute(text("SELECT CAST(o AS text) FROM outbox o")).all())
    assert ADA not in dump
    assert b"31415926".hex() not in dump
    assert "31415926" not in dump
    assert post.send(only_urgent=True) == {"sent": 1, "not_sent": 0}
    assert "Your code is 31415926." in body_of(post.letters()[0])
    [row] = post.outbox()
    assert (row.facts, row.facts_encrypted, row.address_encrypted) == ({}, None, None)


def test_a_code_for_nobody_is_the_same_row_and_goes_nowhere(post: Post) -> None:
    send_code(post)
    send_code(post, None)
    known, unknown = post.outbox()
    assert len(known.facts_encrypted) == len(unknown.facts_encrypted)
    assert (known.citizen_id, known.kind, known.tries) == (unknown.citizen_id, unknown.kind, unknown.tries)
    assert post.send() == {"sent": 1, "not_sent": 0}
    assert len(post.letters()) == 1
    assert all(row.sent_at for row in post.outbox())


def test_a_code_is_tried_for_as_long_as_it_is_good(post: Post, server: Catcher) -> None:
    began = datetime.datetime.now(datetime.UTC)
    send_code(post, at=began)
    server.refused[ADA] = "450 greylisted"
    waits = []
    while not post.outbox()[0].given_up_at:
        with post.database.engine("bontri_api").begin() as connection:
            due = post.outbox()[0].next_try_at
            letter = take_letter(connection, post.keyring, **TENANT, now=due, only_urgent=True)
            assert letter is not None
            note_not_sent(connection, letter, "recipient_refused_450", is_final=False, now=due)
        waits.append((due - began).total_seconds())
    assert waits[:5] == [0, 5, 15, 35, 75]
    assert 8 * 60 < waits[-1] < 10 * 60
    assert post.outbox()[0].address_encrypted is None


def test_a_code_that_came_too_late_is_not_sent(post: Post) -> None:
    send_code(post, at=datetime.datetime.now(datetime.UTC) - 11 * MINUTE)
    assert post.send() == {"sent": 0, "not_sent": 1}
    assert (post.letters(), post.outbox()[0].fault) == ([], "too_late")


def test_one_refused_recipient_is_given_up_and_the_others_get_theirs(post: Post, server: Catcher) -> None:
    server.refused[ADA] = f"550 5.1.1 <{ADA}> unknown"
    post.warn()
    with capture_logs() as logs:
        assert post.send(server.url) == {"sent": 1, "not_sent": 1}
    assert [letter["To"] for letter in server.received] == [EVE]
    assert [line["event"] for line in logs] == ["letter_given_up"]
    assert logs[0]["fault"] == "recipient_refused_550"
    assert "@" not in str(logs)


def test_a_letter_refused_for_now_waits_and_is_tried_again(post: Post, server: Catcher) -> None:
    server.refused[ADA] = "450 try later"
    post.warn()
    with capture_logs() as logs:
        assert post.send(server.url) == {"sent": 1, "not_sent": 1}
        assert post.send(server.url) == {"sent": 0, "not_sent": 0}
    assert [line["event"] for line in logs] == ["letter_not_sent"]
    server.refused.clear()
    post.make_due()
    assert post.send(server.url) == {"sent": 1, "not_sent": 0}
    assert sorted(row.tries for row in post.outbox()) == [1, 2]


def test_a_server_that_is_away_is_asked_once_a_run(post: Post) -> None:
    post.warn()
    assert post.send("smtp://127.0.0.1:1") == {"sent": 0, "not_sent": 1}
    assert sorted(row.tries for row in post.outbox()) == [0, 1]


def test_what_a_dying_server_took_comes_twice_with_one_message_id(post: Post, server: Catcher) -> None:
    server.answers_to_data.append("dies")
    post.warn()
    post.change(f"DELETE FROM outbox WHERE citizen_id <> '{post.ada.citizen_id}'")
    assert post.send(server.url) == {"sent": 0, "not_sent": 1}
    post.make_due()
    assert post.send(server.url) == {"sent": 1, "not_sent": 0}
    first, second = server.received
    assert first["Message-ID"] == second["Message-ID"] == f"<{post.outbox()[0].message_id}@example.org>"
    assert first["Date"] == second["Date"]


def test_a_letter_tried_for_days_or_without_an_address_is_given_up(post: Post) -> None:
    post.warn()
    post.change(f"UPDATE outbox SET tries = {MOST_TRIES - 1}")
    assert post.send("smtp://127.0.0.1:1") == {"sent": 0, "not_sent": 1}
    with post.database.engine().connect() as connection:
        kept = connection.execute(text("SELECT * FROM contacts WHERE citizen_id = :it"), {"it": post.eve.citizen_id})
        contact = kept.mappings().one()
        connection.execute(text("DELETE FROM contacts WHERE citizen_id = :it"), {"it": post.eve.citizen_id})
        connection.commit()
        post.make_due()
        assert post.send() == {"sent": 0, "not_sent": 1}
        columns = ", ".join(contact)
        values = ", ".join(f":{name}" for name in contact)
        connection.execute(text(f"INSERT INTO contacts ({columns}) VALUES ({values})"), dict(contact))
        connection.commit()
    assert all(row.given_up_at for row in post.outbox())
    assert post.letters() == []


def test_a_letter_that_cannot_be_written_or_read_holds_up_no_other(post: Post) -> None:
    post.warn()
    post.change(f"UPDATE outbox SET facts = '{{}}' WHERE citizen_id = '{post.ada.citizen_id}'")
    assert post.send() == {"sent": 1, "not_sent": 1}
    post.change("DELETE FROM outbox")
    send_code(post)
    own, post.keyring = post.keyring, Keyring(b"m" * 32, b"p" * 32, b"another" * 8)
    try:
        assert post.send() == {"sent": 0, "not_sent": 1}
    finally:
        post.keyring = own
    assert (post.outbox()[0].fault, post.outbox()[0].given_up_at) == ("unreadable", None)


def send_at_once(post: Post, server: Catcher, senders: int = 4) -> None:
    line = threading.Barrier(senders)

    def process() -> None:
        line.wait(10)
        post.send(server.url)

    threads = [threading.Thread(target=process) for _ in range(senders)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)


def test_senders_at_once_send_each_letter_once(post: Post, server: Catcher) -> None:
    post.warn()
    for number in range(20):
        send_code(post, code=f"{number:08}")
    send_at_once(post, server)
    assert Counter(Counter(letter["Message-ID"] for letter in server.received).values()) == {1: 22}


LOOK = text("""
    SELECT message_id FROM outbox
     WHERE authority_id = :authority_id AND sent_at IS NULL AND given_up_at IS NULL AND next_try_at <= :now
     ORDER BY next_try_at, message_id LIMIT 1
""")


def test_control_senders_that_only_look_send_some_twice(
    post: Post, server: Catcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.warn()
    server.delay_s = 0.1
    monkeypatch.setattr(rewards.outbox.taking, "TAKE_ANY", LOOK)
    send_at_once(post, server)
    server.delay_s = 0
    assert max(Counter(letter["Message-ID"] for letter in server.received).values()) > 1


def test_whoever_lost_the_lease_notes_nothing(post: Post) -> None:
    now = datetime.datetime.now(datetime.UTC)
    send_code(post, at=now)
    with post.database.engine("bontri_api").begin() as connection:
        slow = take_letter(connection, post.keyring, **TENANT, now=now)
        assert take_letter(connection, post.keyring, **TENANT, now=now + LEASE - MINUTE / 60) is None
        quick = take_letter(connection, post.keyring, **TENANT, now=now + LEASE)
        assert slow is not None
        assert quick is not None
        assert not note_sent(connection, slow, now=now)
        note_not_sent(connection, slow, "late", is_final=True, now=now)
        assert note_sent(connection, quick, now=now)
    assert (post.outbox()[0].given_up_at, post.outbox()[0].fault) == (None, None)


def test_the_month_of_a_shop_is_told_it_when_it_is_locked(database: Database, keyring: Keyring, now: Any) -> None:
    from tests.integration.test_settlement import SettlementScene

    scene = SettlementScene(database, keyring, now)
    shop_id = scene.town.shop.shop_id
    with database.engine("bontri_operator").begin() as connection:
        note_shop_contact(connection, keyring, shop_id, **TENANT, email="shop@example.org", language="en")
    scene.spend(scene.town.offer_id)
    statement = scene.locked(NOVEMBER)
    with database.engine().connect() as connection:
        [told] = connection.execute(text("SELECT shop_id, kind, CAST(facts AS text) AS facts FROM outbox")).all()
    assert (told.shop_id, told.kind) == (shop_id, "statement_ready")
    assert json.loads(told.facts) == {
        "number": str(statement.number),
        "month": "2026-11-01",
        "payable_cents": statement.payable_cents,
    }


def test_what_left_long_ago_is_removed_and_what_waits_stays(post: Post) -> None:
    post.warn()
    send_code(post)
    post.send()
    post.change("DELETE FROM expiry_warnings")
    post.warn()
    post.change("UPDATE outbox SET sent_at = sent_at - interval '36 days' WHERE citizen_id IS NOT NULL")
    assert prune_letters_of(post.database.engine("bontri_operator"), AUTHORITY_ID) == {"letters": 2}
    assert [row.kind for row in post.outbox() if row.sent_at] == ["sign_in_code"]
    assert len([row for row in post.outbox() if not row.sent_at]) == 2


@pytest.mark.parametrize(("hours", "removed"), [(23, 0), (25, 1)])
def test_what_nobody_sent_while_it_was_good_is_removed(post: Post, hours: int, removed: int) -> None:
    """Where no letters are sent at all, an address that only a letter carries would stay for ever."""
    send_code(post)
    post.warn()
    post.change(f"UPDATE outbox SET good_until = now() - interval '{hours} hours' WHERE kind = 'sign_in_code'")
    assert prune_letters_of(post.database.engine("bontri_operator"), AUTHORITY_ID) == {"letters": removed}
