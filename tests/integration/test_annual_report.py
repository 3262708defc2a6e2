"""The public report of a year tells what was published, withholds what was, and says what is missing."""

import datetime
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from bontri.documents.annual_reports import annual_report_as_pdf, facts_of
from bontri.publishing import publish
from partners_api.cookies import COOKIE
from rewards.bins import NewBin, add_bins
from rewards.languages import LANGUAGES
from rewards.statistics.annual_report import NothingInYearError, YearNotOverError, gather_annual_report
from rewards.statistics.annual_report.published import read_published_year
from rewards.statistics.figures import Question, get_figures
from rewards.statistics.participation.counting import Span
from rewards.statistics.periods import Period, PeriodToComeError
from rewards.territory import NewSite, add_sites
from tests.api_client import Api, assert_problem, start_api
from tests.databases import Database
from tests.factories import START, build_citizen, deposit
from tests.ingest_scene import KEYRING
from tests.operator_commands import code_of, run, succeed

UTC = datetime.UTC
MARCH = datetime.datetime(2026, 3, 10, 9, tzinfo=UTC)
NEXT_YEAR = datetime.datetime(2027, 3, 1, 9, tzinfo=UTC)
PATH = "/authority/figures/annual-reports"
SUM_OF_ALL = text("""
    SELECT sum(deposits) AS deposits,
           sum(mass_g + CASE material WHEN 'glass' THEN 300 * items ELSE 0 END) AS mass_g, sum(points) AS points
      FROM daily_deposits WHERE authority_id = :authority_id
""")


@dataclass
class Scene:
    """A town whose months are published, looked at as its agents do."""

    api: Api
    database: Database

    @property
    def tenant(self) -> dict[str, Any]:
        return {"authority_id": self.api.town.authority_id}


@pytest.fixture(scope="module")
def scene(databases: Any) -> Iterator[Scene]:
    """Fourteen holders at A, twelve at B with glass, of whom two drop plastic: too few, as is what they leave."""
    with databases.lend() as database:
        api = start_api(database, KEYRING, NEXT_YEAR)
        with api.owner.begin() as connection:
            for site, holders in enumerate((14, 12)):
                for no in range(holders):
                    build_citizen(connection, api.town, badge=f"{site}-{no}")
                    deposit(connection, api.town, badge=f"{site}-{no}", items=2 + site, now=MARCH, bin_no=site)
            for no in range(2):
                deposit(connection, api.town, badge=f"1-{no}", now=MARCH, bin_no=1, material="plastic", mass_g=400)
        scene = Scene(api, database)
        for month in range(1, 13):
            publish_at(scene, Span("month", datetime.date(2026, month, 1)))
        yield scene


def publish_at(scene: Scene, span: Span) -> None:
    facts: Any = {**scene.tenant, "published_by": "ada", "is_dry_run": False}
    publish(scene.database.engine("bontri_operator"), span, now=NEXT_YEAR, **facts)


def report_of(scene: Scene, year: int = 2026, now: datetime.datetime = NEXT_YEAR) -> Any:
    with scene.api.owner.connect() as connection:
        return gather_annual_report(connection, year, **scene.tenant, now=now)


def test_before_the_year_is_published_its_months_are_added_up(scene: Scene) -> None:
    report = report_of(scene)
    assert (report.publication.basis, len(report.publication.months)) == ("months", 12)
    assert report.total.holders is None
    assert report.kg_per_inhabitant is None
    assert "L’année n’est pas encore publiée" in facts_of(report, language="fr")["banners"][0]


def test_year_says_what_was_published_of_it(scene: Scene) -> None:
    publish_at(scene, Span("year", datetime.date(2026, 1, 1)))
    report = report_of(scene)
    with scene.api.owner.connect() as connection:
        dropped = connection.execute(SUM_OF_ALL, scene.tenant).one()
        question = Question(Period(datetime.date(2026, 1, 1), datetime.date(2026, 12, 31)), "year")
        when: Any = {"timezone": scene.api.town.timezone, "now": NEXT_YEAR}
        [total] = get_figures(connection, question, **scene.tenant, **when).totals
    assert (report.total.deposits, report.total.mass_g, report.total.points) == tuple(dropped)
    assert report.total.holders == 26
    assert report.kg_per_inhabitant == float(total.figures["kg_per_inhabitant_year"])  # type: ignore[arg-type]
    assert report.territory.inhabitants_per_bin == float(total.figures["inhabitants_per_bin"])  # type: ignore[arg-type]
    assert (report.territory.sites, report.territory.bins, report.before.reason) == (2, 2, "nothing_before")
    assert not report.effect["is_measurable"]
    assert [each.told for each in report.months].count("nothing_reported") == 11


def test_what_few_dropped_is_withheld_and_agents_know_it(scene: Scene) -> None:
    report = report_of(scene)
    plastic = next(each for each in report.materials if each.material == "plastic")
    assert (plastic.told, plastic.mass_g, plastic.holders) == ("withheld", None, None)
    # What the two persons dropped is 0.8 kg, which agents see and nobody else can have from this report.
    assert not {"800", "0.8"} & set(re.findall(r"[0-9.]+", json.dumps(facts_of(report, language="en"))))
    with scene.api.owner.connect() as connection:
        question = Question(Period(datetime.date(2026, 1, 1), datetime.date(2026, 12, 31)), "year", material="plastic")
        [seen] = get_figures(
            connection, question, **scene.tenant, timezone=scene.api.town.timezone, now=NEXT_YEAR
        ).totals
    assert float(seen.figures["kg_total"]) == 0.8  # type: ignore[arg-type]


