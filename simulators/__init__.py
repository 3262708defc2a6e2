"""Stand-in bins, written from the bin protocol alone; this package imports nothing of the backend.

Read in this order, following one deposit: ``households`` and ``rhythm`` (who drops what, and when), ``bin`` (the
firmware: ``journal``, ``outbox``, ``messages``, ``receipts``, ``clock``, ``receipt_watch``), ``link`` (its modem),
``fleet`` (many bins, one thread), ``run`` (a whole scenario).
"""
