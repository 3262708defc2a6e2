"""Private PostgreSQL and MQTT broker for the demo and the tests.

Start with :func:`bontri.embedded.postgres.running_postgres` and :func:`bontri.embedded.broker.running_broker`.
Nothing is imported here: the broker's child process imports this package too and should start fast.
"""
