"""Every column of the schema says what it tells about people: one that is added cannot be forgotten in the register."""

from dataclasses import replace

from sqlalchemy import LargeBinary

from rewards.privacy.processing import list_processings, write_processings
from rewards.privacy.reencrypting import SEALED
from rewards.schema.personal_data import PROCESSINGS, TABLES
from rewards.schema.whole import Base

TENANT = "authority_id"


def list_unclassified() -> dict[str, set[str]]:
    """List, by table, columns that are not classified, or classified and not there."""
    differing = {
        name: set(Base.metadata.tables[name].columns.keys() if name in Base.metadata.tables else ()) - {TENANT}
        ^ set(TABLES[name].list_columns() if name in TABLES else ())
        for name in set(Base.metadata.tables) | set(TABLES)
    }
    return {name: columns for name, columns in differing.items() if columns}


def test_every_column_is_classified_once_in_rewards_schema_personal_data() -> None:
    assert list_unclassified() == {}
    twice = {name for name, each in TABLES.items() if len(set(each.list_columns())) != len(each.list_columns())}
    assert twice == set()


def test_control_a_column_nobody_classified_is_found(monkeypatch) -> None:
    monkeypatch.setitem(TABLES, "wallets", TABLES["badges"])
    assert {"merged_into", "badge_digest"} <= list_unclassified()["wallets"]


def test_what_tells_about_people_belongs_to_an_activity_and_the_rest_to_none() -> None:
    for name, each in TABLES.items():
        assert (each.processing is not None) == bool(each.personal or each.pseudonymous), name
    assert {each.processing for each in TABLES.values()} - {None} == set(PROCESSINGS)


def test_what_refers_to_a_citizen_or_wallet_is_never_about_nobody() -> None:
    for name, each in TABLES.items():
        named = {"citizen_id", "wallet_id", "principal_id", "badge_digest", "email_encrypted", "made_by", "decided_by"}
        assert not named & set(each.none.split()), name


def test_the_register_names_every_table_about_people() -> None:
    written = write_processings()
    for name, each in TABLES.items():
        assert (f"| `{name}` |" in written) == (each.processing is not None)
    assert all(each["tables"] and each["retention"] for each in list_processings())


def list_encrypted() -> set[tuple[str, str]]:
    """List the columns that are classified as encrypted, by table."""
    return {(name, column) for name, each in TABLES.items() for column in each.encrypted.split()}


def list_bytes_of_unknown_kind() -> set[tuple[str, str]]:
    """List the columns of bytes that are neither a digest by their name nor classified as encrypted."""
    columns = {
        (name, column.name)
        for name, table in Base.metadata.tables.items()
        for column in table.columns
        if isinstance(column.type, LargeBinary) and not column.name.endswith("_digest")
    }
    return columns - list_encrypted()


def test_every_encrypted_column_is_encrypted_anew_when_the_key_rotates() -> None:
    assert {(each.table, each.column) for each in SEALED} == list_encrypted()
    assert list_bytes_of_unknown_kind() == set()
    for name, each in TABLES.items():
        assert set(each.encrypted.split()) <= set(each.personal.split()), name
    for sealed in SEALED:
        table = Base.metadata.tables[sealed.table]
        unique = [set(key.columns.keys()) for key in table.constraints if hasattr(key, "columns")]
        assert {"authority_id", sealed.key} in unique, sealed.name


def test_control_an_encrypted_column_nobody_classified_is_found(monkeypatch) -> None:
    monkeypatch.setitem(TABLES, "disputes", replace(TABLES["disputes"], encrypted=""))
    assert list_bytes_of_unknown_kind() == {("disputes", "words_encrypted")}
