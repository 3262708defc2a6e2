"""What bins show: tariffs with their points, limits, texts. One configuration for all bins of an authority.

Its version never falls. It rises with every change, and when a tariff comes into force, since the limits shown are
those of the tariff in force. Which bins are due to be told is in ``rewards/due_displays.py``.
"""

import datetime
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from rewards.tariffs import Tariff, announce_display, find_tariff_in_force, list_tariffs

Texts = Mapping[str, Mapping[str, str]]
"""Words by language and name."""

MOST_TEXT_CHARACTERS = 200
MOST_TEXTS_BYTES = 4000
"""Of all texts together, as JSON: a configuration travels in one packet of 16 KiB."""

LANGUAGE = re.compile(r"[a-z]{2}")
NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
WORDS = re.compile(rf"[^\x00-\x1f\x7f]{{0,{MOST_TEXT_CHARACTERS}}}")


class DisplayTextError(ValueError):
    """A text that bins cannot be given; says what is allowed."""


@dataclass(frozen=True, slots=True)
class Display:
    """What bins show from now on; ``tariffs`` are the one in force and those to come, by ``valid_from``."""

    version: int
    tariffs: Sequence[Tariff]
    day_cap_points: int | None
    week_cap_points: int | None
    texts: Texts


GET_VERSION = text("""
    SELECT a.config_version + (SELECT count(*) FROM tariffs t
                                WHERE t.authority_id = :authority_id AND t.valid_from <= :now)
      FROM authorities a WHERE a.authority_id = :authority_id
""")
GET_TEXTS = text("SELECT display_texts FROM authorities WHERE authority_id = :authority_id")

SET_TEXT = text(f"""
    UPDATE authorities
       SET display_texts = jsonb_strip_nulls(display_texts || jsonb_build_object(CAST(:language AS text),
               coalesce(display_texts -> CAST(:language AS text), CAST('{{}}' AS jsonb))
               || jsonb_build_object(CAST(:name AS text), CAST(:words AS text))))
     WHERE authority_id = :authority_id
       AND (CAST(:words AS text) IS NULL
            OR octet_length(CAST(display_texts AS text)) + octet_length(:words) + 60 <= {MOST_TEXTS_BYTES})
""")


def get_display_version(connection: Connection, *, authority_id: int, now: datetime.datetime) -> int:
    """Return the version of what the authority's bins are to show now."""
    return int(connection.execute(GET_VERSION, {"authority_id": authority_id, "now": now}).scalar_one())


def get_display(connection: Connection, *, authority_id: int, now: datetime.datetime) -> Display:
    """Return what the authority's bins are to show now.

    The version is read first: what changes in between is published again under the next one.
    """
    version = get_display_version(connection, authority_id=authority_id, now=now)
    texts = connection.execute(GET_TEXTS, {"authority_id": authority_id}).scalar_one()
    tariffs = list_tariffs(connection, authority_id=authority_id)
    in_force = find_tariff_in_force(tariffs, now)
    shown = [tariff for tariff in tariffs if tariff is in_force or tariff.valid_from > now]
    return Display(
        version,
        shown,
        in_force.day_cap_points if in_force else None,
        in_force.week_cap_points if in_force else None,
        {language: words for language, words in texts.items() if words},
    )


def set_display_text(connection: Connection, *, authority_id: int, language: str, name: str, words: str) -> None:
    """Have bins show ``words`` as their text ``name``; none take the text away.

    Raises:
        DisplayTextError: language, name or words are not what bins can be given; nothing was changed.
    """
    if not LANGUAGE.fullmatch(language):
        raise DisplayTextError(f"{language!r} is no language: two small letters, such as fr")
    if not NAME.fullmatch(name):
        raise DisplayTextError(f"{name!r} is no name of a text: small letters, digits and _, at most 32")
    if not WORDS.fullmatch(words):
        raise DisplayTextError(f"a text is one line of at most {MOST_TEXT_CHARACTERS} characters")
    changed = connection.execute(
        SET_TEXT, {"authority_id": authority_id, "language": language, "name": name, "words": words or None}
    )
    if changed.rowcount == 0:
        raise DisplayTextError(f"all texts together take at most {MOST_TEXTS_BYTES} bytes: shorten another")
    announce_display(connection, authority_id=authority_id)
