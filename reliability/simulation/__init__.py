"""Deterministic simulation: real ingest code between a stand-in broker and a stand-in database, all from one seed.

Read in this order: ``scheduler`` (virtual time, one thread of control) and ``trace``; ``tables``, ``statements``,
``connections`` and ``database``; ``broker`` and ``source``; ``speech``, ``voice`` and ``bins``; ``processes`` (workers
that are killed); ``faults`` and ``mishaps``; ``audit`` (what must hold); ``controls`` (guards taken away);
``provisioning`` and ``world`` (one run of one seed); ``run`` (many seeds). What is real and what stands in:
docs/reliability.md, "Simulation".
"""
