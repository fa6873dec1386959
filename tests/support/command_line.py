"""The `evtorrent` command for tests: in this process through click, or as a process of its own."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from click.testing import CliRunner, Result
from evtorrent.session import Session, global_peer_class_filter, load_torrent_file
from evtorrent.session.cli.main import command
from evtorrent.session.cli.making import Recipe, make_torrent

PATIENCE = 60.0
"""Seconds after which something that should happen did not."""

LOOPBACK = ("--listen", "127.0.0.1:0")


def run(*arguments: object) -> Result:
    """The command in this process.  What click could not explain is raised."""
    result = CliRunner().invoke(command, [str(argument) for argument in arguments], prog_name="evtorrent")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def events(text: str) -> list[dict[str, Any]]:
    """The lines of --json."""
    return [json.loads(line) for line in text.splitlines()]


def event(text: str, kind: str) -> dict[str, Any]:
    """The last event of that kind."""
    return [each for each in events(text) if each["event"] == kind][-1]


@dataclass(frozen=True)
class Sample:
    """Files on disk and their .torrent."""

    root: Path
    torrent: Path

    @property
    def folder(self) -> Path:
        """The save path a seed uses."""
        return self.root.parent


def make_sample(
    place: Path, name: str = "sample", *, size: int = 1_000_000, piece_size: int = 16_384, v2: bool = False
) -> Sample:
    """A folder with files of every kind."""
    rng = random.Random(name)
    root = place / "origin" / name
    (root / "deep").mkdir(parents=True)
    (root / "big.bin").write_bytes(rng.randbytes(size))
    (root / "deep" / "ünï.txt").write_bytes(rng.randbytes(20_000))
    (root / "empty").touch()
    torrent = place / f"{name}.torrent"
    torrent.write_bytes(make_torrent(str(root), Recipe(piece_size, has_date=False, v2=v2)))
    return Sample(root, torrent)


@contextmanager
def seeding(*samples: Sample, limit_up: int = 0) -> Iterator[str]:
    """A session that has the samples; HOST:PORT."""
    with Session(
        {"listen_interfaces": "127.0.0.1:0", "enable_dht": False, "upload_rate_limit": limit_up}
    ) as session:
        session.set_peer_class_filter(global_peer_class_filter())
        for sample in samples:
            params = load_torrent_file(sample.torrent)
            params.save_path = str(sample.folder)
            handle = session.add_torrent(params)
            wait_until(lambda handle=handle: handle.status().is_seeding)
        yield f"127.0.0.1:{session.listen_port()}"


def wait_until(condition: Callable[[], object]) -> None:
    """Look again and again: what is waited for happens in another process or thread."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.01)


def same_files(one: Path, other: Path) -> bool:
    """Two folders hold the same files."""

    def contents(root: Path) -> dict[str, bytes]:
        return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}

    return contents(one) == contents(other)


class Program:
    """`python -m evtorrent …`, to be signalled."""

    def __init__(self, output: Path, *arguments: object, preexec: Callable[[], None] | None = None) -> None:
        self.stdout, self.stderr = output.with_suffix(".out"), output.with_suffix(".err")
        with open(self.stdout, "wb") as out, open(self.stderr, "wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "evtorrent", *map(str, arguments)],
                stdout=out,
                stderr=err,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                preexec_fn=preexec,
            )

    @property
    def output(self) -> str:
        """What it printed until now, whole lines only."""
        text = self.stdout.read_text(encoding="utf-8")
        return text[: text.rfind("\n") + 1]

    @property
    def errors(self) -> str:
        return self.stderr.read_text(encoding="utf-8")

    def pieces(self) -> int:
        """Pieces of its first torrent, as it last said while downloading."""
        shown = [
            e["pieces"]
            for e in events(self.output)
            if e["event"] == "progress" and e["state"] == "downloading"
        ]
        return shown[-1] if shown else 0

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def wait(self) -> int:
        """Its exit status."""
        return self.process.wait(PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
