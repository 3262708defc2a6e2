"""A real browser on a real server: Debian's Chromium, and ``bontri api`` over a small town."""

import datetime
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from bontri.demo.story import find_code
from bontri.embedded.listeners import LOOPBACK
from partners_api.cookies import COOKIE
from tests.api_process import running_server
from tests.factories import START
from tests.ingest_scene import KEYRING
from tests.pages_scene import Pages, build_pages
from tests.published_scene import publish_year

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 320, "height": 640}


@dataclass
class Site:
    """The pages of a town as a browser finds them; ``pages`` is the same town, to compare with."""

    url: str
    api_pid: int
    mail: Path
    pages: Pages

    def read_code(self) -> str:
        """Return the code of the newest letter."""
        return find_code(max(self.mail.glob("*.eml")))


def find_chromium() -> str | None:
    """Find the browser on PATH."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


@contextmanager
def running_chromium(program: str) -> Iterator[Browser]:
    """Run the browser, without a window."""
    with sync_playwright() as playwright:
        # Root has no sandbox, and containers are often root.
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


def keep_session(context: BrowserContext, url: str, token: str) -> None:
    """Put the cookie of a session into a browser, which takes it for the loopback too if it is said to be of https."""
    kept = {"name": COOKIE, "value": token, "url": url.replace("http:", "https:")}
    context.add_cookies([{**kept, "secure": True, "httpOnly": True, "sameSite": "Strict"}])


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium; where there is none the tests are skipped, but not in CI."""
    program = find_chromium()
    if program is None:
        told = "no Chromium on PATH: apt-get install chromium fonts-liberation"
        assert not os.environ.get("CI"), told
        pytest.skip(told)
    with running_chromium(program) as browser:
        yield browser


@pytest.fixture(scope="session")
def site(databases, tmp_path_factory) -> Iterator[Site]:
    """The server, by the clock of the machine."""
    mail = tmp_path_factory.mktemp("mail")
    with databases.lend() as database:
        pages = build_pages(database, datetime.datetime.now(datetime.UTC))
        with pages.api.owner.begin() as connection:
            publish_year(connection, START.year, authority_id=pages.api.town.authority_id)
        with running_server(mail, database, KEYRING, BONTRI_API_WORKERS="1") as server:
            yield Site(f"http://{LOOPBACK}:{server.port}", server.child.pid, mail, pages)


@dataclass
class Visit:
    """A page in a browser, and what the console said."""

    page: Page
    said: list[str]


@pytest.fixture
def visit(browser: Browser, site: Site) -> Iterator:
    """Open pages as somebody: ``visit(path, who=…, lang=…, theme=…)``."""
    contexts: list[BrowserContext] = []

    def open_page(
        path: str,
        *,
        who: str | None = "admin",
        lang: str = "fr",
        theme: str = "light",
        size: dict[str, int] = WIDE,
        has_javascript: bool = True,
    ) -> Visit:
        context = browser.new_context(
            base_url=site.url,
            locale=lang,
            color_scheme=theme,
            viewport=size,
            java_script_enabled=has_javascript,
            # Colours that are on their way would be taken for those there are.
            reduced_motion="reduce",
        )
        contexts.append(context)
        if who is not None:
            keep_session(context, site.url, site.pages.api.tokens[who])
        page, said = context.new_page(), []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(path)
        return Visit(page, said)

    yield open_page
    for context in contexts:
        context.close()
