"""The guard of the speed that needs no clock: how many instructions a request costs the client."""
