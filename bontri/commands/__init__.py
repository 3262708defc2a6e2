"""Groups of commands, a file each; ``bontri/cli.py`` registers them. A command imports what it runs when it runs."""
