"""``bontri demo``: services, bins, one story from bottle to redeemed voucher, and the proof that the books balance."""

import datetime
import json
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bontri.demo.console import DemoConsole, read_totals
from bontri.demo.folder import DemoFolder
from bontri.demo.history.loading import LoadedHistory
from bontri.demo.history.reports import list_levels
from bontri.demo.letterbox import Letterbox
from bontri.demo.places import mix
from bontri.demo.seed import AGENT_EMAIL, AUTHORITY_ID, SLUG, TIMEZONE, Visitor, badges, register_visitor
from bontri.demo.services import HistoryWish, Services, Town, running_services
from bontri.demo.story import Story, StoryError, play_story
from bontri.embedded.processes import Stopped, stop_on_signals
from bontri.jobs.retaining import erase_requested_work
from bontri.provisioning import fleet_file
from bontri.settings import Settings
from ingest.worker import utc_now
from rewards.database import open_engine
from rewards.privacy import ErasureRegister
from rewards.verify import Verification, verify
from simulators.counts import FleetCounts
from simulators.fleet_file import ProvisionedFleet, read_fleet
from simulators.run import run_fleet

SETTLED_WITHIN_S = 30.0
REFRESH_S = 1.0


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What the command line says."""

    bins: int
    rate_per_s: float
    for_s: float | None
    seed: int
    is_json: bool
    history_days: int


@dataclass
class Traffic:
    """The fleet in its own thread; ``counts`` is replaced about once a second."""

    fleet: ProvisionedFleet
    options: DemoOptions
    folder: Path
    stop: threading.Event
    counts: FleetCounts | None = None
    failure: BaseException | None = None

    def run(self) -> None:
        """Run the fleet until stopped; whatever goes wrong is told by the main thread."""
        try:
            self.counts = run_fleet(
                self.fleet,
                rate_per_s=self.options.rate_per_s,
                duration_s=None,
                seed=self.options.seed,
                folder=self.folder,
                on_progress=self._keep,
                stop=self.stop,
                drain_s=SETTLED_WITHIN_S,
                stop_drain_s=SETTLED_WITHIN_S,
            )
        except Exception as failure:  # noqa: BLE001 (handed to the main thread)
            self.failure = failure

    def _keep(self, counts: FleetCounts) -> None:
        self.counts = counts


def run_demo(settings: Settings, options: DemoOptions) -> int:
    """Run the demo; return the exit code: 0 when the story went as it must and every invariant holds."""
    started_s = time.monotonic()
    folder = DemoFolder(settings.data_dir.absolute())
    with stop_on_signals(), DemoConsole(is_quiet=options.is_json) as console:
        console.line(f"Starting PostgreSQL, broker, worker and API (data in {folder.path}) …")
        history = wish_for(options, console)
        with running_services(settings, folder, history) as services:
            tell_history(console, services.town, options)
            with services.town.owner.begin() as connection:
                visitor = register_visitor(connection, services.town.keyring, now=utc_now())
            introduce(console, services, visitor, folder, options)
            summary = play(console, services, visitor, options, folder)
            summary["seconds"] = round(time.monotonic() - started_s, 1)
        if options.is_json:
            print(json.dumps(summary, indent=2, ensure_ascii=False))  # noqa: T201 (the output asked for)
        else:
            conclude(console, summary)
    return 0 if summary["ok"] else 1


def wish_for(options: DemoOptions, console: DemoConsole) -> HistoryWish | None:
    """Return what a new demo is to have behind it; None: nothing."""
    if not options.history_days:
        return None
    what = f"Simulating {options.history_days} days of history, once"

    def advance(done: float, words: str = "") -> None:
        console.show_progress(what, done / options.history_days, words)

    return HistoryWish(options.history_days, options.seed, advance)


def tell_history(console: DemoConsole, town: Town, options: DemoOptions) -> None:
    """Tell which history there is, and why there is none where one was asked for."""
    if (loaded := town.loaded) is not None:
        console.line(
            f"Simulated history from {loaded.first_day} to {loaded.last_day}: {loaded.deposits:,} deposits, "
            f"{loaded.emptyings:,} emptyings, {loaded.points:,} points, "
            f"{loaded.spent.redeemed:,} vouchers redeemed."
        )
    elif options.history_days and not town.has_history:
        console.line("This demo was begun without a history; one begun in an empty folder (BONTRI_DATA_DIR) has one.")


def conclude(console: DemoConsole, summary: dict[str, Any]) -> None:
    """Tell how it went: what is in the books, and whether they balance."""
    committed = summary["committed"]
    console.line(
        f"{committed['deposits']:,} deposits and {committed['points']:,} points committed "
        f"by {summary['workers']} worker{'s' * (summary['workers'] > 1)}, "
        f"{committed['vouchers_redeemed']} vouchers redeemed, "
        f"{committed['quarantined_messages']} messages quarantined."
    )
    for problem in summary["problems"]:
        console.line(f"PROBLEM: {problem}")
    if summary["verify"]["ok"]:
        console.line(f"Every invariant holds ({summary['verify']['invariants_checked']} checked). Data is kept.")


def introduce(
    console: DemoConsole, services: Services, visitor: Visitor, folder: DemoFolder, options: DemoOptions
) -> None:
    """Tell the addresses, the sign-ins and lines to try, and whose today's figures are."""
    till = services.town.keys.tills[0]
    url, agent = services.api_url, services.town.keys.authority_api_key
    today = utc_now().astimezone(ZoneInfo(TIMEZONE)).date()
    yesterday, a_year_ago = (today - datetime.timedelta(days=days) for days in (1, 365))
    walk = folder.write_walk_file(walk_values(services, visitor, folder))
    for line in (
        "",
        f"  {services.database}; {services.broker}; {services.workers} worker{'s' * (services.workers > 1)}",
        f"  pages          {url}/sign-in?authority={SLUG}&email={AGENT_EMAIL}",
        "                 open this, press the button, and enter the code of the letter that is shown here",
        f"  API            {url}/api/docs",
        f"  citizen        {visitor.email} (authority {SLUG}); e-mail is shown here, and kept in {folder.mail}",
        f"  till           {till.name}: {till.api_key}",
        f"  authority      {agent}",
        f"  operator       {services.town.keys.operator_key}",
        "",
        "Try in another terminal, then the walks of docs/citizens.md, shops.md, authorities.md, operators-api.md:",
        f"  . {walk}",
        f'  curl -s "$API/api/v1/authority/figures/deposits?from={today}&to={today}" -H "$AGENT"',
        f"  bontri settle --authority {SLUG} --month {today:%Y-%m} --pdf statements",
        f"  bontri stats figures --authority {SLUG} --from {a_year_ago} --to {yesterday} --level commune",
        *(f"  bontri stats {figure} --authority {SLUG}" for figure in ("effect", "balance", "bins", "publications")),
        "",
        *words_on_today(services.town, options),
    ):
        console.line(line)


