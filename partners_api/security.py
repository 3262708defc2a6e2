"""Headers every answer carries: nothing is embedded, guessed, leaked by a referrer, or kept by a cache."""

from flask import Flask, Response

HEADERS = (
    (
        "Content-Security-Policy",
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    # Answers are personal unless their view says otherwise.
    ("Cache-Control", "no-store"),
)


def add_security_headers(app: Flask) -> None:
    """Add the headers to every answer of ``app``; a view that sets one of them keeps it."""

    @app.after_request
    def secure(answer: Response) -> Response:
        present = {name.lower() for name, _ in answer.headers}
        for name, value in HEADERS:
            if name.lower() not in present:
                answer.headers.add(name, value)
        return answer
