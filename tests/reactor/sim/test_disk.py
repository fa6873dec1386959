from __future__ import annotations

from typing import Any

import pytest
from evtorrent.reactor import ReactorUsageError
from evtorrent.reactor.sim import Disk, SimHost, SimWorld


def submit(host: SimHost, done: list[Any], *names: str) -> None:
    for name in names:
        host.pool.submit(
            host.loop, str.upper, name, on_done=lambda result, error: done.append((result, host.loop.time()))
        )


def test_jobs_take_their_time_and_wait_for_workers(world: SimWorld) -> None:
    host = world.host("host", disk=Disk(latency=1.0, workers=2))
    done: list[Any] = []
    submit(host, done, "a", "b", "c", "d", "e")
    assert (host.pool.num_jobs, done) == (5, [])
    world.run_for(10)
    assert done == [("A", 1), ("B", 1), ("C", 2), ("D", 2), ("E", 3)]
    assert host.pool.num_jobs == 0


def test_latency_may_depend_on_the_job(world: SimWorld) -> None:
    host = world.host("host", disk=Disk(latency=lambda function, args: len(args[0]), workers=9))
    done: list[Any] = []
    submit(host, done, "ccc", "a", "bb")
    world.run_for(10)
    assert [name for name, _ in done] == ["A", "BB", "CCC"]
    host.pool.disk = Disk(latency=lambda function, args: -1.0)
    with pytest.raises(ReactorUsageError, match="latency must be"):
        submit(host, done, "x")


def test_jitter_is_drawn_from_the_hosts_randomness(world: SimWorld) -> None:
    host = world.host("host", disk=Disk(latency=1.0, jitter=1.0, workers=20))
    done: list[Any] = []
    submit(host, done, *"abcdefghij")
    world.run_for(10)
    times = [when for _, when in done]
    assert len(set(times)) == 10 and 1 <= min(times) and max(times) <= 2


def test_failure_is_handed_over(world: SimWorld, alice: SimHost) -> None:
    done: list[Any] = []
    alice.pool.submit(alice.loop, int, "x", on_done=lambda *outcome: done.append(outcome))
    world.run_for(1)
    assert done[0][0] is None and isinstance(done[0][1], ValueError)


def test_jobs_of_a_dead_host_do_not_happen(world: SimWorld, alice: SimHost) -> None:
    ran: list[int] = []
    alice.pool.submit(alice.loop, ran.append, 1, on_done=print)
    alice.kill()
    world.run_for(1)
    assert ran == []


@pytest.mark.parametrize(
    ("field", "value"), [("latency", -1), ("latency", "x"), ("jitter", -1), ("workers", 0), ("workers", 1.5)]
)
def test_bad_values(field: str, value: Any) -> None:
    with pytest.raises(ReactorUsageError, match=f"{field} must be"):
        Disk(**{field: value})
