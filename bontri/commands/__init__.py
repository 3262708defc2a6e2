"""Groups of commands, one file each; ``bontri/cli.py`` registers them."""
