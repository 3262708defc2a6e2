"""Alembic migrations, run by ``bontri migrate``."""
