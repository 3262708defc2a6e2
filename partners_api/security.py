"""Headers every answer carries: nothing is embedded, guessed, leaked by a referrer, or kept by a cache."""

from flask import Flask, Response

NOTHING = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


def add_security_headers(app: Flask) -> None:
    """Add the headers to every answer of ``app``; a view that sets one of them keeps it."""

    @app.after_request
    def secure(answer: Response) -> Response:
        headers = answer.headers
        headers.setdefault("Content-Security-Policy", NOTHING)
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("Referrer-Policy", "no-referrer")
        # Answers are personal unless their view says otherwise.
        headers.setdefault("Cache-Control", "no-store")
        return answer
