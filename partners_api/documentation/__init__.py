"""The readable page of the API: Swagger UI from its wheel, started by a script of ours, under a strict policy."""

from importlib.resources import files
from pathlib import Path

from flask import Blueprint, Response, send_from_directory

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
# Found, not imported: the package's own template has an inline script.
ASSETS = Path(str(files("flask_swagger_ui"))) / "dist"
OURS = Path(__file__).parent
NAMES = {"swagger-ui.css": ASSETS, "swagger-ui-bundle.js": ASSETS, "favicon-32x32.png": ASSETS, "start.js": OURS}

documentation = Blueprint("documentation", __name__, url_prefix="/api/docs")


@documentation.get("")
def show_page() -> Response:
    """Show the API in a browser."""
    return public(send_from_directory(OURS, "page.html"))


@documentation.get("/<any('swagger-ui.css', 'swagger-ui-bundle.js', 'favicon-32x32.png', 'start.js'):name>")
def show_asset(name: str) -> Response:
    """Serve what the page is made of."""
    return public(send_from_directory(NAMES[name], name))


def public(answer: Response) -> Response:
    """Let browsers run the page's own scripts and keep what is nobody's secret for a while."""
    answer.headers["Content-Security-Policy"] = POLICY
    answer.headers["Cache-Control"] = "public, max-age=3600"
    return answer
