"""What an authority's agents call: the figures."""
