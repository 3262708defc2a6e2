"""How a citizen wants letters: in which language, and whether with notices. Codes come in any case."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.languages import Language

GET = text("""
    SELECT coalesce(c.language, a.language), c.wants_notices
      FROM citizens c JOIN authorities a ON a.authority_id = c.authority_id
     WHERE c.authority_id = :authority_id AND c.citizen_id = :citizen_id
""")
CHANGE = text("""
    UPDATE citizens SET language = coalesce(CAST(:language AS text), language),
           wants_notices = coalesce(CAST(:wants_notices AS boolean), wants_notices)
     WHERE authority_id = :authority_id AND citizen_id = :citizen_id
""")
NOTE_LANGUAGE = text("""
    UPDATE citizens SET language = :language
     WHERE authority_id = :authority_id AND citizen_id = :citizen_id AND language IS NULL
""")


@dataclass(frozen=True, slots=True)
class LetterWishes:
    """The language letters are written in, the authority's unless chosen, and whether notices are wanted."""

    language: Language
    wants_notices: bool


def get_letter_wishes(connection: Connection, *, authority_id: int, citizen_id: UUID) -> LetterWishes:
    """Return how a citizen wants letters."""
    return LetterWishes(*connection.execute(GET, {"authority_id": authority_id, "citizen_id": citizen_id}).one())


def change_letter_wishes(
    connection: Connection,
    *,
    authority_id: int,
    citizen_id: UUID,
    language: Language | None = None,
    wants_notices: bool | None = None,
) -> None:
    """Change what is given and leave the rest; of somebody who is gone nothing."""
    citizen = {"authority_id": authority_id, "citizen_id": citizen_id}
    connection.execute(CHANGE, {**citizen, "language": language, "wants_notices": wants_notices})


def note_language(connection: Connection, *, authority_id: int, citizen_id: UUID, language: Language) -> None:
    """Note the language somebody was seen to use, unless they have one already."""
    connection.execute(NOTE_LANGUAGE, {"authority_id": authority_id, "citizen_id": citizen_id, "language": language})
