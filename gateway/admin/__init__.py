"""The admin API: one table of operations, served over HTTP to others and called directly when no gateway
runs.

api.py         every operation: HTTP method, path and the typed request operations.py  what each operation
does, in terms of Control.submit and Control.ask server.py      aiohttp: authentication, sizes, errors
client.py      the CLI's side: the running gateway, or the feed itself
"""
