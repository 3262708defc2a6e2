"""What can go wrong while measuring, each as one sentence."""


class BenchError(Exception):
    """A pipeline or service did not do what it was started for."""


class NotRunError(BenchError):
    """Something cannot be measured here; the rest can, and the report says why this was not."""
