"""The rules of Citus on the metadata and on the statements, each with a control that breaks it.

Source: docs/decisions/0001-tenant-first.md.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Constraint,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import ExcludeConstraint

from rewards.schema.whole import Base

ROOT = Path(__file__).parents[2]
PACKAGES = ("rewards", "partners_api", "ingest", "bontri")
KINDS = ("distributed", "reference", "local")
TENANT = "authority_id"


def list_faults(metadata: MetaData) -> list[str]:
    """List where the metadata break a rule."""
    return [f"{table.name}: {fault}" for table in metadata.tables.values() for fault in list_faults_of_table(table)]


def list_faults_of_table(table: Table) -> Iterator[str]:
    kind = table.info.get("citus")
    if kind not in KINDS:
        yield "does not say what it is on Citus"
    for column in table.columns:
        if column.identity or column.computed or (column.primary_key and column.autoincrement not in (False, "auto")):
            yield f"{column.name} numbers itself"
        if column is table.autoincrement_column:
            yield f"{column.name} would become a sequence"
        if column.server_default is not None and not is_constant(column):
            yield f"{column.name} has a default that is not a constant"
    for constraint in table.constraints:
        if constraint.name is None:
            yield f"a {type(constraint).__name__} has no name"
        if isinstance(constraint, ForeignKeyConstraint):
            yield from list_faults_of_foreign_key(constraint, kind)
        elif kind == "distributed" and not isinstance(constraint, CheckConstraint):
            yield from must_lead(constraint, str(constraint.name))
    for index in table.indexes:
        if index.name is None:
            yield "an index has no name"
        if kind == "distributed" and first_name(index) != TENANT:
            yield f"{TENANT} does not lead {index.name}"


def is_constant(column: Column[object]) -> bool:
    default = str(getattr(column.server_default, "arg", ""))
    return re.fullmatch(r"\d+|true|false|'[^']*'", default) is not None


def must_lead(constraint: Constraint, name: str) -> Iterator[str]:
    if isinstance(constraint, PrimaryKeyConstraint | UniqueConstraint | ExcludeConstraint):
        if first_name(constraint) != TENANT:
            yield f"{TENANT} does not lead {name}"
    else:
        yield f"{name} is of a kind nobody has thought about"


def first_name(columned: PrimaryKeyConstraint | UniqueConstraint | ExcludeConstraint | Index) -> str | None:
    if isinstance(columned, ExcludeConstraint):
        return str(columned._render_exprs[0][1])
    first = next(iter(columned.expressions if isinstance(columned, Index) else columned.columns), None)
    return None if first is None else getattr(first, "name", None)


def list_faults_of_foreign_key(key: ForeignKeyConstraint, kind: str | None) -> Iterator[str]:
    referred = key.referred_table.info.get("citus")
    if "SET NULL" in {key.ondelete, key.onupdate} or "SET DEFAULT" in {key.ondelete, key.onupdate}:
        yield f"{key.name} sets a column of the tenant"
    if referred == "reference":
        return
    if kind != "distributed":
        yield f"{key.name} points from a {kind} table to a distributed one"
    first = key.elements[0]
    if (first.parent.name, first.column.name) != (TENANT, TENANT):
        yield f"{key.name} leaves the tenant"


def test_every_table_keeps_the_rules() -> None:
    assert list_faults(Base.metadata) == []


def test_there_is_something_to_hold_the_rules_on() -> None:
    kinds = [table.info["citus"] for table in Base.metadata.tables.values()]
    assert kinds.count("distributed") > 20
    assert sorted(name for name, table in Base.metadata.tables.items() if table.info["citus"] == "reference") == [
        "authorities",
        "bin_directory",
        "operator_keys",
        "reference_tonnages",
    ]


def test_names_of_constraints_and_indexes_are_unique_and_fit_with_a_shard_number_behind_them() -> None:
    names = [
        str(named.name)
        for table in Base.metadata.tables.values()
        for named in (*table.constraints, *table.indexes)
        if not isinstance(named, CheckConstraint)
    ]
    assert len(set(names)) == len(names)
    # PostgreSQL cuts at 63 bytes; Citus appends up to "_2147483647".
    assert [name for name in names if len(name) > 63 - 11] == []


def tenant() -> Column[int]:
    return Column(TENANT, Integer, primary_key=True, autoincrement=False)


def broken(*items: object, kind: str | None = "distributed", key: tuple[str, ...] = (TENANT, "id")) -> MetaData:
    """Return metadata of one good reference table, one good tenant table, and one with ``items``."""
    metadata = MetaData(naming_convention=Base.metadata.naming_convention)
    Table("lands", metadata, tenant(), info={"citus": "reference"})
    others = [tenant(), Column("id", Integer, primary_key=True, autoincrement=False)]
    Table("others", metadata, *others, info={"citus": "distributed"})
    columns = [Column(name, Integer, primary_key=True, autoincrement=False) for name in key]
    info = {} if kind is None else {"citus": kind}
    Table("broken", metadata, *columns, *items, info=info)  # type: ignore[arg-type]
    return metadata


CONTROLS: dict[str, tuple[MetaData, str]] = {
    "kind": (broken(kind=None), "broken: does not say"),
    "primary key": (broken(key=("id", TENANT)), f"broken: {TENANT} does not lead pk_broken"),
    "unique": (broken(Column("a", Integer, unique=True)), f"broken: {TENANT} does not lead uq_broken_a"),
    "unique order": (
        broken(Column("a", Integer), UniqueConstraint("a", TENANT)),
        f"broken: {TENANT} does not lead uq_broken_a",
    ),
    "index": (broken(Column("a", Integer, index=True)), f"broken: {TENANT} does not lead ix_broken_a"),
    "partial index": (
        broken(Column("a", Integer), Index("uq_part", "a", unique=True, postgresql_where=Column("a") > 1)),
        f"broken: {TENANT} does not lead uq_part",
    ),
    "exclusion": (
        broken(Column("a", Integer), ExcludeConstraint(("a", "="), name="ex")),
        f"broken: {TENANT} does not lead ex",
    ),
    "foreign key outside the tenant": (
        broken(Column("a", Integer), ForeignKeyConstraint(["a", TENANT], ["others.id", f"others.{TENANT}"])),
        "leaves the tenant",
    ),
    "foreign key from a reference table": (
        broken(ForeignKeyConstraint([TENANT, "id"], [f"others.{TENANT}", "others.id"]), kind="reference"),
        "points from a reference table",
    ),
    "set null": (
        broken(ForeignKeyConstraint([TENANT], [f"lands.{TENANT}"], ondelete="SET NULL")),
        "sets a column of the tenant",
    ),
    "identity": (broken(Column("a", BigInteger, Identity())), "broken: a numbers itself"),
    "sequence": (
        broken(Column("a", Integer, primary_key=True, autoincrement=True), key=(TENANT,)),
        "broken: a numbers itself",
    ),
    "volatile default": (broken(Column("a", Integer, server_default=func.now())), "not a constant"),
}


@pytest.mark.parametrize("control", CONTROLS)
def test_control_a_table_that_breaks_a_rule_is_found(control: str) -> None:
    metadata, fault = CONTROLS[control]
    assert any(fault in found for found in list_faults(metadata)), list_faults(metadata)


def test_a_foreign_key_within_the_tenant_or_to_a_reference_table_is_fine() -> None:
    within = ForeignKeyConstraint([TENANT, "id"], [f"others.{TENANT}", "others.id"])
    assert list_faults(broken(within)) == []
    assert list_faults(broken(ForeignKeyConstraint([TENANT], [f"lands.{TENANT}"]))) == []


IS_SQL = re.compile(r"\b(SELECT|INSERT INTO|UPDATE\s+\w+|DELETE FROM)\b")
FORBIDDEN = {
    "a data-modifying CTE": re.compile(r"\bAS\s*((NOT\s+)?MATERIALIZED\s*)?\(\s*(INSERT|UPDATE|DELETE|MERGE)\b", re.I),
    "the database's clock": re.compile(
        r"\b(now|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday)\s*\(|"
        r"\bcurrent_(timestamp|date|time)\b|\blocaltime(stamp)?\b",
        re.I,
    ),
    "a volatile function": re.compile(r"\b(random|gen_random_uuid|uuidv4|uuidv7|nextval|setval|lastval)\s*\(", re.I),
    "a trigger": re.compile(r"\bTRIGGER\b", re.I),
    "a lock on a whole table": re.compile(r"\bLOCK\s+TABLE\b", re.I),
}
WITHOUT_A_TENANT = re.compile(
    r"(FROM|INSERT INTO) (authorities|operator_keys|reference_tonnages)\b|UPDATE operator_keys\b|\bSELECT 1\b|\bpg_"
)
"""What is asked across authorities: reference tables, operators, what is public, a sign of life, the catalogues."""


def list_statements(source: str) -> Iterator[str]:
    """Yield the SQL among the string literals of a module; what an f-string puts in reads ``?``."""
    tree = ast.parse(source)
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    inside |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
    for node in ast.walk(tree):
        if id(node) in inside:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            words = node.value
        elif isinstance(node, ast.JoinedStr):
            words = "".join(str(part.value) if isinstance(part, ast.Constant) else "?" for part in node.values)
        else:
            continue
        if IS_SQL.search(words):
            yield words


def list_faults_of_statement(statement: str) -> list[str]:
    faults = [name for name, pattern in FORBIDDEN.items() if pattern.search(statement)]
    if TENANT not in statement and not WITHOUT_A_TENANT.search(statement):
        faults.append("no authority")
    return faults


def list_sources() -> list[Path]:
    sources = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    # The embedded server is no tenant's, and the demo's console counts what is in a database of its own.
    return [path for path in sources if not {"embedded", "demo"} & set(path.parts)]


def test_every_statement_keeps_the_rules() -> None:
    faults = {
        f"{path.relative_to(ROOT)}: {statement}": found
        for path in list_sources()
        for statement in list_statements(path.read_text())
        if (found := list_faults_of_statement(statement))
    }
    assert faults == {}


def test_the_scan_sees_the_statements_of_the_ingest_and_of_the_tills() -> None:
    statements = [statement for path in list_sources() for statement in list_statements(path.read_text())]
    assert len(statements) > 40
    for name in ("INSERT INTO events", "INSERT INTO transfers", "UPDATE accounts", "UPDATE vouchers"):
        assert any(name in statement for statement in statements), name


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("WITH new AS (\n INSERT INTO events ...) SELECT authority_id FROM new", "a data-modifying CTE"),
        ("WITH a AS MATERIALIZED (UPDATE b SET c = 1) SELECT authority_id", "a data-modifying CTE"),
        ("UPDATE vouchers SET ended_at = now() WHERE authority_id = 1", "the database's clock"),
        ("SELECT authority_id FROM t WHERE day = CURRENT_DATE", "the database's clock"),
        ("INSERT INTO t (authority_id, id) SELECT 1, gen_random_uuid()", "a volatile function"),
        ("SELECT nextval('s'), authority_id FROM t", "a volatile function"),
        ("SELECT points FROM transfers", "no authority"),
    ],
)
def test_control_a_statement_that_breaks_a_rule_is_found(statement: str, fault: str) -> None:
    [found] = list_statements(f"QUERY = text({statement!r})")
    assert list_faults_of_statement(found) == [fault]


def test_no_code_asks_the_database_for_the_time() -> None:
    """``func.now()`` of SQLAlchemy is no string and would not be seen above."""
    asking = [
        str(path) for path in list_sources() if re.search(r"\bfunc\.(now|current_\w+|random)\b", path.read_text())
    ]
    assert asking == []


def test_migrations_make_no_triggers_functions_or_sequences() -> None:
    pattern = re.compile(r"\b(TRIGGER|CREATE (OR REPLACE )?FUNCTION|SEQUENCE|SERIAL|IDENTITY)\b", re.I)
    found = [
        (path.name, match[0])
        for path in (ROOT / "migrations").rglob("*.py")
        for match in [pattern.search(path.read_text())]
        if match
    ]
    assert found == []