def words_on_today(town: Town, options: DemoOptions) -> list[str]:
    """Say why figures of a history end yesterday; nothing where there is none."""
    if not town.has_history:
        return []
    return [
        f"The bins connected now make {options.rate_per_s:g} deposits a second, far more than bins in a street:",
        "figures of today, and of a week, month or year that is not over, are mostly theirs.",
        "Of the simulated history ask until yesterday.",
        "",
    ]


def walk_values(services: Services, visitor: Visitor, folder: DemoFolder) -> dict[str, str]:
    """Return what the walks through the API begin with: addresses, and what each of the four callers shows."""
    keys = services.town.keys
    return {
        "API": services.api_url,
        "DATA": str(folder.path),
        "AUTHORITY": SLUG,
        "EMAIL": visitor.email,
        "CARD": visitor.badge,
        "SHOP": f"Authorization: Bearer {keys.tills[0].api_key}",
        "AGENT": f"Authorization: Bearer {keys.authority_api_key}",
        "OPERATOR": f"Authorization: Bearer {keys.operator_key}",
    }


def fleets(town: Town, mqtt_url: str, bins: int, folder: DemoFolder) -> tuple[ProvisionedFleet, ProvisionedFleet]:
    """Return the fleet that makes the traffic and the one bin of the story; the others are left for ``simulate``.

    Bins of a history go on as full as they are: the next lorry weighs what lies in them since the last one.
    """
    with town.owner.connect() as connection:
        levels = list_levels(connection)

    def hand_over(bin_ids: list[str]) -> dict[str, Any]:
        wires: dict[str, Any] = {"authority": SLUG, "mqtt_url": mqtt_url, "keyring": town.keyring}
        return fleet_file(bin_ids, **wires, badges=badges(), levels=levels)

    *others, story_bin = mix(town.bin_ids)
    folder.write_fleet_file(hand_over(others[bins:]))
    return read_fleet(hand_over(others[:bins])), read_fleet(hand_over([story_bin]))


