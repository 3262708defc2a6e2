"""The tables of Bontri, a file per subject; all of them together are ``rewards/schema/whole.py``.

Whoever works on some tables imports their files: to describe all of them is a quarter of what a worker's start takes.
"""
