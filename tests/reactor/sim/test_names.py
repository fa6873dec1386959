from __future__ import annotations

import socket
from typing import Any

import pytest
from evtorrent.reactor import ReactorUsageError
from evtorrent.reactor.sim import SimHost, SimWorld


@pytest.fixture
def ask(world: SimWorld, alice: SimHost) -> Any:
    def ask(name: str, port: int = 80, family: int = 0) -> tuple[Any, float]:
        answers: list[Any] = []
        began = world.time()
        world.names.resolve(alice.loop, name, port, answers.append, family=family)
        assert answers == [], "never inside the call"
        world.run_until(lambda: answers, timeout=10)
        return answers[0], world.time() - began

    return ask


def test_names_have_addresses_in_order(world: SimWorld, ask: Any) -> None:
    world.names.add("Tracker.Example.", "fd00::9", "10.0.0.9")
    v4, v6 = (socket.AF_INET, ("10.0.0.9", 80)), (socket.AF_INET6, ("fd00::9", 80, 0, 0))
    answer, took = ask("tracker.EXAMPLE")
    assert answer == [v6, v4] and took == pytest.approx(world.names.delay)
    assert ask("tracker.example", family=socket.AF_INET)[0] == [v4]
    world.names.add("tracker.example", "10.0.0.8", delay=3)
    answer, took = ask("tracker.example.")
    assert answer == [(socket.AF_INET, ("10.0.0.8", 80))] and took == pytest.approx(3)
    assert isinstance(ask("tracker.example", family=socket.AF_INET6)[0], socket.gaierror)


def test_failures(world: SimWorld, ask: Any) -> None:
    assert ask("nobody.example")[0].errno == socket.EAI_NONAME
    world.names.fail("down.example", delay=5)
    answer, took = ask("down.example")
    assert answer.errno == socket.EAI_AGAIN and took == pytest.approx(5)
    world.names.fail("odd.example", OSError(5, "odd"))
    assert (ask("odd.example")[0].errno, ask("odd.example")[0].strerror) == (5, "odd")
    world.names.add("good.example", "10.0.0.9")
    world.names.is_down = True
    assert ask("good.example")[0].errno == socket.EAI_AGAIN
    world.names.is_down = False
    world.names.remove("good.example")
    world.names.remove("good.example")
    assert ask("good.example")[0].errno == socket.EAI_NONAME


def test_numbers_need_no_server(world: SimWorld, ask: Any) -> None:
    world.names.is_down = True
    answer, took = ask("10.0.0.5")
    assert answer == [(socket.AF_INET, ("10.0.0.5", 80))] and took == 0
    assert [name[0] for _, name in ask("localhost")[0]] == ["127.0.0.1", "::1"]
    assert isinstance(ask("x" * 300)[0], OSError)


def test_cancelled_lookup_says_nothing(world: SimWorld, alice: SimHost) -> None:
    answers: list[Any] = []
    world.names.resolve(alice.loop, "x.example", 80, answers.append).cancel()
    world.run_for(1)
    assert answers == []


def test_answer_for_a_dead_host_is_dropped(world: SimWorld, alice: SimHost) -> None:
    answers: list[Any] = []
    world.names.resolve(alice.loop, "x.example", 80, answers.append)
    alice.kill()
    world.run_for(1)
    assert answers == []


def test_bad_arguments(world: SimWorld) -> None:
    names = world.names
    for call, match in (
        (lambda: names.add("", "10.0.0.1"), "name must be"),
        (lambda: names.add("x"), "addresses must name at least one"),
        (lambda: names.add("x", "other.example"), "addresses must be numeric"),
        (lambda: names.add("x", "10.0.0.1", delay=-1), "delay must be"),
        (lambda: names.fail("x", "error"), "error must be a OSError"),  # type: ignore[arg-type]
    ):
        with pytest.raises(ReactorUsageError, match=match):
            call()
    names.add("me.example", "127.0.0.1")
