"""The feed: the one ordered, numbered log of rule changes that an edge follows (DESIGN 4.3).

changes.py   what a change is, and how one is written in msgpack
embedded.py  the log as an SQLite file on the same host

A feed orders and keeps changes. It never judges them: that is the work of gateway.rules, before anything is
appended.
"""

from gateway.feed.changes import Change, FeedError
from gateway.feed.embedded import EmbeddedFeed

__all__ = ["Change", "EmbeddedFeed", "FeedError"]
