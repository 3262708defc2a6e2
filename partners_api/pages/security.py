"""Headers of pages: they load from this host alone, run nothing that stands in them, and may be framed by nobody."""

import gzip
from http import HTTPStatus

from flask import Response, request

from partners_api.geojson import GEOJSON

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; connect-src 'self';"
    " img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
PACKED_FROM_BYTES = 1024


def secure_page(answer: Response) -> Response:
    """Add the headers of a page; one that a view has set stays."""
    answer.headers.setdefault("Content-Security-Policy", POLICY)
    # With no-referrer browsers send `Origin: null` from our own forms, which could not be told from another site's.
    answer.headers.setdefault("Referrer-Policy", "same-origin")
    return answer


def pack_page(answer: Response) -> Response:
    """Gzip what is long and is taken so. A page holds no secret that could be guessed from its length."""
    is_text = answer.mimetype in ("text/html", "image/svg+xml", "text/csv", "application/json", GEOJSON)
    if (
        is_text
        and not answer.is_streamed
        and not answer.direct_passthrough
        and answer.status_code == HTTPStatus.OK
        and "Content-Encoding" not in answer.headers
        and request.accept_encodings["gzip"] > 0
        and len(body := answer.get_data()) >= PACKED_FROM_BYTES
    ):
        answer.set_data(gzip.compress(body, 6, mtime=0))
        answer.headers["Content-Encoding"] = "gzip"
        answer.headers["Vary"] = "Accept-Encoding"
    return answer
