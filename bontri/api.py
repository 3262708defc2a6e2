"""The API as processes: granian serves the application, each worker composes its own from the settings."""

import math
import os
import signal
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from flask import Flask
from granian import Granian
from granian.constants import Interfaces
from granian.http import HTTP1Settings
from sqlalchemy.exc import OperationalError

from bontri.api_watch import report_to_parent, watched_processes
from bontri.charts.asking import ChartArtist
from bontri.charts.keeping import running_charts
from bontri.documents.annual_reports import annual_report_as_pdf
from bontri.documents.public_reports import public_report_as_pdf
from bontri.documents.statements import statement_as_pdf
from bontri.embedded.processes import request_death_signal
from bontri.letters.codes import CodeSender
from bontri.letters.sending import open_post_office
from bontri.logs import configure_logs
from bontri.reencrypting import require_keys_of
from bontri.settings import Settings, read_settings
from partners_api.app import ApiConfig, create_app
from partners_api.metrics import ApiMetrics
from partners_api.pages.map_tiles import MapTiles
from partners_api.rates import share_out
from partners_api.services import draw_nothing
from rewards.database import open_engine

REQUIRED = ("DATABASE_URL", "BONTRI_MASTER_KEY", "BONTRI_BADGE_PEPPER", "BONTRI_STORAGE_KEY", "BONTRI_MAIL_URL")

THREADS = 4
"""Requests one worker handles at once; each holds one connection to the database, of one role or the other."""

HEADERS_WITHIN_MS = 10_000
MOST_HEADER_BYTES = 32 * 1024
"""Of the request line and all headers together; the server refuses what is longer before the application sees it."""


def make_app(report_to: Path | None = None, charts_at: Path | None = None) -> Flask:
    """Compose the application in a worker process; called by the server.

    With ``report_to`` the process tells its parent about itself; ``charts_at`` is where it asks for pictures.
    """
    # The server's own process may be killed; its workers must not go on listening without it.
    request_death_signal(signal.SIGKILL, os.getppid())
    settings = read_settings(*REQUIRED)
    configure_logs(settings)
    own: Any = {"statement_seconds": settings.api_statement_seconds}
    # One connection more than requests at once: for the thread that sends codes.
    engine = open_engine(settings.database_url or "", role="bontri_api", pool_size=THREADS + 1, **own)
    codes, metrics = CodeSender(engine, open_post_office(settings)), ApiMetrics()
    codes.start()
    app = create_app(
        ApiConfig(
            rates=share_out(settings.api_rates, settings.api_workers),
            proxies=settings.proxies,
            map_tiles=MapTiles(settings.map_tiles, settings.map_tiles_credit) if settings.map_tiles else None,
        ),
        engine=engine,
        agents_engine=open_engine(settings.database_url or "", role="bontri_agent", pool_size=THREADS, **own),
        keyring=settings.keyring(),
        send_codes=codes.wake,
        render_statement=statement_as_pdf,
        render_annual_report=annual_report_as_pdf,
        render_public_report=public_report_as_pdf,
        draw_chart=draw_nothing if charts_at is None else ChartArtist(charts_at),
        metrics=metrics,
    )
    if report_to is not None:
        report_to_parent(report_to, metrics)
    return app


def run_api(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then answer what is under way and end.

    The server was chosen by measurement: docs/decisions/0037-the-server-again.md.

    Raises:
        EncryptionKeyNeededError: a key that something may stand under is not given.
        MonitoringError: the listener for monitoring cannot be opened.
    """
    configure_logs(settings)
    # While the database is away the API starts all the same, and answers when it is back.
    with suppress(OperationalError):
        require_keys_of(settings.database_url or "", settings.keyring(), role="bontri_api")
    server = Granian(
        "bontri.api:make_app",
        address=settings.api_host,
        port=settings.api_port,
        interface=Interfaces.WSGI,
        workers=settings.api_workers,
        blocking_threads=THREADS,
        workers_kill_timeout=math.ceil(settings.api_stop_within),
        http1_settings=HTTP1Settings(header_read_timeout=HEADERS_WITHIN_MS, max_buffer_size=MOST_HEADER_BYTES),
        log_enabled=False,
    )
    with running_charts() as charts_at, watched_processes(settings) as report_to:
        server.serve(target_loader=partial(make_app, report_to, charts_at), wrap_loader=False)
