"""For supervisors and balancers: is the process alive, and can it do its work. No credentials, no facts."""

from flask import Blueprint
from sqlalchemy import text

from partners_api.transactions import connection

health = Blueprint("health", __name__)


@health.get("/healthz")
def healthz() -> dict[str, str]:
    """Answer while the process lives, whatever becomes of the database."""
    return {"status": "alive"}


@health.get("/readyz")
def readyz() -> dict[str, str]:
    """Answer 200 while the database can be reached, 503 else."""
    connection().execute(text("SELECT 1"))
    return {"status": "ready"}