def play(
    console: DemoConsole, services: Services, visitor: Visitor, options: DemoOptions, folder: DemoFolder
) -> dict[str, Any]:
    """Let the bins work, play the story beside them until the time is up or Ctrl-C, verify; return the summary."""
    fleet, story_fleet = fleets(services.town, services.mqtt_url, options.bins, folder)
    traffic = Traffic(fleet, options, folder.bins, threading.Event())
    thread = threading.Thread(target=traffic.run, name="bins")
    ends_s = time.monotonic() + (math.inf if options.for_s is None else options.for_s)
    story, failure, began_ns = Story(console.tell), None, time.time_ns()
    thread.start()
    try:
        till = services.town.keys.tills[0]
        token = play_story(
            story, services.api_url, story_fleet, visitor, till=till, mail=folder.mail, folder=folder.bins
        )
        statement = f"{services.api_url}/api/v1/citizen/statement?lang=fr"
        console.line(f"Read the citizen's statement:\n  curl -s '{statement}' -H 'Authorization: Bearer {token}'\n")
        watch(
            console,
            services,
            traffic,
            folder,
            since_ns=began_ns,
            goes_on=lambda: thread.is_alive() and time.monotonic() < ends_s,
        )
    except StoryError as error:
        failure = f"the story broke off: {error}"
    except Stopped:
        console.line("Stopping: the bins wait for their last receipts, then the books are checked …")
    finally:
        traffic.stop.set()
        thread.join()
    return summarise(services, options, story, traffic, failure)


def watch(
    console: DemoConsole,
    services: Services,
    traffic: Traffic,
    folder: DemoFolder,
    *,
    since_ns: int,
    goes_on: Callable[[], bool],
) -> None:
    """Show figures, and letters since an instant, and erase who asked for it, once a second while the worker runs."""
    reader = open_engine(services.database_url, role="bontri_reader")
    post = open_engine(services.database_url, role="bontri_api", authority_id=AUTHORITY_ID)
    town, public_url = services.town, services.api_url
    letterbox = Letterbox(console, post, town.keyring, folder.mail, public_url=public_url, since_ns=since_ns)
    privacy = open_engine(services.database_url, role="bontri_privacy")
    erase_requested = erase_requested_work(town.keyring, ErasureRegister(folder.erasure_register))
    try:
        while goes_on() and services.worker.is_running:
            time.sleep(REFRESH_S)
            erase_requested(privacy, AUTHORITY_ID)
            letterbox.look()
            if traffic.counts:
                console.show(traffic.counts, read_totals(reader))
    finally:
        reader.dispose()
        post.dispose()
        privacy.dispose()


def summarise(
    services: Services, options: DemoOptions, story: Story, traffic: Traffic, failure: str | None
) -> dict[str, Any]:
    """Verify the database and say how it went."""
    reader = open_engine(services.database_url, role="bontri_reader")
    verification = verify(reader, now=utc_now())
    totals = read_totals(reader)
    reader.dispose()
    counts = traffic.counts
    problems = [failure] if failure else []
    if traffic.failure is not None:
        problems.append(f"the simulated bins failed: {traffic.failure}")
    if not services.worker.is_running:
        problems.append(f"the worker ended: {services.worker.read_last_lines()}")
    if counts is None or not counts.is_drained:
        problems.append("some deposits have no receipt yet")
    problems += [f"{finding.authority}: {finding.invariant}" for finding in verification.findings if finding.violations]
    return {
        "ok": not problems,
        "problems": problems,
        "authority": SLUG,
        "authority_id": AUTHORITY_ID,
        "seed": options.seed,
        "database": services.database,
        "broker": services.broker,
        "workers": services.workers,
        "story": story.facts,
        "history": history_of(services.town.loaded),
        "bins": counts.as_dict() if counts else None,
        "committed": {
            "deposits": totals.deposits,
            "items": totals.items,
            "points": totals.points,
            "quarantined_messages": totals.quarantined,
            "vouchers_redeemed": totals.redeemed,
        },
        "verify": summary_of(verification),
    }


def history_of(loaded: LoadedHistory | None) -> dict[str, Any] | None:
    """Return what a history that was loaded at this start has put into the books; None: there was none to load."""
    if loaded is None:
        return None
    return {
        "first_day": loaded.first_day.isoformat(),
        "last_day": loaded.last_day.isoformat(),
        "deposits": loaded.deposits,
        "points": loaded.points,
        "vouchers_redeemed": loaded.spent.redeemed,
    }


def summary_of(verification: Verification) -> dict[str, Any]:
    """Return a verification as plain values."""
    return {
        "ok": verification.is_sound,
        "counts": verification.counts,
        "violations": {
            f"{finding.authority}/{finding.invariant}": finding.violations
            for finding in verification.findings
            if finding.violations
        },
        "invariants_checked": len(verification.findings),
    }
