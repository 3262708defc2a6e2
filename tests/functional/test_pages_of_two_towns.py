"""What one authority's bins take changes no page, picture or table of another's."""

import datetime

import pytest

from tests.api_client import Api, start_api
from tests.factories import deposit
from tests.ingest_scene import KEYRING
from tests.pages_scene import PAGES, Pages, build_pages

NOW = datetime.datetime(2026, 11, 21, 12, tzinfo=datetime.UTC)
TABLES = [
    f"/dashboard/tables/{name}.csv"
    for name in (
        *("sites", "ranking", "bins", "mass-balance", "participation", "participation-years"),
        *("owed", "funders", "statements"),
    )
]
FILES = ["/dashboard/map.geojson", *TABLES]


@pytest.fixture(scope="module")
def towns(databases) -> tuple[Pages, Api]:
    with databases.lend() as database:
        yield build_pages(database, NOW), start_api(database, KEYRING, NOW, town_no=2)


def test_deposits_of_another_town_change_no_page_and_no_file(towns: tuple[Pages, Api]):
    ours, theirs = towns
    paths = [path for path in PAGES if path != "/account"] + FILES
    before = {path: ours.look("viewer", path).data for path in paths}
    with theirs.owner.begin() as connection:
        for ago in (3, 40, 80):
            then = NOW - datetime.timedelta(days=ago)
            deposit(connection, theirs.town, badge="ADA-CARD", items=77, now=then)
    assert [path for path in paths if ours.look("viewer", path).data != before[path]] == []
    # The control: our own change them.
    with ours.api.owner.begin() as connection:
        deposit(connection, ours.api.town, badge="ADA-CARD", items=77, now=NOW - datetime.timedelta(days=3))
    changed = [path for path in paths if ours.look("viewer", path).data != before[path]]
    assert {"/dashboard", "/dashboard/map", "/dashboard/ranking", "/dashboard/tables/sites.csv"} <= set(changed)


def test_bin_of_another_town_is_nobodys(towns: tuple[Pages, Api]):
    ours, theirs = towns
    for path in ("/dashboard", "/dashboard/bins", "/dashboard/tables/bins.csv", "/dashboard/charts/fill-levels.svg"):
        refused = ours.look("viewer", f"{path}?bin_id={theirs.town.bin_ids[0]}")
        nobodys = ours.look("viewer", f"{path}?bin_id=NOBODYS-BIN")
        assert refused.status_code == nobodys.status_code == 404, path
        assert refused.text.replace(theirs.town.bin_ids[0], "") == nobodys.text.replace("NOBODYS-BIN", "")
