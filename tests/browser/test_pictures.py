"""What a page says when the process that draws its pictures is away."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bontri.embedded.process_tree import list_descendants
from tests.browser.conftest import Site

ANSWER_WITHIN_MS = 30_000
"""Longer than a process of the API waits for a picture."""


@contextmanager
def drawing_stopped(site: Site) -> Iterator[None]:
    """Have the process that draws for our own server stand still."""
    [pid] = [
        each
        for each in list_descendants(site.api_pid)
        if b"bontri.charts.process" in Path(f"/proc/{each}/cmdline").read_bytes()
    ]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("has_javascript", [True, False])
def test_table_and_a_sentence_stand_for_a_picture_that_cannot_be_drawn(visit, site: Site, has_javascript: bool):
    day = 2 + has_javascript  # another period for each: what was drawn before is kept
    with drawing_stopped(site):
        page = visit(f"/dashboard?from=2026-01-0{day}", lang="en", has_javascript=has_javascript).page
        if has_javascript:
            page.locator(".chart .notice").first.wait_for(timeout=ANSWER_WITHIN_MS)
            assert "The table says the same" in page.locator(".chart").first.inner_text()
        else:
            assert "kg" in page.locator(".chart img").first.get_attribute("alt")
        assert page.locator("#months-table tbody tr").count() > 1


def test_control_a_picture_that_is_drawn_is_shown(visit):
    page = visit("/dashboard", lang="en").page
    picture = page.locator(".chart img").first
    picture.wait_for()
    assert picture.evaluate("(each) => each.decode().then(() => each.naturalWidth)") > 0
    assert page.locator(".chart .notice").count() == 0
