"""Logs are events with fields; ids, never a badge, a code or a payload."""

import logging
import sys

import structlog

from bontri.settings import Settings


def configure_logs(settings: Settings, *, worker: str | None = None) -> None:
    """Write log events to standard error: text on a terminal, else a JSON object a line.

    ``worker`` is put on every line: several processes may write to one stream.
    """

    def name_worker(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        return event if worker is None else {"worker": worker, **event}

    is_text = settings.log_format == "text" or (settings.log_format == "auto" and sys.stderr.isatty())
    renderer: structlog.types.Processor = structlog.processors.JSONRenderer()
    if is_text:
        # The plain formatter shows no local variables, which may hold a badge or a code.
        renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    # A pipeline that failed says so by its exception; psycopg would add a line of its own.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            name_worker,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([] if is_text else [structlog.processors.format_exc_info]),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[settings.log_level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
