"""Pages in a real browser: accessible, usable without a mouse, without JavaScript and on a small screen, and true."""

import datetime

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page
from sqlalchemy import text

from partners_api.pages.assets import asset_url
from tests.browser.conftest import NARROW, Site
from tests.factories import START
from tests.pages_scene import KILOGRAMS, PAGES

PUBLIC = ["/open-data/town-1", f"/open-data/town-1/report/{START.year}"]
NO_REPORT = "/open-data/town-1/report/2010"
SHOWN_BEFORE = [*PUBLIC, NO_REPORT, "/sign-in", "/sign-in?why=expired&next=/dashboard&authority=town-1"]
REFUSED = ["/dashboard?from=2026-11-20&to=2026-11-01", "/nowhere", NO_REPORT]
EVERY = list(dict.fromkeys([*PAGES, *SHOWN_BEFORE, *REFUSED]))
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
CONTRAST = {"runOnly": ["color-contrast"]}
"""All of which the theme changes."""
SEES_FOCUS = """() => {
  const at = document.activeElement, style = getComputedStyle(at);
  return at.tagName + " " + (at.id || at.getAttribute("href") || at.name || at.textContent.trim()).slice(0, 60) + " "
    + (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0);
}"""
TABLE = """async (script) => {
  document.querySelector("main").innerHTML = `<table class="table" data-sortable="Sort"><thead><tr>
    <th data-kind="text">Site</th><th data-kind="number">kg</th></tr></thead><tbody>
    <tr><td>Épinay 10</td><td data-sort="1200.5">1 200,5</td></tr>
    <tr><td>Épinay 9</td><td data-sort="">–</td></tr>
    <tr><td>Aubervilliers</td><td data-sort="90">90</td></tr></tbody></table>`;
  await import(script + "?again");
}"""
DEPOSITS_OF_COMMUNES = text("""
    SELECT deposits FROM published_cells
     WHERE authority_id = :authority_id AND granularity = 'year' AND first_day = make_date(:year, 1, 1)
       AND level = 'commune' AND material = ''
""")
REACHABLE = "a[href], button, input:not([type=hidden]), select, summary, [tabindex='0']"


def who_sees(path: str) -> str | None:
    return None if path in SHOWN_BEFORE else "admin"


@pytest.mark.parametrize("lang", ["fr", "en"])
@pytest.mark.parametrize("path", EVERY)
def test_page_has_no_barrier_in_either_theme_fits_a_small_screen_and_is_quiet(visit, path: str, lang: str):
    """At 320 px: the same as 1280 px at a zoom of 400 %."""
    seen = visit(path, who=who_sees(path), lang=lang)
    page = seen.page
    assert page.locator("html").get_attribute("lang") == lang
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert_no_barrier(page, RULES)
    page.emulate_media(color_scheme="dark")
    assert_no_barrier(page, CONTRAST)
    page.set_viewport_size(NARROW)
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    # A browser itself notes that an answer was a refusal.
    assert [each for each in seen.said if path not in REFUSED or "Failed to load resource" not in each] == []


def assert_no_barrier(page: Page, rules: dict[str, list[str]]) -> None:
    found = Axe().run(page, options=rules)
    assert found.response["passes"]
    assert not found.response["violations"], found.generate_report()


@pytest.mark.parametrize("path", EVERY)
def test_everything_is_reached_by_keyboard_and_seen_there(visit, path: str):
    page = visit(path, who=who_sees(path)).page
    # A map to move comes with buttons of its own.
    page.wait_for_load_state("networkidle")
    wanted = page.locator(REACHABLE).evaluate_all("(all) => all.filter((each) => each.checkVisibility()).length")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    reached = set()
    # A date has three parts and a button, each a stop of its own.
    for _ in range(wanted * 2 + 10):
        focused = page.evaluate(SEES_FOCUS)
        if focused.startswith("BODY"):
            break
        assert focused.endswith("true"), focused
        reached.add(page.evaluate("[...document.querySelectorAll('*')].indexOf(document.activeElement)"))
        page.keyboard.press("Tab")
    assert len(reached) == wanted


@pytest.mark.parametrize("path", [*PAGES, *PUBLIC])
def test_page_says_the_same_without_javascript(visit, path: str):
    def words(has_javascript: bool) -> str:
        page = visit(path, who=who_sees(path), has_javascript=has_javascript).page
        page.wait_for_load_state("networkidle")
        # A map that moves has its own buttons.
        buttons = page.locator(".leaflet-container").all_inner_texts() if has_javascript else []
        words = page.locator("main").inner_text()
        for each in buttons:
            words = words.replace(each, "")
        return " ".join(words.split())

    assert words(has_javascript=False) == words(has_javascript=True)


