"""The register of processing activities (GDPR article 30), made from what ``rewards/schema/personal_data.py`` says."""

from typing import Any

from rewards.schema.personal_data import PROCESSINGS, TABLES

SECURITY = (
    "Cards are keyed digests, addresses and quarantined messages encrypted; their secrets are outside the database."
    " Codes, tokens and keys are kept as digests. Each process works as a database role with the least rights;"
    " one role alone deletes."
)


def list_processings() -> list[dict[str, Any]]:
    """List the activities with the columns each keeps, by table."""
    return [
        {
            "title": processing.title,
            "purpose": processing.purpose,
            "basis": processing.basis,
            "people": processing.people,
            "retention": processing.retention,
            "recipients": processing.recipients,
            "transfers_to_third_countries": "none",
            "tables": {
                name: {"personal": table.personal.split(), "pseudonymous": table.pseudonymous.split()}
                for name, table in TABLES.items()
                if table.processing == key
            },
        }
        for key, processing in PROCESSINGS.items()
    ]


def write_processings() -> str:
    """Write the register in Markdown."""
    parts = ["# Register of processing activities\n", f"Security (article 32): {SECURITY}\n"]
    for each in list_processings():
        parts.append(f"## {each['title']}\n")
        for field in ("purpose", "basis", "people", "retention", "recipients"):
            parts.append(f"- **{field.capitalize()}**: {each[field]}")
        parts.append("- **Transfers to third countries**: none by Bontri; see where your servers and mail server are\n")
        parts.append("| table | names somebody | about somebody an id stands for |\n|---|---|---|")
        for name, columns in each["tables"].items():
            told = (", ".join(f"`{column}`" for column in columns[kind]) for kind in ("personal", "pseudonymous"))
            parts.append(f"| `{name}` | {' | '.join(told)} |")
        parts.append("")
    return "\n".join(parts)
