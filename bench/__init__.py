"""The benchmark: asynchttp compared with other clients, and with a bare pycurl loop, the floor."""
