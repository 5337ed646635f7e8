"""The commands of `callwarden`, one module a command or group.

Every module here with a `register(group)` is found by gateway/cli.py. Heavy imports stand inside the
functions: `--help` and completion must be quick.
"""
