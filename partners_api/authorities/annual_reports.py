"""The public report of a year: its facts, and the PDF to hand out."""

from typing import Any

from flask import Response

from partners_api.authorities.annual_report_schemas import AnnualReportSchema
from partners_api.authorities.blueprint import authorities
from partners_api.authorities.callers import tenant_of
from partners_api.documents import answer_pdf
from partners_api.languages import LanguageQuerySchema, language_of_request
from partners_api.operations import operation
from partners_api.refusals import RequestTooSlowError
from partners_api.services import now, services
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.statistics.annual_report import (
    AnnualReport,
    NothingInYearError,
    YearNotOverError,
    gather_annual_report,
)
from rewards.statistics.periods import PeriodToComeError

OF_YEAR = "/figures/annual-reports/<int(min=2000, max=2100):year>"
REFUSES = (PeriodToComeError, YearNotOverError, NothingInYearError)


def gather(caller: Principal, year: int) -> AnnualReport:
    """Return the report of a year.

    Raises:
        RequestTooSlowError: others are measuring effects right now.
    """
    try:
        return gather_annual_report(connection(), year, **tenant_of(caller), now=now())
    except TimeoutError:
        raise RequestTooSlowError from None


@operation(
    authorities,
    "GET",
    OF_YEAR,
    audience="authority",
    role="viewer",
    answers=(200, AnnualReportSchema),
    refuses=REFUSES,
)
def show_annual_report(caller: Principal, year: int) -> AnnualReport:
    """Show what may be told to anybody of a year that is over; amounts as they were published.

    Takes a second, for the effect is measured; nothing is stored.
    """
    return gather(caller, year)


@operation(
    authorities,
    "GET",
    f"{OF_YEAR}/report.pdf",
    audience="authority",
    role="viewer",
    query=LanguageQuerySchema,
    answers=(200, None),
    content_type="application/pdf",
    refuses=REFUSES,
)
def show_annual_report_document(caller: Principal, _asked: dict[str, Any], year: int) -> Response:
    """Show the same as PDF, in French or English (`lang`, else `Accept-Language`); same facts, same bytes."""
    report = gather(caller, year)
    document = services().render_annual_report(report, language=language_of_request())
    return answer_pdf(document, f"{report.slug}-{year}")
