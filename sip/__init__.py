"""SIP as pure functions and state machines.

Nothing in this package opens a socket, reads a clock, draws a random number or looks at the environment:
bytes, `now` and randomness are arguments. `sip.harness` is the one exception; it places real calls in
processes of its own.
"""
