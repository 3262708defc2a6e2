"""``bontri bench``: measurements of Bontri beside its peers. Ratios count; absolute figures are this machine's."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from benchmarks.progress import Teller

Report = dict[str, Any]


@click.group()
def bench() -> None:
    """Measure Bontri against its peers, in one run on one machine.

    Services are private and fresh, whatever DATABASE_URL and MQTT_URL say, and gone afterwards. A floor that is not
    reached is told in the report; the exit code is 1 only when measuring failed or an invariant is broken. What can
    not be run here is listed under "not_run". docs/benchmarks.md explains the figures.
    """


class PeerNames(click.ParamType[tuple[str, ...]]):
    """Names of peers with commas between, ``all`` or ``none``."""

    name = "NAMES"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Split and check the names."""
        from benchmarks.peers.catalogue import PEERS_BY_NAME

        if value in ("all", "none"):
            return tuple(PEERS_BY_NAME) if value == "all" else ()
        names = tuple(dict.fromkeys(str(value).split(",")))
        if unknown := [name for name in names if name not in PEERS_BY_NAME]:
            self.fail(
                f"no such peer: {', '.join(unknown)}; there are {', '.join(PEERS_BY_NAME)}, all, none", param, ctx
            )
        return names


def json_option(command: Callable[..., None]) -> Callable[..., None]:
    """Add ``--json``."""
    return click.option(
        "--json", "is_json", is_flag=True, help="Print JSON at the end; progress goes to standard error."
    )(command)


@bench.command("ingest")
@click.option("--messages", default=50_000, show_default=True, type=click.IntRange(2000), help="Messages per round.")
@click.option("--peer-messages", default=5000, show_default=True, type=click.IntRange(500), help="For the slow peers.")
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(1, 20), help="Interleaved rounds.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 16), help="Worker processes.")
@click.option("--bins", default=2000, show_default=True, type=click.IntRange(1, 99_999))
@click.option("--citizens", default=5000, show_default=True, type=click.IntRange(1))
@click.option("--seed", default=1, show_default=True)
@click.option(
    "--parser", default="fast", show_default=True, type=click.Choice(["fast", "stock"]), help="Ours, or stock paho."
)
@click.option("--peers", default="all", show_default=True, type=PeerNames(), help="Which, with commas; or none.")
@click.option("--kills/--no-kills", default=True, show_default=True, help="Kill each once in mid-load at the end.")
@json_option
def ingest_command(is_json: bool, **options: Any) -> None:
    """Drain a full broker queue: the worker (one event a message, and a backlog of 50), peers that keep no ledger,
    and ceilings.

    Peers of other languages are installed in exact versions below BONTRI_DATA_DIR/bench-peers at the first run.

    \b
    Examples:
      bontri bench ingest
      bontri bench ingest --peers none --messages 5000 --rounds 1
      bontri bench ingest --peers aiomqtt_asyncpg,mqttjs_pg --json > ingest.json
    """
    from benchmarks.ingest import IngestOptions, bench_ingest
    from benchmarks.report import ingest_as_text
    from bontri.settings import read_settings

    cache = read_settings().data_dir.absolute() / "bench-peers"
    measure(lambda tell: bench_ingest(IngestOptions(**options, cache=cache), tell), ingest_as_text, is_json=is_json)


@bench.command("latency")
@click.option("--seconds", default=60, show_default=True, type=click.IntRange(5, 600), help="How long to measure.")
@click.option("--probes", default=8, show_default=True, type=click.IntRange(1, 64), help="Citizens who ask.")
@click.option("--rate", type=click.FloatRange(1), help="Deposits per second; default: half of the maximal load.")
@click.option(
    "--messages", default=30_000, show_default=True, type=click.IntRange(2000), help="To find the maximal load."
)
@click.option("--bins", default=2000, show_default=True, type=click.IntRange(1, 90_000))
@click.option("--citizens", default=5000, show_default=True, type=click.IntRange(1))
@click.option("--seed", default=1, show_default=True)
@json_option
def latency_command(is_json: bool, **options: Any) -> None:
    """Measure from a deposit to its points in the API, online, at half of what a worker can take.

    Exits with 1 also when points do not show within 20 seconds.

    \b
    Examples:
      bontri bench latency
      bontri bench latency --seconds 10 --rate 500 --json
    """
    from benchmarks.latency import LatencyOptions, bench_latency
    from benchmarks.report import latency_as_text

    measure(lambda tell: bench_latency(LatencyOptions(**options), tell), latency_as_text, is_json=is_json)


def measure(bench_it: "Callable[[Teller], Report]", as_text: Callable[[Report], str], *, is_json: bool) -> None:
    """Run a measurement, print its report and exit; signals end it in order, with nothing left running."""
    from benchmarks.errors import BenchError
    from benchmarks.progress import Teller
    from bontri.embedded.processes import stop_on_signals
    from bontri.logs import configure_logs
    from bontri.settings import read_settings

    # Parts of a worker run in this process as well; standard output is the report's alone.
    configure_logs(replace(read_settings(), log_level="error"))
    try:
        with stop_on_signals():
            report = bench_it(Teller())
    except BenchError as error:
        raise click.ClickException(str(error)) from error
    click.echo(json.dumps(report, indent=2) if is_json else as_text(report))
    sys.exit(0 if report["ok"] else 1)
