"""Private PostgreSQL and MQTT broker for the demo and the tests.

Start with `running_postgres` in `postgres.py` and `running_broker` in `broker.py`.
Nothing is imported here: the broker's child process imports this package too and should start fast.
"""