@pytest.mark.parametrize(("chosen", "of_browser", "is_dark"), [("dark", "light", True), ("light", "dark", False)])
def test_theme_that_is_chosen_wins_over_the_browsers(visit, chosen: str, of_browser: str, is_dark: bool):
    page = visit("/sign-in", who=None, theme=of_browser, has_javascript=False).page
    before = page.locator("body").evaluate("(each) => getComputedStyle(each).backgroundColor")
    page.locator(f"a[href*='theme={chosen}']").click()
    after = page.locator("body").evaluate("(each) => getComputedStyle(each).backgroundColor")
    assert before != after
    assert (sum(map(int, after[4:-1].split(","))) < 200) == is_dark


def test_agent_signs_in_with_the_code_of_the_letter_and_signs_out(visit, site: Site):
    page = visit("/dashboard?from=2026-10-01", who=None, lang="en", has_javascript=False).page
    page.get_by_label("Short name of the authority").fill("town-1")
    page.get_by_label("E-mail address").fill("viewer@town.example")
    page.get_by_role("button", name="Send me a code").click()
    page.get_by_label("Code").fill("00000000")
    page.get_by_role("button", name="Sign in").click()
    assert "Check the digits" in page.get_by_role("alert").inner_text()
    page.get_by_label("Code").fill(site.read_code())
    page.get_by_role("button", name="Sign in").click()
    assert page.url == f"{site.url}/dashboard?from=2026-10-01"
    page.get_by_role("link", name="Viewer").click()
    page.get_by_role("button", name="Sign out").click()
    assert "You have signed out." in page.get_by_role("status").inner_text()
    page.goto("/dashboard")
    assert "/sign-in?next=/dashboard" in page.url


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_kilograms_of_the_overview_are_those_of_the_database(visit, site: Site, lang: str):
    today = datetime.datetime.now(datetime.UTC).date()
    first = today - datetime.timedelta(days=70)
    page = visit(f"/dashboard?from={first}&to={today}", lang=lang).page
    with site.pages.api.owner.connect() as connection:
        of = {"authority_id": site.pages.api.town.authority_id, "first": first, "last": today}
        kilograms = connection.execute(KILOGRAMS, of).scalar_one()
    assert kilograms > 0
    assert page.locator("[data-figure=kg_total]").inner_text() == str(round(kilograms))


@pytest.mark.parametrize("path", PUBLIC)
def test_what_is_published_is_shown_as_it_was_and_sorts_with_the_withheld_last(visit, site: Site, path: str):
    seen = visit(path, who=None, lang="en")
    table = seen.page.locator("table", has=seen.page.locator("caption", has_text="By commune"))
    with site.pages.api.owner.connect() as connection:
        of = {"authority_id": site.pages.api.town.authority_id, "year": START.year}
        published = [f"{each:,}" for each in connection.scalars(DEPOSITS_OF_COMMUNES, of)]
    assert len(published) == 2
    for _ in range(2):
        table.get_by_role("button", name="Deposits").click()
        told = table.locator("tbody tr").evaluate_all("(all) => all.map((each) => each.innerText.split(/\\t/))")
        known = [row for row in told if "withheld" not in row]
        assert told[: len(known)] == known
        assert {each for row in known for each in row} >= set(published)
    assert seen.said == []


def test_pickers_keep_the_question_in_the_address(visit, site: Site):
    page = visit("/dashboard", lang="en", has_javascript=False).page
    page.get_by_label("Commune").select_option(label="Aubervilliers")
    page.get_by_label("Material").select_option("glass")
    page.get_by_role("button", name="Show").click()
    assert "insee_code=93001" in page.url
    assert page.locator("h1").inner_text() == "Aubervilliers"
    page.get_by_role("link", name="Last month").click()
    assert all(each in page.url for each in ("insee_code=93001", "material=glass", "from="))
    page.get_by_role("link", name="Overview").click()
    assert "insee_code=93001" in page.url


def test_two_tabs_and_a_session_that_ended_in_the_other(visit, site: Site):
    first = visit("/account", who="manager", lang="en").page
    second = first.context.new_page()
    second.goto("/dashboard")
    first.get_by_role("button", name="Sign out").click()
    second.get_by_role("link", name="This month").click()
    assert second.locator("h1").inner_text() == "Sign in"
    assert "/sign-in?next=/dashboard?from" in second.url


def test_table_sorts_by_numbers_and_words_and_keeps_the_unknown_last(visit):
    page = visit("/account").page
    page.evaluate(TABLE, asset_url("tables.js"))

    def order() -> list[str]:
        return page.locator("tbody td:first-child").all_inner_texts()

    kilograms = page.get_by_role("button", name="kg")
    kilograms.focus()
    page.keyboard.press("Enter")
    assert order() == ["Aubervilliers", "Épinay 10", "Épinay 9"]
    assert page.locator("th").nth(1).get_attribute("aria-sort") == "ascending"
    page.keyboard.press("Enter")
    assert order() == ["Épinay 10", "Aubervilliers", "Épinay 9"]
    page.get_by_role("button", name="Site").click()
    assert order() == ["Aubervilliers", "Épinay 9", "Épinay 10"]
    assert page.locator("th[aria-sort]").count() == 1
