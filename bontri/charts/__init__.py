"""Pictures: Vega-Lite specifications rendered without a browser and without a network.

``drawing`` renders in the process that asks, as commands do; it takes 120 MB. The API asks one process for all of its
own (``process``, kept by ``keeping``, asked by ``asking`` in the words of ``wire``).
"""