def test_sum_of_months_is_withheld_where_one_of_them_is(scene: Scene) -> None:
    with scene.api.owner.connect() as connection, connection.begin() as begun:
        connection.execute(text("DELETE FROM withheld_cells WHERE granularity = 'year'"))
        connection.execute(text("DELETE FROM published_cells WHERE granularity = 'year'"))
        connection.execute(text("DELETE FROM publications WHERE granularity = 'year'"))
        of_months = read_published_year(connection, 2026, **scene.tenant)
        begun.rollback()
    assert of_months.get("authority", "", "plastic").told == "withheld"
    assert of_months.get("authority", "").deposits == 28


@pytest.mark.parametrize(
    ("year", "error", "status"),
    [(2027, YearNotOverError, 422), (2028, PeriodToComeError, 422), (2019, NothingInYearError, 404)],
)
def test_year_without_a_report_is_refused(scene: Scene, year: int, error: Any, status: int) -> None:
    with pytest.raises(error):
        report_of(scene, year)
    assert_problem(scene.api.call("authority", "GET", f"{PATH}/{year}"), status, error.code)
    assert_problem(scene.api.call("authority", "GET", f"{PATH}/{year}/report.pdf"), status, error.code)


def test_agents_get_facts_and_document(scene: Scene) -> None:
    told = scene.api.call("authority", "GET", f"{PATH}/2026").json
    assert (told["total"]["deposits"], told["publication"]["basis"]) == (28, "year")
    assert told["effect"]["sentence"]["en"].startswith("Not measurable yet.")
    answer = scene.api.call("authority", "GET", f"{PATH}/2026/report.pdf?lang=en")
    assert (answer.content_type, answer.data) == (
        "application/pdf",
        annual_report_as_pdf(report_of(scene), language="en"),
    )
    assert f"{scene.api.town.slug}-2026.pdf" in answer.headers["Content-Disposition"]


def test_page_shows_the_year_and_hands_the_document_out(scene: Scene) -> None:
    client = scene.api.app.test_client()
    client.set_cookie(COOKIE, scene.api.tokens["authority"], secure=True, path="/")
    shown = client.get("/dashboard/report?year=2026&lang=en")
    assert shown.status_code == 200, shown.text
    assert 'data-figure="holders">26<' in shown.text
    assert "figures/annual-reports/2026/report.pdf?lang=fr" in shown.text
    assert "It is not over" in client.get("/dashboard/report?year=2027&lang=en").text


@pytest.mark.parametrize("language", LANGUAGES)
def test_document_is_tagged_and_the_same_to_the_byte(scene: Scene, language: Any) -> None:
    report = report_of(scene)
    document = annual_report_as_pdf(report, language=language)
    assert document.startswith(b"%PDF-")
    assert b"/StructTreeRoot" in document
    assert b"pdfuaid:part>1<" in document
    assert annual_report_as_pdf(report, language=language) == document
    assert b"/ToUnicode" in document or any(b"ToUnicode" in each for each in streams_of(document))


def streams_of(document: bytes) -> list[bytes]:
    """Return what is packed in a PDF."""
    unpacked = []
    for packed in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", document, re.DOTALL):
        try:
            unpacked.append(zlib.decompress(packed))
        except zlib.error:
            unpacked.append(packed)
    return unpacked


def test_command_writes_the_document_and_says_the_same(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.worker.utc_now", lambda: NEXT_YEAR)
    database = scene.database
    asked = ("stats", "report", "--authority", scene.api.town.slug, "--year", "2026")
    shown = succeed(database, *asked, "--pdf", tmp_path / "report.pdf", "--language", "en")
    assert "withheld" in shown.output
    assert (tmp_path / "report.pdf").read_bytes() == annual_report_as_pdf(report_of(scene), language="en")
    assert json.loads(succeed(database, *asked, "--json").output)["total"]["deposits"] == 28
    assert code_of(run(database, *asked[:-1], "2027")) == "year_not_over"
    missing = run(database, *asked, "--pdf", tmp_path / "no" / "report.pdf")
    assert (missing.exit_code, "cannot be written" in missing.output) == (1, True)


def count_statements(scene: Scene) -> int:
    seen: list[str] = []
    engine = scene.api.owner

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        report_of(scene)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    return len(seen)


def test_more_sites_and_deposits_take_no_more_statements(scene: Scene) -> None:
    few = count_statements(scene)
    town = scene.api.town
    with scene.api.owner.begin() as connection:
        sites = [NewSite(f"C{no}", "93066", "3 rue C", 48.9, 2.3) for no in range(4)]
        added = add_sites(connection, sites, **scene.tenant)
        bins = [NewBin(f"BIN-C{no}", site_id, START) for no, site_id in enumerate(added.values())]
        add_bins(connection, bins, **scene.tenant, now=START)
        town.bin_ids += [each.bin_id for each in bins]
        for bin_no in range(2, 6):
            deposit(connection, town, badge="0-0", now=MARCH, bin_no=bin_no)
    assert report_of(scene).territory.bins == 6
    assert report_of(scene).total.deposits == 28, "what came in late is in nothing published"
    assert count_statements(scene) == few
