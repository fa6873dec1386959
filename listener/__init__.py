"""Everything that owns a local port: listeners, admission, the shared UDP socket."""

from .flags import ListenerFlag
from .listener import Listener

__all__ = ["Listener", "ListenerFlag"]
