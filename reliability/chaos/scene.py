"""One scene: a town on services of its own, with bins at work, shoppers, and watchers; and how it heals at the end."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine, text

from bontri.demo.services import wait_until_serving
from bontri.embedded.errors import EmbeddedServiceError
from ingest.worker import utc_now
from reliability.chaos.fleet import NO_MORE
from reliability.chaos.proxy import Weather
from reliability.chaos.service import wait_for
from reliability.chaos.services import Programs, Services
from reliability.chaos.tills import Shopping
from reliability.chaos.town import ChaosTown, bin_ids_of, build_town, draw_keyring
from reliability.chaos.watching import Watch
from rewards.database import open_engine

USUAL_WEATHER = Weather(repeat_share=0.5, swap_share=0.1, corrupt_share=0.01)
"""Of the bins' network throughout a storm: every second message comes twice."""

FIRST_COMMIT_WITHIN_S = 60.0
ROUND_S = 0.1
QUIET_S = 3.0


@dataclass(frozen=True, slots=True)
class SceneOptions:
    """How large a scene is, and whose programs play in it."""

    bins: int = 60
    rate_per_s: float = 60.0
    seed: int = 1
    shopping_pause_s: float = 0.3
    programs: Programs = field(default_factory=Programs)


@dataclass
class Scene:
    """What plays. ``healed_s`` is how long it took from the last fault until every bin had all its receipts."""

    services: Services
    town: ChaosTown
    watch: Watch
    shopping: Shopping
    healed_s: float | None = None
    _asked: set[int] = field(default_factory=set)
    _quiet_with: int = -1
    _quiet_since_s: float = 0.0

    def owner(self) -> Engine:
        """Return an engine of the owner, to be disposed of by the caller."""
        return open_engine(self.services.database_url, role="owner")

    def count_deposits(self) -> int:
        """Count the deposits in the database now."""
        owner = self.owner()
        try:
            with owner.connect() as connection:
                return int(
                    connection.execute(text("SELECT coalesce(sum(deposits), 0) FROM daily_deposits")).scalar_one()
                )
        finally:
            owner.dispose()

    def give_up(self) -> None:
        """End the bins without waiting for their receipts: what they hold stays in their journals."""
        for fleet in self.services.fleets:
            fleet.kill()

    def heal(self, *, within_s: float) -> bool:
        """End every fault, then let the bins hand over what they hold; return whether all did in time."""
        services, began_s = self.services, time.monotonic()
        services.clear_weather()
        for service in services.all:
            service.resume()
            if service.starts and not service.is_running:
                service.kill()
                service.start()
        while time.monotonic() < began_s + within_s:
            for number in range(len(services.fleets)):
                self._let_drain(number)
            if not any(fleet.is_wanted for fleet in services.fleets) and self._is_quiet():
                self.healed_s = time.monotonic() - began_s - QUIET_S
                return True
            services.look_after()
            time.sleep(ROUND_S)
        return False

    def _is_quiet(self) -> bool:
        """Tell whether workers have been ready for a while in which nothing new came: the broker has nothing left."""
        events, now_s = self.watch.events, time.monotonic()
        if events != self._quiet_with or not self.services.are_workers_ready():
            self._quiet_with, self._quiet_since_s = events, now_s
        return now_s - self._quiet_since_s > QUIET_S

    def _let_drain(self, number: int) -> None:
        """Ask a part of the bins to end when it is drained, and note when it has."""
        fleet = self.services.fleets[number]
        if fleet.is_wanted and fleet.has_ended_well:
            fleet.stop()
        elif fleet.child and fleet.child.pid not in self._asked and self.services.has_said_how_it_goes(number):
            # Once: a second signal could meet a process that is just leaving.
            self._asked.add(fleet.child.pid)
            fleet.child.process.send_signal(NO_MORE)


@contextmanager
def playing(folder: Path, options: SceneOptions, *, with_api: bool = True) -> Iterator[Scene]:
    """Start everything in ``folder``, and end it whatever happens.

    Raises:
        EmbeddedServiceError: something does not start, or nothing is committed.
    """
    keyring, bin_ids = draw_keyring(), bin_ids_of(options.bins)
    with ExitStack() as stack:
        services = Services(folder, keyring, bin_ids, options.programs, options.rate_per_s, options.seed)
        stack.callback(services.stop_all)
        services.start_database()
        owner = open_engine(services.database_url, role="owner")
        town = build_town(owner, keyring, bins=options.bins, seed=options.seed, now=utc_now())
        owner.dispose()
        services.broker.start()
        services.workers.start()
        watch = Watch(services.database_url, services.bins_proxy)
        stack.callback(watch.stop)
        watch.start()
        shopping = Shopping(services.api_port, town, options.seed, options.shopping_pause_s)
        if with_api:
            services.api.start()
            wait_for_api(services)
            stack.callback(shopping.abandon)
            shopping.start()
        services.hand_over(town)
        # Bins that find nobody to take their messages wait half a minute before they try again.
        wait_for(services.are_workers_ready, within_s=FIRST_COMMIT_WITHIN_S, what="the workers were not ready")
        for fleet in services.fleets:
            fleet.start()
        wait_for(lambda: watch.events > 0, within_s=FIRST_COMMIT_WITHIN_S, what="nothing was committed")
        yield Scene(services, town, watch, shopping)


def wait_for_api(services: Services) -> None:
    """Return once our own API answers."""
    if services.api.child is None:
        raise EmbeddedServiceError("the API did not start")
    wait_until_serving(services.api.child, services.api_url)
