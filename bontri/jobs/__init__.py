"""``bontri jobs``: what has to be done again and again, by one process or by several, or by cron."""
