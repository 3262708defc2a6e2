"""The known failures of all commands: what each is told as, and the exit code.

They are at home all over the house. So this module is imported once a command has failed, never to start one.
"""

from sqlalchemy.exc import DBAPIError

from bontri.broker_files import BrokerFilesError
from bontri.demo.folder import DemoFolderError
from bontri.embedded.errors import EmbeddedServiceError
from bontri.erasing import ErasuresFailedError
from bontri.hand_over import HandOverError
from bontri.monitoring import MonitoringError
from bontri.settings import SettingsError
from bontri.worker import BrokerUnreachableError
from bontri.worker_group import WorkerGroupError
from ingest.mqtt import NetworkThreadEndedError
from rewards.csv_files import CsvFaultyError
from rewards.errors import OperatorRefusedError, RewardsError
from simulators.fleet_file import FleetFileError

EXIT_FAILED = 1
EXIT_USAGE = 2

NOT_THERE = ("42P01", "42703")
"""What PostgreSQL says of tables and columns that are not there."""
MIGRATE = "bring it up with bontri migrate; the demo brings up its own when it starts"

TOLD_AS_THEY_ARE = (
    EmbeddedServiceError,
    DemoFolderError,
    MonitoringError,
    WorkerGroupError,
    BrokerFilesError,
    HandOverError,
    ErasuresFailedError,
)


def find_words(error: Exception) -> tuple[str, int] | None:  # noqa: PLR0911 (a table with code in its cells)
    """Return the sentence and the exit code of a known failure; None for a bug."""
    match error:
        case SettingsError():
            return "settings:\n" + "\n".join(f"  {fault}" for fault in error.faults), EXIT_USAGE
        case FleetFileError() | CsvFaultyError():
            return str(error), EXIT_USAGE
        case OperatorRefusedError():
            return f"{error} ({error.code})", EXIT_FAILED
        case RewardsError():
            # What citizens are refused too says what it is in its first line, as the API does (docs/errors.md).
            return f"{(error.__doc__ or '').splitlines()[0].rstrip('.')} ({error.code})", EXIT_FAILED
        case BrokerUnreachableError():
            return f"the broker of MQTT_URL cannot be used: {error}", EXIT_FAILED
        case NetworkThreadEndedError():
            words = "the thread that speaks to the broker ended by a fault of its own: start the worker again"
            return words, EXIT_FAILED
        case DBAPIError():
            fault = str(error.orig).strip().splitlines()[0]
            if getattr(error.orig, "sqlstate", None) in NOT_THERE:
                return f"the database of DATABASE_URL is of another version of Bontri ({fault}): {MIGRATE}", EXIT_FAILED
            return f"the database of DATABASE_URL cannot be used: {fault}", EXIT_FAILED
    return (str(error), EXIT_FAILED) if isinstance(error, TOLD_AS_THEY_ARE) else None
