"""What can go wrong with an embedded service, each as one sentence an operator can act on.

Failures of the installation or the machine, not refusals of the domain, hence no `RewardsError`.
"""


class EmbeddedServiceError(Exception):
    """An embedded service could not be started, reached or stopped; the text says what to do."""


class ProgramMissingError(EmbeddedServiceError):
    """A program or wheel is not installed."""


class DataFolderError(EmbeddedServiceError):
    """The data folder cannot be used: no permission, wrong version, or incomplete."""


class DataFolderBusyError(DataFolderError):
    """Another process is using the data folder."""


class ListenerError(EmbeddedServiceError):
    """The port is served by a process we did not start, or by none."""


class NotSupportedError(EmbeddedServiceError):
    """This kind of broker cannot do what was asked."""
