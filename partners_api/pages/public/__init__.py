"""Pages for everybody: what an authority has published, and nothing that it has not."""
