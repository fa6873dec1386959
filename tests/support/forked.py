"""A forked child for tests: it answers through a pipe and never comes back to the test runner."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import traceback
import warnings
from types import TracebackType
from typing import Any, NoReturn, Self

__all__ = ["Fork"]


class Fork:
    """`with Fork() as fork: if fork(): …child…; fork.answer(x)` and in the parent `fork.result()`."""

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        self._pid: int | None = None

    def __call__(self) -> bool:
        """Fork.  True in the child."""
        with warnings.catch_warnings():
            # Threads of C libraries (a resolver's, say) make Python warn; the child uses nothing of theirs.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._pid = os.fork()
        return self._pid == 0

    def answer(self, value: Any) -> NoReturn:
        """In the child: hand over something JSON can carry, and end."""
        os.write(self._writer, json.dumps(value).encode())
        os._exit(0)

    def result(self) -> Any:
        """In the parent: what the child answered, once it has ended."""
        os.close(self._writer)
        self._writer = -1
        with os.fdopen(self._reader, "rb", closefd=False) as stream:
            text = stream.read()
        assert self._pid, "nothing was forked"
        pid, self._pid = self._pid, None
        _, status = os.waitpid(pid, 0)
        assert status == 0, text.decode()
        return json.loads(text)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pid == 0:
            os.write(
                self._writer, "".join(traceback.format_exception(error)).encode() if error else b"no answer"
            )
            os._exit(1)
        for fd in (self._reader, self._writer):
            if fd >= 0:
                os.close(fd)
        if self._pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
