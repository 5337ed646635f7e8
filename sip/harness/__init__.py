"""Real calls with pjsua2, each user agent in a process of its own (null audio device).

Only `callwarden call`, the demo and the tests import this package. pjsua2 (GPL) is loaded by
`sip.harness.agent` alone, which nobody imports: it is run as `python -m sip.harness.agent` and spoken to
with JSON lines (`control`).
"""
