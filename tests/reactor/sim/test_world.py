from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from evtorrent.reactor import ReactorBusy, ReactorClosed, ReactorUsageError
from evtorrent.reactor.sim import Link, SimHost, SimWorld
from support.sim_kit import connect, datagram_socket, receive_all


def test_running_to_a_time(world: SimWorld, alice: SimHost) -> None:
    times: list[float] = []
    for when in (1, 2, 3):
        alice.loop.call_later(when, lambda: times.append(world.time()))
    world.run_for(2)
    assert (times, world.time()) == ([1, 2], 2)
    world.run_for(0)
    world.run_for(10)
    assert (times, world.time()) == ([1, 2, 3], 12)


def test_running_until_a_condition(world: SimWorld, alice: SimHost) -> None:
    seen: list[int] = []
    for when in range(1, 6):
        alice.loop.call_later(when, seen.append, when)
    assert world.run_until(lambda: len(seen) == 2)
    assert world.time() == 2
    assert world.run_until(lambda: len(seen) >= 3, every=0.75)
    assert world.time() == pytest.approx(3.5)
    assert not world.run_until(lambda: len(seen) == 9, timeout=100)
    assert world.time() == pytest.approx(103.5)
    assert not world.run_until(lambda: False, timeout=1, every=0.4)
    assert world.time() == pytest.approx(104.5)


def test_running_is_not_nested(world: SimWorld, alice: SimHost) -> None:
    alice.loop.call_soon(world.run_for, 1)
    with pytest.raises(ReactorBusy):
        world.run_for(1)
    world.run_for(1)


def test_only_its_own_thread_runs_it(world: SimWorld) -> None:
    errors: list[BaseException] = []

    def run() -> None:
        try:
            world.run_for(1)
        except ReactorUsageError as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert len(errors) == 1


def test_posted_from_another_thread(world: SimWorld) -> None:
    done: list[int] = []
    thread = threading.Thread(target=lambda: world.post(done.append, 1))
    thread.start()
    thread.join()
    assert world.run_until(lambda: done, timeout=0)
    world.post(done.append, 2)
    world.run_for(0)
    assert done == [1, 2]


def test_islands(world: SimWorld, alice: SimHost, bob: SimHost) -> None:
    carol = world.host("carol", "10.0.0.3")
    socks = {host.name: datagram_socket(host, 9) for host in (alice, bob, carol)}

    def reached_from_alice() -> set[str]:
        for host in (bob, carol):
            socks["alice"].sendto(b"x", (host.addresses[0], 9))
        world.run_for(1)
        return {name for name, sock in socks.items() if receive_all(sock)}

    assert reached_from_alice() == {"bob", "carol"}
    world.cut(alice, bob)
    assert reached_from_alice() == {"bob"}
    world.cut(bob)
    assert reached_from_alice() == set()
    world.heal()
    assert reached_from_alice() == {"bob", "carol"}


def test_connections_survive_a_cut(world: SimWorld, alice: SimHost, bob: SimHost) -> None:
    one, other = connect(alice, bob)
    world.cut(bob)
    one.send(b"x")
    world.run_for(20)
    assert not other.ready & 2
    world.heal()
    world.run_for(30)
    assert other.recv(1) == b"x"


def test_automatic_addresses(world: SimWorld) -> None:
    world.host("taken", "10.0.0.2")
    assert [world.host(f"h{index}").addresses for index in range(3)] == [
        ("10.0.0.1",),
        ("10.0.0.3",),
        ("10.0.0.4",),
    ]


def test_same_seed_same_world(world: SimWorld) -> None:
    assert run_lottery(1) == run_lottery(1) != run_lottery(2)


def test_same_seed_same_hash_in_other_processes() -> None:
    code = f"import sys; sys.path.insert(0, {str(sys.path[0])!r})\n" + LOTTERY + "print(run_lottery(7))"
    hashes = set()
    for hash_seed in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            timeout=60,
            env={"PYTHONHASHSEED": hash_seed, "PATH": ""},
        )
        assert done.returncode == 0, done.stderr
        hashes.add(done.stdout.strip())
    assert hashes == {run_lottery(7)}


LOTTERY = '''
from evtorrent.reactor import READ
from evtorrent.reactor.sim import Link, SimWorld
import socket

def run_lottery(seed):
    """Hosts that send each other datagrams over bad lines, as their own dice say."""
    with SimWorld(seed) as world:
        hosts = [world.host(f"h{index}", link=Link(delay=0.01, jitter=0.02, loss=0.1, duplicates=0.1,
                 reordering=0.1, bandwidth=50_000)) for index in range(8)]
        for host in hosts:
            sock = host.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.bind(("0.0.0.0", 9))
            def answer(ready, sock=sock, host=host):
                data, _ = sock.recvfrom(2000)
                if len(data) > 3:
                    sock.sendto(data[: len(data) * 3 // 4], (host.rng.choice(hosts).addresses[0], 9))
            host.loop.watch(sock.fileno(), READ, answer)
            sock.sendto(host.rng.randbytes(1000), (host.rng.choice(hosts).addresses[0], 9))
        world.run_for(60)
        return world.trace_hash
'''
_scope: dict[str, Any] = {}
exec(LOTTERY, _scope)
run_lottery: Callable[[int], str] = _scope["run_lottery"]


def test_bad_arguments(world: SimWorld, alice: SimHost) -> None:
    stranger = SimWorld().host("stranger")
    calls: list[tuple[Callable[[], object], str]] = [
        (lambda: SimWorld("x"), "seed must be a int"),  # type: ignore[arg-type]
        (lambda: SimWorld(start=-1), "start must be"),
        (lambda: SimWorld(burst=-1), "burst must be"),
        (lambda: SimWorld(keep_lines=-1), "keep must be"),
        (lambda: world.host(""), "name must be a text"),
        (lambda: world.host("alice"), "name must be new"),
        (lambda: world.host("x", "10.0.0.1"), "address must be free, and alice has 10.0.0.1"),
        (lambda: world.host("x", "example.org"), "address must be a numeric address"),
        (lambda: world.host("x", link="fast"), "link must be a Link"),  # type: ignore[arg-type]
        (lambda: world.host("x", link=Link(), disk=1), "disk must be a Disk"),  # type: ignore[arg-type]
        (lambda: world.run_for(-1), "seconds must be"),
        (lambda: world.run_until(5), "condition must be callable"),  # type: ignore[arg-type]
        (lambda: world.run_until(list, timeout=-1), "timeout must be"),
        (lambda: world.run_until(list, every=-1), "every must be"),
        (lambda: world.cut(stranger), "hosts must be hosts of this world"),
        (lambda: world.join(alice, stranger, Link()), "other must be hosts of this world"),
        (lambda: world.join(alice, alice, Link()), "other must be another host"),
        (lambda: world.join(alice, world.host("y"), 5), "link must be a Link"),  # type: ignore[arg-type]
    ]
    for call, match in calls:
        with pytest.raises(ReactorUsageError, match=match):
            call()


def test_closed_world(world: SimWorld, alice: SimHost) -> None:
    world.close()
    world.close()
    assert alice.is_dead
    with pytest.raises(ReactorClosed):
        world.run_for(1)
    with pytest.raises(ReactorClosed):
        world.host("x")
    assert repr(world) == "<SimWorld at 0.000000, 0 hosts, seed 1>"
