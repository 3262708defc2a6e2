"""Charts: pure functions from the figures of the domain to Vega-Lite, a file each, and a sentence that says the same.

Bars begin at zero, intervals are drawn, what is missing or withheld is hatched and told, and no meaning is in a colour
alone. A chart without anything to show is None, for which the page has an empty state. They are drawn elsewhere.
"""
