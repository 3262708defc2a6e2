"""The ``bontri`` command starts fast: what a command needs is loaded when it runs, not to print its help."""

import subprocess
import sys

HEAVY = ("sqlalchemy", "alembic", "psycopg", "structlog", "marshmallow", "flask", "cryptography", "paho")


def test_help_loads_none_of_the_heavy_libraries():
    """Loading them took 2 s of CPU, of which a person waiting for help, and a script in a loop, has nothing."""
    program = "import sys, bontri.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    loaded = done.stdout.split()
    assert "bontri.commands.ledger" in loaded
    assert [name for name in HEAVY if name in loaded] == []


def test_a_worker_loads_neither_the_migrations_nor_every_table():
    program = "import sys, bontri.worker; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    loaded = done.stdout.split()
    assert "rewards.database" in loaded
    assert "alembic" not in loaded
    assert "rewards.schema.whole" not in loaded
