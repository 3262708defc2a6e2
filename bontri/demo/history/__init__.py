"""A year of simulated history on the demo's real columns, loaded through the accounting of the ingest.

Every rate, habit and mishap below is an assumption; docs/statistics.md says which, and which effect is built in.
"""
