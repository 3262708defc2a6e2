"""``bontri bench``: measurements of Bontri beside its peers. Ratios count; absolute figures are this machine's."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bontri.json_output import as_json

if TYPE_CHECKING:
    from bontri.progress import Teller

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


def output_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add ``--json`` and ``--pictures``."""
    folder = click.Path(path_type=Path, file_okay=False, writable=True)
    add_pictures = click.option("--pictures", type=folder, help="Write SVG pictures there; made when missing.")
    words = "Print JSON at the end; progress goes to standard error."
    return click.option("--json", "is_json", is_flag=True, help=words)(add_pictures(command))


def warm_up_option(command: Callable[..., None]) -> Callable[..., None]:
    """Add ``--warm-up`` and ``--no-warm-up``."""
    words = "Play a round first that counts for nothing."
    return click.option("--warm-up/--no-warm-up", default=True, show_default=True, help=words)(command)


def online_options(*, probes: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return what adds the options of measurements with bins at work."""
    options = (
        click.option(
            "--probes", default=probes, show_default=True, type=click.IntRange(1, 64), help="Who ask the API."
        ),
        click.option(
            "--rate", type=click.FloatRange(1), help="Deposits per second; default: half of the maximal load online."
        ),
        click.option("--messages", default=30_000, show_default=True, type=click.IntRange(2000), help="For that load."),
        click.option("--bins", default=2000, show_default=True, type=click.IntRange(1, 90_000)),
        click.option("--citizens", default=5000, show_default=True, type=click.IntRange(1)),
        click.option("--seed", default=1, show_default=True),
    )

    def add(command: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(options):
            command = option(command)
        return command

    return add


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
@warm_up_option
@click.option("--kills/--no-kills", default=True, show_default=True, help="Kill each once in mid-load at the end.")
@output_options
def ingest_command(is_json: bool, pictures: Path | None, **options: Any) -> None:
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
    wanted = IngestOptions(**options, cache=cache)
    measure(lambda tell: bench_ingest(wanted, tell), ingest_as_text, Output(is_json, pictures))


@bench.command("latency")
@click.option("--seconds", default=60, show_default=True, type=click.IntRange(5, 600), help="How long to measure.")
@online_options(probes=8)
@output_options
def latency_command(is_json: bool, pictures: Path | None, **options: Any) -> None:
    """Measure from a deposit to its points in the API, online, at half of what a worker can take.

    Exits with 1 also when points do not show within 20 seconds.

    \b
    Examples:
      bontri bench latency
      bontri bench latency --seconds 10 --rate 500 --json
    """
    from benchmarks.latency import LatencyOptions, bench_latency
    from benchmarks.report import latency_as_text

    measure(lambda tell: bench_latency(LatencyOptions(**options), tell), latency_as_text, Output(is_json, pictures))


@bench.command("growth")
@click.option("--small", default=500_000, show_default=True, type=click.IntRange(1000), help="Events stored in one.")
@click.option("--large", default=5_000_000, show_default=True, type=click.IntRange(1000), help="And in the other.")
@click.option("--messages", default=50_000, show_default=True, type=click.IntRange(2000), help="Messages per round.")
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1, 20), help="Interleaved rounds.")
@click.option("--bins", default=2000, show_default=True, type=click.IntRange(1, 99_999))
@click.option("--citizens", default=5000, show_default=True, type=click.IntRange(1))
@click.option("--seed", default=1, show_default=True)
@warm_up_option
@output_options
def growth_command(is_json: bool, pictures: Path | None, **options: Any) -> None:
    """Measure what an event costs when much is stored already, against little.

    5 million events take about 5 GB of disk and some minutes to load, 50 million ten times as much.

    \b
    Examples:
      bontri bench growth
      bontri bench growth --large 50000000
      bontri bench growth --small 50000 --large 500000 --messages 20000 --rounds 3
    """
    from benchmarks.growth import GrowthOptions, bench_growth
    from benchmarks.report import growth_as_text

    measure(lambda tell: bench_growth(GrowthOptions(**options), tell), growth_as_text, Output(is_json, pictures))


@bench.command("rewards")
@click.option("--seconds", default=10, show_default=True, type=click.IntRange(1, 600), help="Of purchases a turn.")
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(1, 20), help="Interleaved rounds.")
@click.option("--lots", default=200_000, show_default=True, type=click.IntRange(100), help="Lots that expire at once.")
@click.option("--rate", default=50.0, show_default=True, type=click.FloatRange(1), help="Redemptions per second.")
@click.option("--quiet", default=10.0, show_default=True, type=click.FloatRange(0.2), help="Seconds before the job.")
@warm_up_option
@output_options
def rewards_command(is_json: bool, pictures: Path | None, **options: Any) -> None:
    """Measure vouchers against pgbench with the same statements, and expiry against one INSERT; needs no broker.

    Exits with 1 also when a redemption is refused.

    \b
    Examples:
      bontri bench rewards
      bontri bench rewards --seconds 2 --rounds 1 --lots 5000 --quiet 2 --json
    """
    from benchmarks.report import rewards_as_text
    from benchmarks.rewards import RewardsOptions, bench_rewards

    measure(lambda tell: bench_rewards(RewardsOptions(**options), tell), rewards_as_text, Output(is_json, pictures))


@bench.command("api")
@click.option("--seconds", default=10, show_default=True, type=click.IntRange(1, 600), help="Of reading, and paced.")
@click.option("--redemptions", default=4000, show_default=True, type=click.IntRange(80), help="A turn.")
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1, 20), help="Interleaved rounds.")
@click.option("--paced", default=200.0, show_default=True, type=click.FloatRange(1), help="Redemptions per second.")
@click.option("--rate", type=click.FloatRange(1), help="Deposits per second; default: a quarter of the maximal load.")
@click.option("--messages", default=30_000, show_default=True, type=click.IntRange(2000), help="For that load.")
@click.option("--bins", default=2000, show_default=True, type=click.IntRange(1, 90_000))
@click.option("--citizens", default=5000, show_default=True, type=click.IntRange(1))
@click.option("--seed", default=1, show_default=True)
@warm_up_option
@output_options
def api_command(is_json: bool, pictures: Path | None, **options: Any) -> None:
    """Measure the API over HTTP: redemptions against pgbench with the same statements, balances against an empty
    route, and how long a redemption takes while deposits come in.

    \b
    Examples:
      bontri bench api
      bontri bench api --seconds 2 --redemptions 400 --rounds 1 --rate 200 --json
    """
    from benchmarks.api import ApiOptions, bench_api
    from benchmarks.report import api_as_text

    measure(lambda tell: bench_api(ApiOptions(**options), tell), api_as_text, Output(is_json, pictures))


@bench.command("stats")
@click.option(
    "--years", default=5, show_default=True, type=click.IntRange(1, 10), help="Over which deposits are spread."
)
@click.option("--small", default=200_000, show_default=True, type=click.IntRange(1000), help="Deposits in one.")
@click.option(
    "--deposits", "large", default=20_000_000, show_default=True, type=click.IntRange(1000), help="In the other."
)
@click.option(
    "--rounds", default=5, show_default=True, type=click.IntRange(1, 50), help="Interleaved rounds of figures."
)
@click.option("--rebuilds", default=3, show_default=True, type=click.IntRange(1, 20), help="Interleaved rebuilds.")
@click.option("--bins", default=600, show_default=True, type=click.IntRange(9, 99_999))
@click.option("--citizens", default=5000, show_default=True, type=click.IntRange(1))
@click.option("--seed", default=1, show_default=True)
@warm_up_option
@output_options
def stats_command(is_json: bool, pictures: Path | None, **options: Any) -> None:
    """Measure figures over five years with many deposits, against few; and a rebuild of the sums against a GROUP BY.

    Needs no broker. 20 million deposits take about 20 GB of disk for a while, and half an hour to load and verify.

    \b
    Examples:
      bontri bench stats
      bontri bench stats --deposits 2000000
      bontri bench stats --deposits 20000 --small 2000 --rounds 2 --rebuilds 1 --bins 20 --citizens 30 --json
    """
    from benchmarks.report import stats_as_text
    from benchmarks.stats import StatsOptions, bench_stats

    measure(lambda tell: bench_stats(StatsOptions(**options), tell), stats_as_text, Output(is_json, pictures))


@bench.command("soak")
@click.option("--minutes", default=60.0, show_default=True, type=click.FloatRange(0.2, 10_080), help="How long.")
@click.option("--every", default=5, show_default=True, type=click.IntRange(1, 600), help="Seconds between samples.")
@online_options(probes=4)
@output_options
def soak_command(is_json: bool, pictures: Path | None, **options: Any) -> None:
    """Run at half load for an hour and tell whether memory, descriptors or connections grow.

    \b
    Examples:
      bontri bench soak
      bontri bench soak --minutes 5 --every 1 --rate 500
    """
    from benchmarks.report import soak_as_text
    from benchmarks.soak import SoakOptions, bench_soak

    measure(lambda tell: bench_soak(SoakOptions(**options), tell), soak_as_text, Output(is_json, pictures))


@dataclass(frozen=True, slots=True)
class Output:
    """How the report is wanted."""

    is_json: bool
    pictures: Path | None


def measure(bench_it: "Callable[[Teller], Report]", as_text: Callable[[Report], str], output: Output) -> None:
    """Run a measurement, print its report and exit; signals end it in order, with nothing left running."""
    from benchmarks.errors import BenchError
    from bontri.embedded.processes import stop_on_signals
    from bontri.logs import configure_logs
    from bontri.progress import Teller
    from bontri.settings import read_settings

    # Parts of a worker run in this process as well; standard output is the report's alone.
    configure_logs(replace(read_settings(), log_level="error"))
    tell = Teller()
    # Now, and not after an hour.
    make_folder(output.pictures)
    try:
        with stop_on_signals():
            report = bench_it(tell)
    except BenchError as error:
        raise click.ClickException(str(error)) from error
    draw(report, output.pictures, tell)
    click.echo(as_json(report) if output.is_json else as_text(report))
    sys.exit(0 if report["ok"] else 1)


def make_folder(folder: Path | None) -> None:
    """Make the folder for pictures if one is wanted."""
    try:
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.ClickException(f"{folder} cannot be written ({error.strerror}); choose another") from error


def draw(report: Report, folder: Path | None, tell: "Teller") -> None:
    """Write the pictures asked for."""
    from benchmarks.pictures import write_pictures

    if folder is not None:
        written = write_pictures(report, folder)
        tell.line(f"pictures: {', '.join(str(path) for path in written)}")
