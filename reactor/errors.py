"""The tree of reactor errors.  It stands alone: the reactor knows nothing of protocols.

ReactorError
    ReactorBusy         in use: run from inside run, a descriptor that belongs to somebody else, a full pool
    ReactorClosed       used after `close()`
    ReactorUsageError   a call that cannot be meant: wrong flags, wrong thread; also a ValueError
"""

from __future__ import annotations

__all__ = ["ReactorBusy", "ReactorClosed", "ReactorError", "ReactorUsageError"]


class ReactorError(Exception):
    """Base of every error this package raises on purpose; errors of the system stay OSError."""


class ReactorBusy(ReactorError):
    """Somebody else is using it, or there is no room for more."""


class ReactorClosed(ReactorError):
    """Used after it was closed."""


class ReactorUsageError(ReactorError, ValueError):
    """The caller asked for something that has no meaning here."""
