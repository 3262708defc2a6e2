"""Style sheets, scripts and pictures of pages, ours and those of wheels, at addresses that change with their contents.

One name stands for all of them together, so that a style sheet finds its pictures beside it; browsers keep them for a
year and never ask again. Nothing comes from another host.
"""

import gzip
import hashlib
import mimetypes
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

from flask import Blueprint, Response, abort, request

OURS = Path(__file__).parent / "static"
# Files of wheels are found, never imported.
BOOTSTRAP = Path(str(distribution("Bootstrap-Flask").locate_file("flask_bootstrap/static/bootstrap5")))
LEAFLET = Path(str(distribution("XStatic-Leaflet").locate_file("xstatic/pkg/leaflet/data")))
OF_WHEELS = {
    "bootstrap.min.css": BOOTSTRAP / "css" / "bootstrap.min.css",
    "leaflet/leaflet.css": LEAFLET / "leaflet.css",
    "leaflet/leaflet.js": LEAFLET / "leaflet.js",
    **{f"leaflet/images/{path.name}": path for path in (LEAFLET / "images").glob("*.png")},
}
FOR_EVER = "public, max-age=31536000, immutable"
WORTH_PACKING = ("text/", "application/javascript", "image/svg+xml")

assets = Blueprint("assets", __name__, url_prefix="/assets")

mimetypes.add_type("text/javascript", ".js")


@cache
def list_assets() -> dict[str, Path]:
    """List the files by the name they are asked for with."""
    ours = {path.relative_to(OURS).as_posix(): path for path in sorted(OURS.rglob("*")) if path.is_file()}
    return {**OF_WHEELS, **ours}


@cache
def name_of_all() -> str:
    """Return the name that changes with any of the files."""
    digest = hashlib.sha256()
    for name, path in sorted(list_assets().items()):
        digest.update(name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def asset_url(name: str) -> str:
    """Return the address of a file.

    Raises:
        KeyError: there is none of this name.
    """
    list_assets()[name]
    return f"{assets.url_prefix}/{name_of_all()}/{name}"


@cache
def packed(name: str) -> bytes:
    """Return a file, gzipped; each is packed once."""
    return gzip.compress(list_assets()[name].read_bytes(), 9, mtime=0)


@assets.get("/<of_all>/<path:name>")
def show_asset(of_all: str, name: str) -> Response:
    """Serve a file, for ever where it is asked for by the name it has now."""
    if name not in list_assets():
        abort(404)
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    is_packed = kind.startswith(WORTH_PACKING) and request.accept_encodings["gzip"] > 0
    body = packed(name) if is_packed else list_assets()[name].read_bytes()
    answer = Response(body, content_type=f"{kind}; charset=utf-8" if kind.startswith("text/") else kind)
    answer.headers["Cache-Control"] = FOR_EVER if of_all == name_of_all() else "no-store"
    if kind.startswith(WORTH_PACKING):
        answer.headers["Vary"] = "Accept-Encoding"
    if is_packed:
        answer.headers["Content-Encoding"] = "gzip"
    return answer
