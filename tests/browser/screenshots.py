"""Photograph the pages of a running ``bontri demo`` for docs: ``python -m tests.browser.screenshots URL MAIL FOLDER``.

Not a test. URL is the address of the demo's pages, MAIL the folder of its letters: both are printed at its start. The
pictures show the simulated year, in both languages; the overview also dark and on a phone.
"""

import argparse
import time
from pathlib import Path

from playwright.sync_api import Browser, Page

from bontri.demo.seed import AGENT_EMAIL, SLUG
from bontri.demo.story import find_code
from partners_api.cookies import COOKIE
from tests.browser.conftest import NARROW, WIDE, find_chromium, keep_session, running_chromium

TALLEST = 1500
"""Where a picture is cut off: longer ones nobody looks at."""
LETTER_WITHIN_S = 30.0


def main() -> None:
    """Sign in once, then photograph every page of the navigation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("mail", type=Path)
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    program = find_chromium()
    if program is None:
        parser.error("no Chromium on PATH: apt-get install chromium fonts-liberation")
    given.folder.mkdir(parents=True, exist_ok=True)
    with running_chromium(program) as browser:
        token, paths = sign_in(browser, given.url, given.mail)
        for lang in ("fr", "en"):
            for name, path in (("sign-in", "/sign-in"), ("open-data", f"/open-data/{SLUG}")):
                photograph(browser, given.url, None, path, given.folder / f"{name}-{lang}.png", lang=lang)
            for name, path in paths.items():
                photograph(browser, given.url, token, path, given.folder / f"{name}-{lang}.png", lang=lang)
        for name, options in (("dark", {"theme": "dark"}), ("narrow", {"size": NARROW})):
            picture = given.folder / f"overview-{name}-fr.png"
            photograph(browser, given.url, token, "/dashboard", picture, lang="fr", **options)


def sign_in(browser: Browser, url: str, mail: Path) -> tuple[str, dict[str, str]]:
    """Sign in as the demo's agent; return the token, and the addresses of the navigation by what they end in."""
    context = browser.new_context(base_url=url, locale="en")
    page = context.new_page()
    known = set(mail.glob("*.eml"))
    page.goto(f"/sign-in?authority={SLUG}&email={AGENT_EMAIL}")
    page.get_by_role("button", name="Send me a code").click()
    deadline = time.monotonic() + LETTER_WITHIN_S
    while not (news := set(mail.glob("*.eml")) - known):
        if time.monotonic() > deadline:
            raise TimeoutError(f"no letter came to {mail}")
        time.sleep(0.2)
    page.get_by_label("Code").fill(find_code(max(news)))
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/dashboard**")
    links = page.locator(".pages-nav a, .account-link").evaluate_all(
        "(all) => all.map((each) => each.getAttribute('href'))"
    )
    paths = {link.partition("?")[0].rpartition("/")[2]: link.partition("?")[0] for link in links}
    token = next(each["value"] for each in context.cookies() if each["name"] == COOKIE)
    return token, {("overview" if name == "dashboard" else name): path for name, path in paths.items()}


def photograph(
    browser: Browser,
    url: str,
    token: str | None,
    path: str,
    picture: Path,
    *,
    lang: str,
    theme: str = "light",
    size: dict[str, int] = WIDE,
) -> None:
    """Write one picture, once everything on the page is there."""
    context = browser.new_context(base_url=url, locale=lang, color_scheme=theme, viewport=size)
    if token is not None:
        keep_session(context, url, token)
    page: Page = context.new_page()
    page.goto(path)
    page.wait_for_load_state("networkidle")
    height = min(TALLEST, int(page.evaluate("document.documentElement.scrollHeight")))
    page.screenshot(path=picture, full_page=True, clip={"x": 0, "y": 0, "width": size["width"], "height": height})
    context.close()


if __name__ == "__main__":
    main()
