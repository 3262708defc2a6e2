"""The application factory. Composes the parts; knows no settings but its configuration, and connects to nothing."""

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import version
from threading import Lock
from typing import Any

from flask import Flask, Response, json, request
from flask_smorest import Api
from sqlalchemy import Engine
from werkzeug.exceptions import BadRequest, UnsupportedMediaType
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.utils import find_modules

from partners_api.authorities.blueprint import authorities
from partners_api.citizens.blueprint import citizens
from partners_api.documentation import documentation
from partners_api.errors import register_error_handlers
from partners_api.fast_json import FastJson
from partners_api.health import health
from partners_api.metrics import ApiMetrics, count_requests
from partners_api.notices_off import notices_off
from partners_api.operators.blueprint import operators
from partners_api.pages.blueprint import pages
from partners_api.pages.map_tiles import MapTiles
from partners_api.pages.registration import register_pages
from partners_api.paths import YearConverter
from partners_api.principals import SECURITY_SCHEMES
from partners_api.rates import limit_rates
from partners_api.request_log import ExceptionInfo, log_failure, log_requests
from partners_api.security import add_security_headers
from partners_api.services import (
    EXTENSION,
    DrawChart,
    RenderAnnualReport,
    RenderPublicReport,
    RenderStatement,
    SendCodes,
    Services,
    draw_nothing,
    utc_now,
)
from partners_api.shops.blueprint import shops
from partners_api.transactions import TransactionalFlask
from rewards.keyring import Keyring

BLUEPRINTS = (citizens, shops, authorities, operators)
for blueprint in BLUEPRINTS:
    # A file beside a blueprint is imported for the operations it adds to it, and is named nowhere else.
    for module in find_modules(blueprint.import_name.rpartition(".")[0]):
        import_module(module)

API_PREFIX = "/api/v1"


@dataclass(frozen=True, slots=True)
class ApiConfig:
    """What an operator may set of the API."""

    request_bytes_max: int = 64 * 1024
    rates: Mapping[str, int] = field(default_factory=dict)
    """Requests a minute that this process grants a caller, by audience, and an address (``public``)."""
    proxies: int = 0
    """How many proxies stand before the API: as many entries of X-Forwarded-For and -Proto, the last, are believed."""
    map_tiles: MapTiles | None = None


class BontriApplication(TransactionalFlask):
    """Flask with one transaction per request and failures in the log as events."""

    json_provider_class = FastJson

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``func``: nothing here is a coroutine, and to ask every function of a request each time took 3 %."""
        return func

    def log_exception(self, exc_info: ExceptionInfo) -> None:
        """Log a bug; Flask's own logger knows no fields."""
        log_failure(exc_info)


class BontriApi(Api):  # type: ignore[misc]
    """flask-smorest without its error format: ours is in ``partners_api/errors.py``."""

    # Each operation documents its own errors.
    DEFAULT_ERROR_RESPONSE_NAME = None

    def __init__(self, app: Flask) -> None:
        """Begin without a document; ``to_document`` is what makes it, when it is first asked for."""
        self.to_document: list[Callable[[], None]] = []
        self._document: bytes | None = None
        self._making = Lock()
        super().__init__(app)

    def _openapi_json(self) -> Response:
        """Serve the document, which is the same for everybody."""
        with self._making:
            while self.to_document:
                self.to_document.pop(0)()
            if self._document is None:
                self._document = json.dumps(self.spec.to_dict(), sort_keys=False).encode()
        return Response(self._document, content_type="application/json")

    def _register_error_handlers(self) -> None:
        """Leave errors to :func:`register_error_handlers`, which covers the whole application."""


def create_app(
    config: ApiConfig,
    *,
    engine: Engine,
    agents_engine: Engine,
    keyring: Keyring,
    send_codes: SendCodes,
    render_statement: RenderStatement,
    render_annual_report: RenderAnnualReport,
    render_public_report: RenderPublicReport,
    draw_chart: DrawChart = draw_nothing,
    clock: Callable[[], datetime.datetime] = utc_now,
    metrics: ApiMetrics | None = None,
) -> Flask:
    """Return the WSGI application.

    ``engine`` works as role ``bontri_api``, ``agents_engine`` as ``bontri_agent``. ``send_codes`` gets the
    authority in whose outbox a code may wait, after the commit and after the answer; what it raises reaches nobody but
    the log. ``render_statement``, ``render_annual_report`` and ``render_public_report`` make PDFs, ``draw_chart`` the
    pictures of pages; without it they show tables.
    """
    app = BontriApplication("partners_api", static_folder=None)
    app.extensions[EXTENSION] = Services(
        engine,
        agents_engine,
        keyring,
        send_codes,
        render_statement,
        render_annual_report,
        render_public_report,
        clock,
        draw_chart=draw_chart,
    )
    app.config.update(
        MAX_CONTENT_LENGTH=config.request_bytes_max,
        MAP_TILES=config.map_tiles,
        API_TITLE="Bontri",
        API_VERSION=version("bontri"),
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX=API_PREFIX,
    )
    log_requests(app)
    metrics = metrics or ApiMetrics()
    metrics.watch_pool(engine, role="bontri_api")
    metrics.watch_pool(agents_engine, role="bontri_agent")
    count_requests(app, metrics)
    limit_rates(app, config.rates)
    app.before_request(refuse_what_is_not_json)
    add_security_headers(app)
    register_error_handlers(app)
    app.register_blueprint(health)
    app.register_blueprint(notices_off)
    app.register_blueprint(documentation)
    register_operations(app)
    register_pages(app)
    if config.proxies:
        # Without a proxy anybody could write these headers, so none is believed unless there is one.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=config.proxies, x_proto=config.proxies)  # type: ignore[method-assign]
    return app


def register_operations(app: Flask) -> None:
    """Add the operations and their OpenAPI document."""
    app.url_map.converters["year"] = YearConverter
    api = BontriApi(app)
    for audience, description in SECURITY_SCHEMES.items():
        scheme = {"type": "http", "scheme": "bearer", "description": description}
        api.spec.components.security_scheme(audience, scheme)
    for blueprint in BLUEPRINTS:
        api.register_blueprint(blueprint, url_prefix=f"{API_PREFIX}{blueprint.url_prefix}")


def refuse_what_is_not_json() -> None:
    """Refuse a body that does not say it is JSON, rather than treat it as missing, and one too deep to be read."""
    has_body = request.content_length or "Transfer-Encoding" in request.headers
    if not has_body or request.blueprint in (notices_off.name, pages.name):
        return
    if not request.is_json:
        raise UnsupportedMediaType
    try:
        # Kept by Flask: whoever asks for it later gets the same.
        request.get_json(silent=True)
    except RecursionError:
        raise BadRequest from None
