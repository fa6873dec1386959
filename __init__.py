"""evtorrent: a libevent-style reactor framework with pluggable transports and a complete BitTorrent session."""

__version__ = "0.1.0"
