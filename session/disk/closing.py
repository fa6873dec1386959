"""Files closed one by one as time passes (`close_file_interval`), so that the system writes out what it holds of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...protocols.engine.ports import Base, Timer
from .descriptors import FilePool

if TYPE_CHECKING:
    from .io import PoolSubmit

__all__ = ["FileCloser"]


class FileCloser:
    """Closes the file that was used the longest ago, every so often.  Loop thread only."""

    __slots__ = ("_base", "_files", "_interval", "_submit", "_timer")

    def __init__(self, base: Base, submit: PoolSubmit, files: FilePool) -> None:
        self._base = base
        self._submit = submit
        self._files = files
        self._interval = 0.0
        self._timer: Timer | None = None

    def set_interval(self, seconds: float) -> None:
        """How often; 0 ends it."""
        if seconds == self._interval:
            return
        self._interval = seconds
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._base.call_later(seconds, self._close_one) if seconds else None

    def _close_one(self) -> None:
        self._timer = self._base.call_later(self._interval, self._close_one)
        if self._files.num_open:
            # On a worker: what is closed may have to be written first.
            self._submit(self._base, self._files.close_oldest, on_done=_nothing)


def _nothing(_: object, error: BaseException | None) -> None:
    pass
