"""Child processes of the listener's programs: a module with arguments, spoken with in lines."""

from __future__ import annotations

import json
import resource
import select
import subprocess
import sys
from types import TracebackType
from typing import Any, Final, Self

from .children import ROOT, BenchFailure

TIMEOUT: Final = 90
"""Seconds a child may take to answer."""


class End:
    """One child; killed on leaving the `with` block."""

    def __init__(self, module: str, *arguments: object, pass_fd: int | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"bench.{module}", *map(str, arguments)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            pass_fds=() if pass_fd is None else (pass_fd,),
        )

    def tell(self) -> None:
        """Let it go on."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")

    def answer(self) -> dict[str, Any]:
        """Its next line (Any: as JSON knows it).  BenchFailure."""
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], TIMEOUT)[0]:
            raise BenchFailure("a child did not answer in time")
        line = self._process.stdout.readline()
        if not line:
            raise BenchFailure(f"a child died with status {self._process.wait(TIMEOUT)}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


def allow_descriptors(count: int) -> None:
    """Raise the soft limit as far as `count` needs; children get it too.  BenchFailure where the hard one is lower."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and count > hard:
        raise BenchFailure(f"{count} descriptors are needed, {hard} allowed")
    if soft != resource.RLIM_INFINITY and count > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
