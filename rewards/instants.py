"""How an instant is written for programs: one form in answers of the API, in what commands print, and in exports."""

import datetime


def write_instant(at: datetime.datetime) -> str:
    """Return an instant in UTC to the microsecond, always 27 characters: as texts they sort as instants do.

    It is the form of the receipts of the bin protocol, and exact: the database knows no finer.
    """
    return at.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
