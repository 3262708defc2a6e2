"""Documents to print, as answers."""

from flask import Response


def answer_pdf(document: bytes, name: str) -> Response:
    """Return a PDF to be shown by the browser, and to be kept as ``name``."""
    answer = Response(document, mimetype="application/pdf")
    answer.headers["Content-Disposition"] = f'inline; filename="{name}.pdf"'
    return answer
