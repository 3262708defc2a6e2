"""The chaos harness: real services, killed, paused and cut off under load, then counted.

In reading order: ``run`` (one run), ``services`` (what is killed), ``town`` (who uses it), ``fleet`` (the bins),
``tills`` (the redemptions), ``proxy`` (the bad network), ``schedule`` and ``faults`` (what happens when), ``watching``
(what is checked meanwhile), ``accounts`` (what must hold at the end), ``controls`` (what must not pass), ``report``.
"""
