"""The chaos harness: real services, killed, paused and cut off under load, then counted.

In reading order:

- ``run``: one run from start to verdict; ``scene``: what plays; ``town``: who uses it;
- ``service``, ``services``, ``guardian``: what is killed; ``fleet``: the bins; ``tills``: the redemptions;
- ``proxy`` with ``packets``: the bad network;
- ``schedule`` and ``storm``: what happens when; ``faults`` with ``backup``: how;
- ``watching``: what is looked at meanwhile; ``aftermath`` with ``races``: what is tried afterwards;
- ``accounts``, ``recovery``, ``checks``: what must hold; ``controls`` with ``mutants``: what must not pass;
- ``report`` and ``timeline``: how it is told.
"""
