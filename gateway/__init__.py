"""The daemon, its control side and its command line.

The only place with loops, sockets, files, clocks and the environment.
"""

__version__ = "0.1.0"
