"""Which pages there are, by whom they are for: a line here puts one into the navigation."""

from dataclasses import dataclass

from partners_api.pages.translations import said_later
from rewards.access import RANK, Audience, Principal, Role


@dataclass(frozen=True, slots=True)
class Entry:
    """A page in the navigation, by the name of its view. ``keeps_question``: links carry period and territory on."""

    view: str
    label: str
    role: Role = "viewer"
    keeps_question: bool = True

    @property
    def endpoint(self) -> str:
        """What ``url_for`` knows it by."""
        return f"pages.{self.view}"


NAVIGATION: dict[Audience, tuple[Entry, ...]] = {
    "authority": (
        Entry("show_overview", said_later("Overview")),
        Entry("show_map", said_later("Map")),
        Entry("show_ranking_page", said_later("Ranking")),
        Entry("show_money", said_later("Points and money")),
        Entry("show_mass_balance_page", said_later("Counted and weighed")),
        Entry("show_bins", said_later("Bins")),
        Entry("show_participation", said_later("Participation")),
        Entry("show_effect", said_later("Effect"), keeps_question=False),
        Entry("show_report_page", said_later("Public report"), keeps_question=False),
    ),
}


def entries_for(caller: Principal | None) -> tuple[Entry, ...]:
    """Return what somebody may look at."""
    if caller is None:
        return ()
    rank = RANK.get(caller.role, 0)
    return tuple(each for each in NAVIGATION.get(caller.audience, ()) if RANK[each.role] <= rank)
