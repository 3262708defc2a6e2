"""Does a scheme make people sort more? A difference in differences with its interval, or what is lacking for one.

Read ``panel`` (what goes in), ``collapse`` (one value per site), ``estimate`` and ``permutation`` (the interval),
``trends`` (were they parallel before?), ``verdict`` (what comes out), ``measuring`` (the whole way), ``apart`` (in a
process of its own), ``asking`` and ``reading`` (an authority's own data). The method: docs/statistics.md.
"""
