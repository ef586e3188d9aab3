"""A guard against slower code that needs no clock: the client's instructions per request."""
