"""Tables that are published: built and protected by a command, stored, and told to anybody as they were stored.

Whoever only tells imports ``listing``: protecting needs scipy, for which a worker of the API has no room.
"""
