"""The benchmark: asynchttp beside other clients, and beside a bare libcurl loop, its floor."""
