"""The public report of a published year, for everybody: a page and a PDF, of what was published and nothing else.

A year that was not published as a whole has none; what was published of its months is on the page of open data.
"""

from http import HTTPStatus

from flask import Response, request
from flask.typing import ResponseReturnValue

from partners_api.languages import language_of_request
from partners_api.pages.page import page, render
from partners_api.pages.public.documents import KeptDocuments
from partners_api.pages.public.open_data import ANY_SITE, list_published, years_of
from partners_api.services import now, services
from partners_api.sign_ins import get_authority_id
from partners_api.transactions import connection
from rewards.statistics.annual_report.public import find_public_report
from rewards.territory import get_authority_facts

DOCUMENTS = KeptDocuments()
"""Of this process; of each report as it was when it was asked for."""


@page("/open-data/<slug>/report/<year:year>", role=None)
def show_public_report(*, slug: str, year: int) -> ResponseReturnValue:
    """Show what was published of a year, or that it was not."""
    authority_id = get_authority_id(slug)
    report = find_public_report(connection(), year, authority_id=authority_id, now=now())
    if report is None:
        return show_no_report(authority_id, slug, year)
    return render("public_report.html", slug=slug, year=year, report=report, authority=report.authority)


@page("/open-data/<slug>/report/<year:year>.pdf", role=None)
def send_public_report(*, slug: str, year: int) -> ResponseReturnValue:
    """Send the same as PDF, in French or English (``?lang=``, else as pages choose it)."""
    authority_id = get_authority_id(slug)
    report = find_public_report(connection(), year, authority_id=authority_id, now=now())
    if report is None:
        return show_no_report(authority_id, slug, year)
    language = language_of_request()
    render_pdf = services().render_public_report
    document = DOCUMENTS.get((report, language), lambda: render_pdf(report, language=language))
    answer = Response(document, mimetype="application/pdf")
    answer.headers.update(ANY_SITE)
    answer.headers["Vary"] = "Accept-Language, Cookie"
    answer.headers["Content-Disposition"] = f'inline; filename="{slug}-{year}-{language}.pdf"'
    answer.add_etag()
    answer.make_conditional(request)
    return answer


def show_no_report(authority_id: int, slug: str, year: int) -> ResponseReturnValue:
    """Show that the year was not published, and which were."""
    name = get_authority_facts(connection(), authority_id=authority_id).name
    years = years_of(list_published(authority_id))
    shown = render("public_report.html", slug=slug, year=year, report=None, authority=name, years=years)
    return shown, HTTPStatus.NOT_FOUND
