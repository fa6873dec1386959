"""`kill -9` at any moment: the next start has every piece that was reported finished, and the end is identical."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import killed_download
from support.real_peers import torrent_bytes
from support.sessions import Content, Member
from support.waiting import wait_for

CONTENT = Content([("first", 3_000_001), ("empty", 0), ("deep/second", 1_500_000)], 32_768)
LONG = Content([("first", 12_000_001), ("empty", 0), ("deep/second", 6_000_000)], 32_768)


@pytest.fixture(scope="module")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Member]:
    """Fast enough for the tests, slow enough to be interrupted."""
    with Member({"upload_rate_limit": 1_500_000, "unchoke_slots_limit": -1}) as member:
        member.seed(CONTENT, tmp_path_factory.mktemp("seed"))
        yield member


class Run:
    """One life of the downloading process."""

    def __init__(self, place: Path, port: int) -> None:
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [
                sys.executable,
                killed_download.__file__,
                str(place / "x.torrent"),
                str(place / "leech"),
                str(place / "resume"),
                str(port),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, name="output")
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.endswith("\n"):  # The last one may have been cut.
                self.lines.append(line.strip())

    def finished(self) -> set[int]:
        """Pieces it reported."""
        return {int(line.split()[1]) for line in self.lines if line.startswith("finished")}

    def had(self) -> set[int] | None:
        """Pieces it had after its check; None before."""
        line = next((line for line in self.lines if line.startswith("have")), None)
        return None if line is None else set(map(int, line.split()[1:]))

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.wait()

    def wait(self) -> int:
        code = self.process.wait(60)
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


def download_with_kills(seed: Member, content: Content, place: Path, kills: int, rng: random.Random) -> None:
    """The pieces between two kills are few enough for all of them to be within the download."""
    (place / "x.torrent").write_bytes(torrent_bytes(content))
    (place / "leech").mkdir()
    reported: set[int] = set()
    for number in range(kills + 1):
        run = Run(place, seed.session.listen_port())
        wait_for(lambda run=run: run.had() is not None, "the check of a restart")
        had = run.had()
        assert had is not None and reported <= had, f"restart {number} lost {sorted(reported - had)}"
        if number == kills:
            assert run.wait() == 0
            assert run.lines[-1] == "done"
            break
        left = content.info.num_pieces - len(had)
        goal = rng.randrange(0, max(1, left // (kills - number + 1)))
        wait_for(lambda run=run, goal=goal: len(run.finished()) >= goal, "pieces before the kill")
        run.kill()
        assert "done" not in run.lines
        reported = had | run.finished()
    content.assert_in(place / "leech")


@pytest.mark.slow
def test_killed_three_times(seed: Member, tmp_path: Path) -> None:
    download_with_kills(seed, CONTENT, tmp_path, 3, random.Random(1))


@pytest.mark.soak
def test_killed_twenty_times(tmp_path: Path) -> None:
    with Member({"upload_rate_limit": 1_500_000, "unchoke_slots_limit": -1}) as seed:
        seed.seed(LONG, tmp_path / "seed")
        download_with_kills(seed, LONG, tmp_path, 20, random.Random(2))


@pytest.mark.slow
def test_killed_before_resume_data_was_ever_saved(seed: Member, tmp_path: Path) -> None:
    """The pieces are found by hashing."""
    (tmp_path / "x.torrent").write_bytes(torrent_bytes(CONTENT))
    first = Run(tmp_path, seed.session.listen_port())
    wait_for(lambda: len(first.finished()) >= 3)
    first.kill()
    (tmp_path / "resume").unlink(missing_ok=True)
    second = Run(tmp_path, seed.session.listen_port())
    wait_for(lambda: second.had() is not None)
    assert first.finished() <= (second.had() or set())
    assert second.wait() == 0
    CONTENT.assert_in(tmp_path / "leech")
