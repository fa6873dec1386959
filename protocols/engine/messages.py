"""What the engine has to tell its user: handles that ended, and notifications about them (curl `lib/multi_ntfy.c`)."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from ..errors import EngineError, EngineTypeError, ProtocolError, TransportError
from .constants import (
    E_ABORTED_BY_CALLBACK,
    E_COULDNT_CONNECT,
    E_COULDNT_RESOLVE_HOST,
    E_MULTI_UNKNOWN_OPTION,
    E_OK,
    E_OPERATION_TIMEDOUT,
    E_RECV_ERROR,
    E_SEND_ERROR,
    E_SSL_CONNECT_ERROR,
    E_WEIRD_SERVER_REPLY,
    M_NOTIFY_EASY_DONE,
    M_NOTIFY_INFO_READ,
)

if TYPE_CHECKING:
    from .endpoint import Handle

__all__ = ["MessageQueue", "result_code"]

_BY_OPERATION = {
    "resolve": E_COULDNT_RESOLVE_HOST,
    "connect": E_COULDNT_CONNECT,
    "handshake": E_SSL_CONNECT_ERROR,
    "send": E_SEND_ERROR,
    "recv": E_RECV_ERROR,
}


class MessageQueue:
    """Ended handles in order of ending, each once, and the notifications not yet delivered."""

    __slots__ = ("_enabled", "_ended", "notes")

    def __init__(self) -> None:
        self._ended: dict[Handle, None] = {}  # in order, and removable in O(1)
        self._enabled: set[int] = set()
        self.notes: deque[tuple[int, Handle | None]] = deque()
        """(M_NOTIFY_*, handle) to deliver at the end of the action."""

    def enable(self, kinds: tuple[int, ...], is_on: bool) -> None:
        """Collect these notifications, or no longer.  EngineError UNKNOWN_OPTION for any other number."""
        for kind in kinds:
            if not isinstance(kind, int):
                raise EngineTypeError(f"{kind!r} is not a number", E_MULTI_UNKNOWN_OPTION)
            if kind not in (M_NOTIFY_INFO_READ, M_NOTIFY_EASY_DONE):
                raise EngineError(f"there is no notification {kind}", E_MULTI_UNKNOWN_OPTION)
        if is_on:
            self._enabled.update(kinds)
        else:
            self._enabled.difference_update(kinds)

    def append(self, handle: Handle, is_notifying: bool) -> None:
        """`handle` ended; `is_notifying` says whether there is anybody to notify."""
        if is_notifying:
            if not self._ended and M_NOTIFY_INFO_READ in self._enabled:
                self.notes.append((M_NOTIFY_INFO_READ, None))
            if M_NOTIFY_EASY_DONE in self._enabled:
                self.notes.append((M_NOTIFY_EASY_DONE, handle))
        self._ended[handle] = None

    def discard(self, handle: Handle) -> None:
        """`handle` was removed: its message goes with it (curl)."""
        self._ended.pop(handle, None)

    def is_enabled(self, kind: int) -> bool:
        """This notification is wanted."""
        return kind in self._enabled

    def take(self, max_objects: int | None = None) -> tuple[int, list[Handle], list[tuple[Handle, int, str]]]:
        """(how many stay queued, handles that succeeded, [(handle, code, message), …] of those that failed)."""
        good: list[Handle] = []
        bad: list[tuple[Handle, int, str]] = []
        while self._ended and (max_objects is None or len(good) + len(bad) < max_objects):
            handle = next(iter(self._ended))
            del self._ended[handle]
            if handle.error is None:
                good.append(handle)
            else:
                bad.append((handle, result_code(handle.error), str(handle.error)))
        return len(self._ended), good, bad

    def clear(self) -> None:
        """Forget everything."""
        self._ended.clear()
        self.notes.clear()

    def __len__(self) -> int:
        return len(self._ended)


def result_code(error: BaseException | None) -> int:
    """curl's number that comes nearest to the end a handle had."""
    if error is None:
        return E_OK
    if isinstance(error, EngineError):
        return error.code or E_ABORTED_BY_CALLBACK
    cause = getattr(error, "cause", None)  # a protocol's own error around that of its connection
    if isinstance(cause, TransportError):
        error = cause
    if isinstance(error, TransportError):
        if isinstance(error.cause, TimeoutError):
            return E_OPERATION_TIMEDOUT
        return _BY_OPERATION.get(error.operation, E_RECV_ERROR)
    if isinstance(error, TimeoutError):
        return E_OPERATION_TIMEDOUT
    if isinstance(error, ProtocolError):
        return E_WEIRD_SERVER_REPLY
    return E_ABORTED_BY_CALLBACK
