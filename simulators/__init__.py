"""Stand-in bins, written from the bin protocol alone; this package imports nothing of the backend.

Following one deposit: ``run`` (a whole scenario) makes it as ``households`` and ``rhythm`` say, ``bin`` (the firmware)
stores it in its ``journal``, ``outbox`` decides when it goes, ``messages`` writes and signs it, ``link`` (the modem)
publishes it, ``receipt_intake`` takes the answer. ``fleet`` keeps many bins going in one thread, ``fleet_file`` is how
a backend hands them over.
"""
