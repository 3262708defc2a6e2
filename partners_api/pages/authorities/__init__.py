"""Pages for the agents of an authority."""
