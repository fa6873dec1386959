"""Child processes: started, spoken with in lines of JSON, bounded in time, and always ended."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parent.parent


class BenchFailure(Exception):
    """A measurement that must not count: says what went wrong."""


class Children:
    """The children of one round, with one deadline.  Leaving the `with` block ends those that live."""

    def __init__(self, timeout: int) -> None:
        self._timeout = timeout
        self._deadline = time.monotonic() + timeout
        self._children: list[Child] = []

    def start(self, role: str, **order: Any) -> Child:
        """Start a worker (Any: the parameters of its role in worker.py, as JSON knows them)."""
        child = Child(role, json.dumps({"role": role, "timeout": self._timeout, **order}), self._deadline)
        self._children.append(child)
        return child

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in self._children:
            child.end()


class Child:
    """One worker."""

    def __init__(self, role: str, order: str, deadline: float) -> None:
        self._role = role
        self._deadline = deadline
        self._input = b""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.worker", order],
            cwd=ROOT,
            env=_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )

    def go(self) -> None:
        """Let it pass its next gate."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(b"\n")
        except BrokenPipeError:
            raise BenchFailure(f"the {self._role} died") from None

    def read(self) -> dict[str, Any]:
        """Its next line (Any: what the role reports).  BenchFailure when none comes in time, or it says so."""
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        while b"\n" not in self._input:
            if not select.select([descriptor], [], [], max(0.0, self._deadline - time.monotonic()))[0]:
                raise BenchFailure(f"the {self._role} did not answer in time")
            data = os.read(descriptor, 65536)
            if not data:
                raise BenchFailure(f"the {self._role} died with status {self._process.wait(10)}")
            self._input += data
        line, self._input = self._input.split(b"\n", 1)
        table: dict[str, Any] = json.loads(line)
        if "failure" in table:
            raise BenchFailure(f"{self._role}: {table['failure']}")
        return table

    def end(self) -> None:
        """Kill it if it lives.  May be repeated."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


def _environment() -> dict[str, str]:
    """Ours, but compiled modules are kept: no program that is installed compiles itself at every start."""
    return {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
