"""Instants as programs read them: one form in the API and after every ``--json``."""

import datetime
import json
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import partners_api
from bontri.json_output import as_json
from partners_api.schemas import Instant
from rewards.instants import write_instant
from rewards.offers import OfferTerms

NOON_IN_PARIS = datetime.datetime(2026, 11, 22, 12, 0, tzinfo=ZoneInfo("Europe/Paris"))


def test_instants_are_in_utc_and_of_one_length() -> None:
    assert write_instant(NOON_IN_PARIS) == "2026-11-22T11:00:00.000000Z"
    assert write_instant(NOON_IN_PARIS + datetime.timedelta(microseconds=1)) == "2026-11-22T11:00:00.000001Z"


def test_commands_print_them_as_the_api_does_and_ids_and_days_as_texts() -> None:
    terms = OfferTerms(title="Café", price_points=1, value_cents=1, offered_from=NOON_IN_PARIS, shop_id=UUID(int=7))
    written = as_json({"offer": terms, "day": NOON_IN_PARIS.date()})
    assert "Café" in written
    told = json.loads(written)
    assert (told["offer"]["offered_from"], told["day"]) == (Instant()._serialize(NOON_IN_PARIS), "2026-11-22")
    assert told["offer"]["shop_id"] == str(UUID(int=7))


def test_no_schema_of_the_api_writes_instants_otherwise() -> None:
    sources = Path(partners_api.__path__[0]).rglob("*.py")
    assert [path.name for path in sources if "DateTime(" in path.read_text()] == []
