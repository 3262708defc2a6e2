"""Which cells of a published table are withheld so that nothing can be told of fewer than eleven holders.

Pure functions over tables; nothing here reads or writes. What is withheld first is in ``lines``, the proof that it
cannot be had by difference in ``determination`` and ``intervals``; ``protection`` does one and the other by turns.
Source: docs/decisions/0047-what-is-published.md.
"""
