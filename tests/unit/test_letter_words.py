"""What letters say: every kind in both languages, with its facts, nothing remote, nothing left to fill in."""

import re
from pathlib import Path

import pytest
from jinja2 import UndefinedError

import bontri.letters
from bontri.letters.samples import SAMPLES
from bontri.letters.writing import Letterhead, find_words
from bontri.settings import mail_from, public_url
from rewards.languages import LANGUAGES, Language
from rewards.schema.jobs import LETTER_KINDS, NOTICE_KINDS

FOLDER = Path(bontri.letters.__file__).parent
LINK = "https://points.example.org/notices-off/town.abc"


def test_every_kind_has_its_words_in_both_languages_and_sample_facts() -> None:
    assert set(SAMPLES) == set(LETTER_KINDS)
    for language in LANGUAGES:
        assert {path.stem for path in (FOLDER / language).glob("*.txt")} == {*LETTER_KINDS, "frame"}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", LETTER_KINDS)
def test_a_letter_has_a_subject_and_the_same_words_as_text_and_html(kind: str, language: Language) -> None:
    off_link = LINK if kind in NOTICE_KINDS else None
    words = find_words(kind, language, SAMPLES[kind], authority="Val & Cie", off_link=off_link)
    assert 5 < len(words.subject) < 78
    assert "\n" not in words.subject
    assert words.text.startswith("Bonjour,\n\n" if language == "fr" else "Hello,\n\n")
    assert "\n\n\n" not in words.text
    assert not re.search(r"[{}]|None|Undefined", words.text + words.subject)
    assert ("-- \n" in words.text) == (kind in NOTICE_KINDS)
    for paragraph in words.text.partition("\n-- \n")[0].strip().split("\n\n"):
        assert paragraph.replace("&", "&amp;").replace("'", "&#39;") in words.html
    assert re.findall(r'(?:src|href|url)[=(]"?([^"]+)', words.html) == [LINK] * (kind in NOTICE_KINDS)
    assert len(re.findall(r"<p\b", words.html)) == words.html.count("</p>")


def test_what_somebody_typed_is_one_line_and_no_markup() -> None:
    facts = {"title": "Pain\r\nBcc: eve@example.org", "note": "<script>alert(1)</script>"}
    words = find_words("offer_rejected", "fr", facts, authority="A", off_link=None)
    assert words.subject.endswith("Pain Bcc: eve@example.org")
    assert "<script" not in words.html


def test_a_fact_that_is_missing_is_noticed() -> None:
    with pytest.raises(UndefinedError):
        find_words("sign_in_code", "fr", {}, authority="A", off_link=None)


def test_the_sender_is_named_by_the_settings_or_after_the_authority() -> None:
    assert str(Letterhead("p@example.org").address("Val, Durance")) == '"Val, Durance" <p@example.org>'
    assert str(Letterhead("Le tri <p@example.org>").address("Val")) == "Le tri <p@example.org>"


@pytest.mark.parametrize("value", ["points", "a b@example.org", "p@example.org\nBcc: x@example.org", ""])
def test_a_sender_that_is_no_address_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        mail_from(value)


@pytest.mark.parametrize("value", ["points.example.org", "ftp://example.org", "https://a b", "https://a.org/?x"])
def test_a_public_address_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        public_url(value)
    assert public_url("https://points.example.org/") == "https://points.example.org"
