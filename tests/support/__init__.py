"""Real parts for the tests: the gateway, SIPp, Kamailio and tshark as processes on free loopback ports.

Each is a context manager that ends what it started, by process id, and raises with the program's own words
when it broke. Nothing here knows the inside of the gateway.
"""
