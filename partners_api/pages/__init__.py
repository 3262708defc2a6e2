"""Pages for people: HTML from the same domain functions as the API, in French and English, under a strict policy."""
