"""Deterministic simulation: real ingest code between a stand-in broker and a stand-in database, all from one seed.

Read in this order: ``scheduler`` (virtual time, one thread of control), ``trace``, ``database`` with ``statements`` and
``tables``, ``broker`` with ``source``, ``bins``, ``processes`` (workers that are killed), ``faults``, ``audit`` (what
must hold), ``controls`` (guards taken away), ``world`` (one run of one seed), ``run`` (many seeds). What is real and
what stands in: docs/reliability.md, "Simulation".
"""
