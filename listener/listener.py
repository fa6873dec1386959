"""Accepts connections on any loop: libevent's evconnlistener.

The base needs the calls of `protocols.engine.ports.Base`: a Reactor, a Multi or a simulated loop.  A listener is created
on the loop's thread or before the loop runs.

Law: the descriptor is watched exactly while the listener is open, enabled, has a callback and is not pausing.  `_sync`
is the only place that makes it so; everything else changes one of the four and calls it.

Departures from libevent: without a callback connections stay in the kernel's queue, also when there was one before; after
an error of accept() the listener pauses for a while instead of spinning; one readiness event accepts a bounded number.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import socket
import threading
from collections.abc import Callable, Iterable
from itertools import repeat
from typing import Any

from ..protocols.engine.ports import READ, Base, Timer, Watch
from ..protocols.errors import TransportClosed
from .accepting import accept_of
from .adoption import adopt_socket
from .arguments import check_base, check_callback, check_flags, check_limit
from .binding import BindAddress, bind_socket, undo_bind
from .flags import NO_FLAGS, ListenerFlag
from .origin import socket_finder, socket_maker

__all__ = ["DEFAULT_ACCEPT_LIMIT", "AcceptCallback", "ErrorCallback", "Listener"]

DEFAULT_ACCEPT_LIMIT = 256
"""Connections accepted in one readiness event; level triggering brings the rest."""

FIRST_PAUSE = 0.1
"""Seconds without accepting after an error, the first time."""
LONGEST_PAUSE = 1.0
"""The pause doubles up to this while errors last."""

_RETRIABLE = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR, errno.ECONNABORTED})
"""Errors of accept() that mean "come again" (libevent EVUTIL_ERR_ACCEPT_RETRIABLE)."""

AcceptCallback = Callable[["Listener", socket.socket, Any], object]
"""(listener, socket, address as accept() gives it).  The socket belongs to the callback, whatever happens."""

ErrorCallback = Callable[["Listener", OSError], object]

_log = logging.getLogger(__name__)


class Listener:
    """One listening socket on one loop; made by `bind` or `adopt`.

    Callbacks run on the loop's thread and may call every method, `close()` too.  What they raise goes to the loop's own
    error report, and accepting goes on.
    """

    def __init__(
        self,
        base: Base,
        sock: socket.socket,
        on_accept: AcceptCallback | None,
        *,
        flags: ListenerFlag = NO_FLAGS,
        on_error: ErrorCallback | None = None,
        accept_limit: int | None = DEFAULT_ACCEPT_LIMIT,
        is_borrowed: bool = False,
    ) -> None:
        """For `bind` and `adopt`; `sock` listens and does not block.  A borrowed socket object outlives the listener."""
        self._base = base
        self._sock = sock
        self._accept = accept_of(sock)
        # Asked for at every connection, where a flag's `&` would cost half a microsecond of three.
        self._is_threadsafe = bool(flags & ListenerFlag.THREADSAFE)
        self._leaves_blocking = bool(flags & ListenerFlag.LEAVE_SOCKETS_BLOCKING)
        self._closes_on_free = bool(flags & ListenerFlag.CLOSE_ON_FREE)
        self._on_accept = on_accept
        self._on_error = on_error
        self._accept_limit = accept_limit
        self._address = sock.getsockname()
        self._lock: contextlib.AbstractContextManager[Any] = (
            threading.RLock() if self._is_threadsafe else contextlib.nullcontext()
        )
        self._is_borrowed = is_borrowed
        self._thread = threading.current_thread()
        self._is_enabled = not flags & ListenerFlag.DISABLED
        self._is_closed = False
        self._switches = 0
        self._is_pausing = False
        self._pause = FIRST_PAUSE
        self._pause_timer: Timer | None = None
        self._watch: Watch | None = None
        if self._is_threadsafe:
            # Until the loop says which thread it runs on, the maker's is taken for it.
            base.call_soon_threadsafe(self._note_thread)
        self._sync()

    @classmethod
    def bind(
        cls,
        base: Base,
        address: BindAddress,
        on_accept: AcceptCallback | None,
        *,
        flags: ListenerFlag = NO_FLAGS,
        backlog: int = -1,
        on_error: ErrorCallback | None = None,
        accept_limit: int | None = DEFAULT_ACCEPT_LIMIT,
    ) -> Listener:
        """Listen at a numeric (host, port) or a unix path; a negative backlog means 128.

        `on_accept` None holds connections in the kernel until `set_callback`.  Raises OSError, or ValueError for
        arguments that can never work; nothing is left open then.
        """
        _check(base, on_accept, on_error, accept_limit)
        flags = check_flags(flags)
        sock = bind_socket(address, flags, backlog, make=socket_maker(base))
        try:
            return cls(base, sock, on_accept, flags=flags, on_error=on_error, accept_limit=accept_limit)
        except BaseException:
            undo_bind(sock)
            raise

    @classmethod
    def adopt(
        cls,
        base: Base,
        sock_or_fd: socket.socket | int,
        on_accept: AcceptCallback | None,
        *,
        flags: ListenerFlag = NO_FLAGS,
        backlog: int = -1,
        on_error: ErrorCallback | None = None,
        accept_limit: int | None = DEFAULT_ACCEPT_LIMIT,
    ) -> Listener:
        """Listen on a socket made elsewhere, which becomes non-blocking; backlog 0 says that it listens already.

        With CLOSE_ON_FREE the listener owns it, but only once this call has succeeded; without, nothing here ever closes
        it.  Flags about binding have no effect.  The descriptor may be inherited, received over SCM_RIGHTS, or given by a
        service manager (`inherited_sockets`).
        """
        _check(base, on_accept, on_error, accept_limit)
        flags = check_flags(flags)
        owns = bool(flags & ListenerFlag.CLOSE_ON_FREE)
        adopted = adopt_socket(sock_or_fd, backlog, owns=owns, find=socket_finder(base))
        try:
            return cls(
                base,
                adopted.sock,
                on_accept,
                flags=flags,
                on_error=on_error,
                accept_limit=accept_limit,
                is_borrowed=adopted.is_borrowed,
            )
        except BaseException:
            adopted.give_back()
            raise

    def enable(self) -> None:
        """Accept connections, the waiting ones first.  Repeatable."""
        with self._lock:
            if self._is_closed:
                raise _closed()
            if not self._is_enabled:
                self._is_enabled = True
                self._switches += 1
                self._sync()

    def disable(self) -> None:
        """Leave connections in the kernel's queue.  Repeatable.

        From another thread (THREADSAFE): when this returns no callback is running, and none will.
        """
        with self._lock:
            if self._is_enabled and not self._is_closed:
                self._is_enabled = False
                self._is_pausing = False
                self._switches += 1
                self._sync()

    def close(self) -> None:
        """End it: no callback of either kind runs afterwards.  Repeatable.

        Without CLOSE_ON_FREE the descriptor stays open and listening, and is the caller's (note `fileno()` before).
        From another thread than the loop's the descriptor is let go in the loop's next pass.
        """
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            self._is_enabled = False
            self._is_pausing = False
            self._switches += 1
            self._on_accept = None
            self._on_error = None
            self._sync()

    def set_callback(self, on_accept: AcceptCallback | None) -> None:
        """Replace the callback, from the next connection on; None holds connections in the kernel's queue."""
        check_callback("on_accept", on_accept)
        with self._lock:
            if not self._is_closed:
                self._on_accept = on_accept
                self._sync()
            elif on_accept is not None:
                raise _closed()

    def set_error_callback(self, on_error: ErrorCallback | None) -> None:
        """Replace what is told of errors of accept(); None logs them."""
        check_callback("on_error", on_error)
        with self._lock:
            if not self._is_closed:
                self._on_error = on_error
            elif on_error is not None:
                raise _closed()

    def fileno(self) -> int:
        """The listening descriptor; -1 after `close()`."""
        return -1 if self._is_closed else self._sock.fileno()

    @property
    def address(self) -> Any:
        """Where it listens, as getsockname() told it: the port is the kernel's when 0 was asked for."""
        return self._address

    @property
    def base(self) -> Base:
        """The loop it was made on."""
        return self._base

    @property
    def is_enabled(self) -> bool:
        """True between `enable()` and `disable()`, also while it pauses or has no callback."""
        return self._is_enabled

    @property
    def is_pausing(self) -> bool:
        """True while it waits after an error of accept()."""
        return self._is_pausing

    def __repr__(self) -> str:
        state = "closed" if self._is_closed else "enabled" if self._is_enabled else "disabled"
        return f"<Listener {_address_text(self._address)} {state}>"

    def _is_wanted(self) -> bool:
        return self._is_enabled and self._on_accept is not None and not self._is_pausing

    def _sync(self) -> None:
        """Make timer, registration and descriptor follow the state; on the loop's thread."""
        if self._is_foreign_thread() and self._is_posted():
            return
        if self._pause_timer is not None and not self._is_pausing:
            timer, self._pause_timer = self._pause_timer, None
            timer.cancel()
        try:
            if not self._is_wanted():
                watch, self._watch = self._watch, None
                if watch is not None:
                    watch.close()
            elif self._watch is None:
                self._start_watching()
        finally:
            if self._is_closed:
                self._release()

    def _start_watching(self) -> None:
        try:
            self._watch = self._base.watch(self._sock.fileno(), READ, self._on_ready)
        except BaseException:
            self._is_enabled = False  # what the loop refuses is not half there
            raise

    def _is_posted(self) -> bool:
        """The loop will do it.  False when it is closed: then nothing runs on it, and it can be done here."""
        try:
            self._base.call_soon_threadsafe(self._sync_on_loop)
        except Exception:  # each loop has an error of its own for this
            return False
        return True

    def _sync_on_loop(self) -> None:
        with self._lock:
            self._note_thread()
            self._sync()

    def _release(self) -> None:
        """Let the descriptor go, after the watch (numbers are reused at once)."""
        if self._closes_on_free:
            self._sock.close()
        elif not self._is_borrowed:
            self._sock.detach()

    def _note_thread(self) -> None:
        self._thread = threading.current_thread()

    def _is_foreign_thread(self) -> bool:
        """True when only the loop's thread may do it.  A loop whose thread has ended does not run: then anyone may."""
        if not self._is_threadsafe:
            return False
        return self._thread is not threading.current_thread() and self._thread.is_alive()

    def _on_ready(self, _events: int) -> None:
        turns: Iterable[object] = (
            range(self._accept_limit) if self._accept_limit is not None else repeat(None)
        )
        if not self._is_threadsafe:
            for _ in turns:
                if not self._accept_one():
                    return
            return
        self._note_thread()
        for _ in turns:
            # Let go between connections, so that another thread's disable() gets its turn.
            with self._lock:
                if not self._accept_one():
                    return

    def _accept_one(self) -> bool:
        """Accept and deliver one connection; False ends this event."""
        # Looked at again for every connection: a callback may have changed any of it.
        on_accept = self._on_accept
        if on_accept is None or not self._is_enabled or self._is_pausing:
            return False
        try:
            sock, address = self._accept()
        except OSError as error:
            if error.errno not in _RETRIABLE:
                self._report(error)
            return False
        self._pause = FIRST_PAUSE
        if address is None:
            # Some kernels give a dead connection without an address when a scanner was quick.
            sock.close()
            return True
        sock.setblocking(self._leaves_blocking)
        on_accept(self, sock, address)
        return True

    def _report(self, error: OSError) -> None:
        """Tell of an error, then pause, unless the callback switched the listener itself."""
        switches = self._switches
        try:
            if self._on_error is not None:
                self._on_error(self, error)
            else:
                _log.warning("%r: accept: %s", self, error)
        finally:
            if self._switches == switches:
                self._is_pausing = True
                self._pause_timer = self._base.call_later(self._pause, self._on_pause_over)
                self._pause = min(self._pause * 2, LONGEST_PAUSE)
                self._sync()

    def _on_pause_over(self) -> None:
        with self._lock:
            self._pause_timer = None
            self._is_pausing = False
            self._sync()


def _check(base: Any, on_accept: Any, on_error: Any, accept_limit: Any) -> None:
    check_base(base)
    check_callback("on_accept", on_accept)
    check_callback("on_error", on_error)
    check_limit(accept_limit)


def _closed() -> TransportClosed:
    return TransportClosed("listen", "the listener is closed")


def _address_text(address: Any) -> str:
    if not isinstance(address, tuple):
        return f"unix:{address!r}"
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
