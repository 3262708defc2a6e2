"""The fleet as operators care for it: provisioning, keys, states, moves, and how each bin is doing.

Run as role ``bontri_operator``. What the ingest asks of bins, with every batch, is in ``rewards/bins.py``.
"""
