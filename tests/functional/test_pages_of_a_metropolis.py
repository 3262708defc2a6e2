"""Pages of an authority with 2,500 sites, as the largest have for glass: light, and with tables people can read.

The planner has not been told yet how many there are.
"""

import datetime
import re

import pytest

from partners_api.pages.authorities.map import SITES_SHOWN
from rewards.bins import NewBin, add_bins
from rewards.territory import NewSite, add_sites
from tests.factories import START
from tests.pages_scene import Pages, build_pages

NOW = datetime.datetime(2026, 11, 21, 12, tzinfo=datetime.UTC)
SITES = 2_500


@pytest.fixture(scope="module")
def pages(databases) -> Pages:
    with databases.lend() as database:
        pages = build_pages(database, NOW)
        of_town = {"authority_id": pages.api.town.authority_id}
        new = [
            NewSite(
                f"S{n:05}",
                ("93066", "93001")[n % 2],
                f"{n} avenue de la République",
                48.8 + n % 50 / 250,
                2.2 + n / 9_000,
            )
            for n in range(SITES)
        ]
        with pages.api.owner.begin() as connection:
            sites = add_sites(connection, new, **of_town)
            bins = [NewBin(f"MET-{n:05}", site_id, START) for n, site_id in enumerate(sites.values())]
            add_bins(connection, bins, **of_town, now=START)
        yield pages


@pytest.mark.parametrize(
    ("path", "rows_max"),
    [
        ("/dashboard/map", SITES_SHOWN + 1),
        ("/dashboard/map?show=silence", SITES_SHOWN + 1),
        ("/dashboard/ranking", 201),
        ("/dashboard/bins", 301),
        ("/dashboard/mass-balance", 301),
    ],
)
def test_page_with_all_it_loads_is_light(pages: Pages, path: str, rows_max: int):
    client = pages.client("viewer")
    packed = {"Accept-Encoding": "gzip"}
    shown = client.get(path).text
    loaded = {
        each.replace("&amp;", "&")
        for each in re.findall(r'(?:src|href|data-places)="(/(?:assets|dashboard/map.geojson)[^"]*)"', shown)
    }
    sizes = {each: len(client.get(each, headers=packed).data) for each in [path, *loaded]}
    assert sum(sizes.values()) < 300_000, sizes
    assert shown.count("<tr") <= rows_max


def test_what_the_page_leaves_out_is_in_the_picture_and_the_csv(pages: Pages):
    shown = pages.look("viewer", "/dashboard/map").text
    assert f"{SITES_SHOWN:,} of {SITES + 2:,} are shown; the CSV has all." in shown
    assert shown.count('<circle class="mark') >= SITES + 2
    [csv] = re.findall(r'href="(/dashboard/tables/sites\.csv[^"]*)"', shown)
    assert pages.look("viewer", csv).text.count("\r\n") == 1 + SITES + 2
