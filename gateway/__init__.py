"""The daemon, its control side and its command line: the only place with loops, sockets, files, clocks and the environment."""

__version__ = "0.1.0"
