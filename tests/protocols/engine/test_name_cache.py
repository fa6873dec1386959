from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any

import pytest
from evtorrent.protocols.engine.name_cache import MAX_NAMES, NameCache
from evtorrent.protocols.engine.ports import Base, Timer
from support.http_world import AF_INET, AF_INET6, World


class Names(World):
    """A platform that counts what it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.names["t"] = ["8.8.8.8", "2001:db8::1"]
        self.cache = NameCache(self.multi, self, timeout=80)  # type: ignore[arg-type]
        self.heard: list[Any] = []

    def resolve(
        self, base: Base, host: str, port: int, callback: Callable[[Any], object], *, family: int = 0
    ) -> Timer:
        if host == "unsayable":
            raise ValueError(host)
        self.asked.append(host)
        return super().resolve(base, host, port, callback, family=family)

    def ask(self, host: str = "t", port: int = 80, **options: Any) -> Timer:
        before = len(self.heard)
        timer = self.cache.resolve(self.multi, host, port, self.heard.append, **options)
        assert len(self.heard) == before, "never inside the call"
        return timer


@pytest.fixture
def names() -> Names:
    return Names()


def test_an_answer_is_good_for_a_while_and_for_every_port(names: Names) -> None:
    names.ask()
    names.run()
    assert names.heard == [[(AF_INET, ("8.8.8.8", 80)), (AF_INET6, ("2001:db8::1", 80, 0, 0))]]
    names.advance(79)
    names.ask("T", 6969)
    names.run()
    assert names.heard[1] == [(AF_INET, ("8.8.8.8", 6969)), (AF_INET6, ("2001:db8::1", 6969, 0, 0))]
    assert names.asked == ["t"]
    names.advance(2)
    names.ask()
    names.run()
    assert names.asked == ["t", "t"]
    names.ask(family=AF_INET)
    names.run()
    assert len(names.asked) == 3, "another question"


def test_a_failure_is_good_for_an_eighth_of_that(names: Names) -> None:
    names.names["nowhere"] = OSError(-2, "unknown")
    for wait, expected in ((0, 1), (9, 1), (2, 2)):
        names.advance(wait)
        names.ask("nowhere")
        names.run()
        assert len(names.asked) == expected
    assert [type(answer) for answer in names.heard] == [OSError] * 3


def test_that_nobody_could_be_asked_is_not_remembered(names: Names) -> None:
    names.names["t"] = OSError(errno.EAGAIN, "too many lookups")
    names.ask()
    names.run()
    names.names["t"] = ["8.8.8.8"]
    names.ask()
    names.run()
    assert names.heard[1] == [(AF_INET, ("8.8.8.8", 80))]


@pytest.mark.parametrize("timeout", [0, -5])
def test_nothing_is_remembered_without_time(names: Names, timeout: int) -> None:
    names.ask()
    names.run()
    names.cache.timeout = timeout
    for _ in range(2):
        names.ask()
        names.run()
    assert len(names.asked) == 3
    assert names.cache.num_known == 0


def test_one_lookup_for_all_who_wait(names: Names) -> None:
    gone = names.ask()
    names.ask(port=1)
    names.ask(port=2)
    gone.cancel()
    gone.cancel()
    names.run()
    assert names.asked == ["t"]
    assert [answer[0][1] for answer in names.heard] == [("8.8.8.8", 1), ("8.8.8.8", 2)]


def test_a_lookup_nobody_waits_for_is_given_up(names: Names) -> None:
    names.names["slow"] = None
    names.ask("slow").cancel()
    assert names.multi.timeout() == -1
    names.names["slow"] = ["8.8.8.8"]
    names.ask("slow")
    names.run()
    assert len(names.heard) == 1


def test_cancelled_between_answer_and_callback(names: Names) -> None:
    timers: list[Timer] = []

    def first(answer: Any) -> None:
        timers[0].cancel()

    names.cache.resolve(names.multi, "t", 1, first)
    timers.append(names.ask())
    names.run()
    assert names.heard == []
    names.ask().cancel()
    names.run()
    assert names.heard == []


def test_a_name_that_cannot_be_asked_for_leaves_nothing(names: Names) -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match="unsayable"):
            names.ask("unsayable")
    assert names.multi.timeout() == -1


def test_the_oldest_is_forgotten_for_another(names: Names) -> None:
    for number in range(MAX_NAMES + 1):
        names.names[f"n{number}"] = ["8.8.8.8"]
        names.ask(f"n{number}")
    for _ in range(3):
        names.run()
    assert names.cache.num_known == MAX_NAMES
    names.asked.clear()
    names.ask("n1")
    names.ask("n0")
    names.run()
    assert names.asked == ["n0"]
