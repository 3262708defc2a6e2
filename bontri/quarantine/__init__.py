"""``bontri quarantine``: what operators do with messages that could not be accepted."""
