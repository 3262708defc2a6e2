"""Stand-in bins, written from the bin protocol alone; this package imports nothing of the backend.

Following one deposit: ``run`` (a whole scenario) makes it as ``households`` and ``rhythm`` say, the ``hatch`` of a
``bin`` (the firmware) stores it in its ``journal``, ``outbox`` decides when it goes, ``messages`` writes and signs it,
``link`` (the modem) publishes it, ``receipt_intake`` takes the answer. What else a backend tells a bin goes to
``commands`` and ``display``. ``fleet`` keeps many bins going in one thread, ``fleet_file`` is how a backend hands them
over.
"""
