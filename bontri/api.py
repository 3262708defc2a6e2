"""The API as processes: granian serves the application, each worker composes its own from the settings."""

import math
import os
import signal
from functools import partial
from pathlib import Path

from flask import Flask
from granian import Granian
from granian.constants import Interfaces

from bontri.api_watch import report_to_parent, watched_processes
from bontri.embedded.processes import request_death_signal
from bontri.letters.codes import CodeSender
from bontri.letters.sending import open_post_office
from bontri.logs import configure_logs
from bontri.settings import Settings, read_settings
from partners_api.app import ApiConfig, create_app
from partners_api.metrics import ApiMetrics
from rewards.database import open_engine

REQUIRED = ("DATABASE_URL", "BONTRI_MASTER_KEY", "BONTRI_BADGE_PEPPER", "BONTRI_STORAGE_KEY", "BONTRI_MAIL_URL")

THREADS = 4
"""Requests one worker handles at once; each holds one connection to the database, of one role or the other."""


def make_app(report_to: Path | None = None) -> Flask:
    """Compose the application in a worker process; called by the server.

    With ``report_to`` the process tells its parent about itself.
    """
    # The server's own process may be killed; its workers must not go on listening without it.
    request_death_signal(signal.SIGKILL, os.getppid())
    settings = read_settings(*REQUIRED)
    configure_logs(settings)
    # One connection more than requests at once: for the thread that sends codes.
    engine = open_engine(settings.database_url or "", role="bontri_api", pool_size=THREADS + 1)
    codes, metrics = CodeSender(engine, open_post_office(settings)), ApiMetrics()
    codes.start()
    app = create_app(
        ApiConfig(proxies=settings.proxies),
        engine=engine,
        agents_engine=open_engine(settings.database_url or "", role="bontri_agent", pool_size=THREADS),
        keyring=settings.keyring(),
        send_codes=codes.wake,
        metrics=metrics,
    )
    if report_to is not None:
        report_to_parent(report_to, metrics)
    return app


def run_api(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then answer what is under way and end.

    The server was chosen by measurement: docs/decisions/0037-the-server-again.md.

    Raises:
        MonitoringError: the listener for monitoring cannot be opened.
    """
    configure_logs(settings)
    server = Granian(
        "bontri.api:make_app",
        address=settings.api_host,
        port=settings.api_port,
        interface=Interfaces.WSGI,
        workers=settings.api_workers,
        blocking_threads=THREADS,
        workers_kill_timeout=math.ceil(settings.api_stop_within),
        log_enabled=False,
    )
    with watched_processes(settings) as report_to:
        server.serve(target_loader=partial(make_app, report_to), wrap_loader=False)
