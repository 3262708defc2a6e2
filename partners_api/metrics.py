"""What is counted of the API, for Prometheus. Labels are closed lists: no authority, no caller, no path as asked.

Every name begins with ``bontri_api_``. Where the metrics of several processes are put together is the entry point's.
"""

import time

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from sqlalchemy import Engine, QueuePool

from rewards.database import DatabaseRole

SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
NO_ROUTE = "none"

disable_created_metrics()  # type: ignore[no-untyped-call]


class ApiMetrics:
    """The metrics of one process in a registry of its own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            "bontri_api_requests_total", "Requests answered", ("method", "route", "status"), registry=registry
        )
        # By part and not by route: with a hundred routes the text would be long to make, every second.
        self.seconds = Histogram(
            "bontri_api_request_seconds", "Time to an answer", ("part",), buckets=SECONDS, registry=registry
        )
        self.refusals = Counter(
            "bontri_api_refusals_total", "Requests answered with a problem", ("code",), registry=registry
        )
        self._in_use = Gauge(
            "bontri_api_connections_in_use", "Connections to the database in use", ("role",), registry=registry
        )
        self._most = Gauge(
            "bontri_api_connections_most", "Connections there may be at most", ("role",), registry=registry
        )

    def watch_pool(self, engine: Engine, *, role: DatabaseRole) -> None:
        """Ask the pool of ``engine``, of a role, how many of its connections are in use whenever metrics are read."""

        def in_use() -> float:
            # Asked each time: an engine that has lost its server makes a new pool.
            return engine.pool.checkedout() if isinstance(engine.pool, QueuePool) else 0

        self._in_use.labels(role).set_function(in_use)
        if isinstance(engine.pool, QueuePool):
            self._most.labels(role).set(engine.pool.size())

    def count(self, answer: Response) -> None:
        """Count the request under way as answered."""
        method = request.method if request.method in METHODS else "other"
        route = str(request.url_rule) if request.url_rule else NO_ROUTE
        self.requests.labels(method, route, str(answer.status_code)).inc()
        self.seconds.labels(request.blueprint or NO_ROUTE).observe(time.perf_counter() - g.began_s)
        if "problem_code" in g:
            self.refusals.labels(g.problem_code).inc()


def count_requests(app: Flask, metrics: ApiMetrics) -> None:
    """Count every request of ``app`` when it is answered; needs :func:`partners_api.request_log.log_requests`."""

    @app.after_request
    def count(answer: Response) -> Response:
        metrics.count(answer)
        return answer
