"""Every recurring job: how often, as which role, what it does to one authority. All are safe to run twice at once."""

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy import Engine

from bontri.jobs.counting import count_holders_of
from bontri.jobs.expiring import close_goals_of, expire_points_of, expire_vouchers_of, warn_of_expiry_of
from bontri.jobs.folding import fold_days_of
from bontri.jobs.measuring import measure_effects_of
from bontri.jobs.pruning import prune_commands_of, prune_letters_of, prune_quarantine_of, prune_sign_ins_of
from bontri.jobs.retaining import erase_inactive_work, erase_requested_work, retain_of
from bontri.jobs.reviewing import post_reviewed_credits_of
from bontri.jobs.settling import lock_statements_of
from bontri.jobs.weighing import weigh_rounds_of
from bontri.letters.sending import open_post_office, send_letters
from bontri.operating import has_register, keyring_in_use, register_in_use
from bontri.settings import Settings
from rewards.database import DatabaseRole

MINUTE, HOUR, DAY = datetime.timedelta(minutes=1), datetime.timedelta(hours=1), datetime.timedelta(days=1)

Work = Callable[[Engine, int], Mapping[str, int]]
"""Does a job for one authority, a bounded transaction at a time, and says what it came to."""


@dataclass(frozen=True, slots=True)
class Job:
    """A recurring job."""

    name: str
    every: datetime.timedelta
    role: DatabaseRole
    what: str
    work: Work


def list_jobs_of(settings: Settings) -> list[Job]:
    """List the jobs these settings allow; letters need a mail server, erasures their register."""
    jobs = [
        Job("expire-vouchers", 5 * MINUTE, "bontri_api", "gives points of expired vouchers back", expire_vouchers_of),
        Job("expire-points", HOUR, "bontri_api", "takes points that are over out of their lots", expire_points_of),
        Job(
            "close-goals", HOUR, "bontri_api", "closes goals that are over, gives back what was missed", close_goals_of
        ),
        Job("warn-of-expiry", DAY, "bontri_api", "writes to citizens before points expire", warn_of_expiry_of),
        Job(
            "post-reviewed-credits",
            HOUR,
            "bontri_operator",
            "posts credits nobody has reviewed for 7 days",
            post_reviewed_credits_of,
        ),
        Job("lock-statements", DAY, "bontri_operator", "locks what shops are paid for last month", lock_statements_of),
        Job("count-holders", DAY, "bontri_operator", "counts who was active in months that changed", count_holders_of),
        Job("fold-days", 6 * HOUR, "bontri_operator", "folds days of deposits into their months", fold_days_of),
        Job("measure-effects", DAY, "bontri_operator", "measures the effect, for the overview", measure_effects_of),
        Job("prune-letters", DAY, "bontri_operator", "removes letters that left 35 days ago", prune_letters_of),
        Job("prune-commands", DAY, "bontri_operator", "removes orders that ended 35 days ago", prune_commands_of),
        Job("prune-sign-ins", HOUR, "bontri_operator", "removes codes and limits that are over", prune_sign_ins_of),
        Job(
            "prune-quarantine", DAY, "bontri_operator", "removes what was quarantined 35 days ago", prune_quarantine_of
        ),
        Job(
            "weigh-rounds",
            HOUR,
            "bontri_operator",
            "weighs rounds between emptyings, watches balances",
            weigh_rounds_of,
        ),
        Job("retain", DAY, "bontri_privacy", "removes what is kept for a time only, finishes erasures", retain_of),
    ]
    if has_register(settings):
        keyring, register = keyring_in_use(settings), register_in_use(settings)
        jobs.append(
            Job(
                "erase-requested",
                MINUTE,
                "bontri_privacy",
                "erases citizens who asked for it ten minutes ago",
                erase_requested_work(keyring, register),
            )
        )
        what = "warns and erases citizens who did nothing for long, where an authority says so"
        jobs.append(Job("erase-inactive", DAY, "bontri_privacy", what, erase_inactive_work(keyring, register)))
    if settings.mail_url:
        jobs.append(Job("send-letters", MINUTE, "bontri_api", "sends what is in the outbox", mail_work(settings)))
    return jobs


def mail_work(settings: Settings) -> Work:
    """Return the work that sends letters, with the keyring and the mail server of the settings."""
    office = open_post_office(settings)

    def work(engine: Engine, authority_id: int) -> Mapping[str, int]:
        return send_letters(engine, office, authority_id=authority_id)

    return work
