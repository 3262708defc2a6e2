"""The job that counts holders: what figures of participation are made from."""

from sqlalchemy import Engine

from ingest.worker import utc_now
from rewards.statistics.participation.counting import count_holders, list_changed_months, plan_spans


def count_holders_of(engine: Engine, authority_id: int) -> dict[str, int]:
    """Count the holders of months and years whose deposits changed since, a year a transaction."""
    now = utc_now()
    with engine.begin() as connection:
        changed, first_whole = list_changed_months(connection, authority_id=authority_id, now=now)
    cells = 0
    for spans in plan_spans(changed, first_whole=first_whole):
        with engine.begin() as connection:
            cells += count_holders(connection, spans, authority_id=authority_id, now=now)
    return {"months": len(changed), "cells": cells}
