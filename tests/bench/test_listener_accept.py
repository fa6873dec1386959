"""The listener's programs run; their figures are for people."""

from __future__ import annotations

import pytest
from evtorrent.bench import listener_accept, listener_storm
from evtorrent.bench.accept_servers import SERVERS
from evtorrent.bench.children import BenchFailure
from evtorrent.bench.listener_accept import CASES


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_accept_rate(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--rounds", "1", "--batches", "2", "--count", "50", "--case", case]
    assert listener_accept.main([*arguments, "--only", "ours", "--only", "uvloop"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{case}: ")
    rows = [line.split() for line in out.splitlines() if line.split()[:1] in (["ours"], ["uvloop"])]
    assert len(rows) == 2
    assert all(float(row[1]) > 0 for row in rows)


@pytest.mark.slow
def test_storm(capsys: pytest.CaptureFixture[str]) -> None:
    assert listener_storm.main(["--count", "200"]) == 0
    out = capsys.readouterr().out
    assert out.count("200 served") == len(listener_storm.CASES)
    assert "LOST" not in out
    assert "over 4 processes" in out


def test_a_failure_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(*_args: object) -> None:
        raise BenchFailure("no luck")

    monkeypatch.setattr(listener_storm, "storm", fail)
    monkeypatch.setattr(listener_accept, "measure", fail)
    assert listener_storm.main(["--case", "all"]) == 1
    assert listener_accept.main(["--case", "queued", "--rounds", "1", "--count", "5"]) == 1
    assert capsys.readouterr().out.count("FAILED: no luck") == 2


def test_ours_is_compared_with_uvloop() -> None:
    assert {"ours", "uvloop", "asyncio", "gevent"} == set(SERVERS)
