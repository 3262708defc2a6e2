"""What operators put into the database before the first bin speaks."""

import datetime

from reliability.simulation.tables import COUNTERS, Tables
from reliability.simulation.voice import Town
from rewards.keyring import Keyring

PLACED_AT = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
KEYRING = Keyring(master_key=b"m" * 32, badge_pepper=b"p" * 32, storage_key=b"s" * 32)


def provision_town(
    tables: Tables, town: Town, *, day_cap_points: int | None, review_over_items: int | None = None
) -> None:
    """Put in an authority with a tariff of one point an item of glass, and the holders of its badges."""
    tables.table("authorities")[(town.slug,)] = {
        "authority_id": town.authority_id,
        "slug": town.slug,
        "timezone": "Europe/Paris",
        "epoch": 1,
        "fleet_version": 1,
        "holders_version": 1,
        "points_valid_months": 24,
        "review_over_items": review_over_items,
        "review_over_mass_g": None,
        "reviews_doubtful_clocks": False,
    }
    tables.table("materials")[town.authority_id, "glass"] = {"material": "glass"}
    caps = {"day_cap_points": day_cap_points, "week_cap_points": None, "bin_hour_cap_points": None, "welcome_points": 0}
    tables.table("tariffs")[town.authority_id, 1] = {"tariff_id": 1, "valid_from": PLACED_AT, **caps}
    line = {"material": "glass", "tariff_line_id": "line", "basis": "item", "points": 1}
    tables.table("tariff_lines")[town.authority_id, 1] = {"tariff_id": 1, **line}
    for badge in town.badges[:2]:
        digest = KEYRING.badge_digest(authority_id=town.authority_id, badge=badge)
        holder = {"citizen_id": f"citizen-{badge}", "wallet_id": f"wallet-{badge}"}
        tables.table("holders")[town.authority_id, digest] = holder
        tables.table("citizens")[town.authority_id, holder["citizen_id"]] = {"first_credited_on": None}


def provision_bin(tables: Tables, bin_id: str, town: Town) -> None:
    """Put in a live bin with its key, its place and its account."""
    tables.table("bins")[town.authority_id, bin_id] = {
        "bin_id": bin_id,
        "state": "live",
        "issuing_account_id": f"issuing-{bin_id}",
        "newest_key_number": 1,
        "key_number": 1,
        "key_state": "valid",
        "placed_at": PLACED_AT,
        "site_id": f"site-{bin_id}",
    }
    tables.table("accounts")[town.authority_id, f"issuing-{bin_id}"] = dict.fromkeys(COUNTERS, 0)
