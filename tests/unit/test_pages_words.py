"""Every sentence of a page has its French, and the catalogue holds nothing that no page says."""

import inspect
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import partners_api.pages
from partners_api.errors import title_of
from partners_api.pages.translations import CATALOGUES, translations_of
from partners_api.pages.words_of_errors import SAID

PAGES = Path(partners_api.pages.__file__).parent
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "said_later": None}
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2.ext:babel_extract")]


def list_said() -> dict[str, str]:
    """Every msgid (of plurals the first), with where it is said."""
    found = extract_from_dir(PAGES, METHODS, keywords=KEYWORDS, options_map={"**.html": {"silent": "false"}})
    said = {(words if isinstance(words, str) else words[0]): name for name, _, words, _, _ in found}
    return said | {title_of(refusal): f"title of {refusal.__name__}" for refusal in SAID}


def french() -> dict[str, str | tuple[str, ...]]:
    known = {}
    for path in sorted((CATALOGUES / "fr").glob("*.po")):
        with path.open("rb") as words:
            told = [each for each in read_po(words, locale="fr") if each.id]
        assert not [each.id for each in told if each.fuzzy]
        of_file = {(each.id if isinstance(each.id, str) else each.id[0]): each.string for each in told}
        assert not of_file.keys() & known.keys(), f"{path.name} says again what another file says"
        known |= of_file
    return known


def test_every_sentence_has_its_french():
    said, known = list_said(), french()
    assert len(said) > 100
    lacking = {words: where for words, where in said.items() if not known.get(words) or not all(known[words])}
    assert not lacking, lacking


def test_catalogue_holds_nothing_that_no_page_says():
    assert not french().keys() - list_said().keys()


def test_french_takes_the_same_facts():
    def facts(words: str) -> set[str]:
        return {part.split(")")[0] for part in words.split("%(")[1:]}

    wrong = [
        one
        for one, said in french().items()
        for each in ([said] if isinstance(said, str) else said)
        if facts(each) - {"num"} != facts(one) - {"num"}
    ]
    assert not wrong


@pytest.mark.parametrize("words", ["Overview", "Not complete"])
def test_english_needs_no_catalogue(words):
    assert translations_of("en").gettext(words) == words
    assert translations_of("fr").gettext(words) != words


def test_a_sentence_without_french_would_be_found():
    """The control: a msgid that is not in the catalogue is lacking."""
    assert "No such sentence" not in french()
    assert inspect.getsource(test_every_sentence_has_its_french).count("lacking")
