"""libuv itself, as uvloop carries it, called without uvloop: for tests of what it does underneath.

uvloop's extension module exports libuv's functions where the linker left them visible; elsewhere `libuv()` skips.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import pytest
import uvloop.loop

READABLE, WRITABLE, DISCONNECT = 1, 2, 4
RUN_DEFAULT, RUN_ONCE, RUN_NOWAIT = range(3)

_SIZES = {"idle": 6, "poll": 8, "timer": 13}  # uv_handle_type

_Callback = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_int)


def libuv() -> Any:
    """The library, or a visible skip."""
    library: Any = ctypes.CDLL(uvloop.loop.__file__)
    try:
        library.uv_backend_fd  # noqa: B018 - looked up, not called
    except AttributeError:
        pytest.skip("this build of uvloop hides libuv's functions")
    library.uv_timer_start.argtypes = [ctypes.c_void_p, _Callback, ctypes.c_uint64, ctypes.c_uint64]
    return library


class RawLoop:
    """A uv_loop_t and the handles made on it.  Numbers are libuv's: 0, or a negated errno."""

    def __init__(self) -> None:
        self.lib = libuv()
        self.memory = ctypes.create_string_buffer(self.lib.uv_loop_size())
        assert self.lib.uv_loop_init(self.memory) == 0
        self.handles: list[Any] = []
        self._callbacks: list[Any] = []  # kept: libuv holds bare pointers

    def run(self, mode: int = RUN_NOWAIT) -> int:
        return int(self.lib.uv_run(self.memory, mode))

    def timeout(self) -> int:
        return int(self.lib.uv_backend_timeout(self.memory))

    def fileno(self) -> int:
        return int(self.lib.uv_backend_fd(self.memory))

    def is_alive(self) -> bool:
        return bool(self.lib.uv_loop_alive(self.memory))

    def handle(self, kind: str, *args: int) -> tuple[Any, int]:
        """A handle of a kind, and what its `init` answered."""
        handle = ctypes.create_string_buffer(self.lib.uv_handle_size(_SIZES[kind]))
        answer = int(getattr(self.lib, f"uv_{kind}_init")(self.memory, handle, *args))
        if answer == 0:
            self.handles.append(handle)
        return handle, answer

    def poll(self, fd: int) -> Any:
        handle, answer = self.handle("poll", fd)
        assert answer == 0
        return handle

    def start_poll(self, handle: Any, events: int, callback: Callable[[int, int], object]) -> int:
        """`callback(status, events)`."""
        return int(self.lib.uv_poll_start(handle, events, self._keep(callback)))

    def start_timer(self, delay_ms: int, callback: Callable[[], object], repeat_ms: int = 0) -> Any:
        handle, _ = self.handle("timer")
        assert (
            self.lib.uv_timer_start(
                handle, self._keep(lambda status, events: callback()), delay_ms, repeat_ms
            )
            == 0
        )
        return handle

    def start_idle(self) -> Any:
        handle, _ = self.handle("idle")
        assert self.lib.uv_idle_start(handle, self._keep(lambda status, events: None)) == 0
        return handle

    def close_handle(self, handle: Any) -> None:
        self.handles.remove(handle)
        self._callbacks.append(handle)  # its memory must live until a later turn
        self.lib.uv_close(handle, None)

    def close(self) -> None:
        for handle in list(self.handles):
            self.close_handle(handle)
        while self.run():
            pass
        assert self.lib.uv_loop_close(self.memory) == 0

    def _keep(self, callback: Callable[[int, int], object]) -> Any:
        def call(handle: int, status: int, events: int) -> None:
            callback(status, events)

        kept = _Callback(call)
        self._callbacks.append(kept)
        return kept
