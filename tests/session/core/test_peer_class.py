from __future__ import annotations

from dataclasses import replace

import pytest
from evtorrent.session import PeerClassInfo
from evtorrent.session.core.peer_class import GLOBAL, LOCAL, TCP, PeerClass, PeerClassPool


def test_three_are_built_in() -> None:
    pool = PeerClassPool()
    assert [pool.get(number).label for number in (GLOBAL, TCP, LOCAL)] == ["global", "tcp", "local"]
    assert pool.get(GLOBAL).info() == PeerClassInfo("global")
    local = pool.get(LOCAL)
    assert (local.ignore_unchoke_slots, local.connection_limit_factor) == (True, 150)
    for number in (GLOBAL, TCP, LOCAL):
        with pytest.raises(ValueError, match="built in"):
            pool.delete(number)


def test_identifiers_go_up_and_are_used_again() -> None:
    pool = PeerClassPool()
    assert [pool.create("x"), pool.create("x"), pool.create("x")] == [3, 4, 5]
    pool.delete(5)
    pool.delete(3)
    assert len(pool) == 4
    assert [pool.create("a"), pool.create("b"), pool.create("c")] == [3, 5, 6]
    assert pool.get(3).label == "a"


def test_a_class_lives_while_somebody_is_in_it() -> None:
    pool = PeerClassPool()
    number = pool.create("x")
    pool.hold(number)
    pool.delete(number)
    assert pool.get(number).label == "x"
    with pytest.raises(ValueError, match="was deleted"):
        pool.delete(number)
    pool.release(number)
    for call in (pool.get, pool.delete, pool.hold, pool.release):
        with pytest.raises(ValueError, match="no peer class"):
            call(number)


def test_classes_named_by_a_filter() -> None:
    pool = PeerClassPool()
    for _ in range(40):
        pool.create("x")
    pool.delete(4)
    assert pool.named_by(0b110101) == (0, 2, 5)
    assert pool.named_by(1 << 32) == ()
    assert pool.named_by(0) == ()


def test_everything_is_set_or_nothing() -> None:
    kind = PeerClass("x")
    info = PeerClassInfo("y", True, 200, 1000, 2000, 3, 255)
    kind.set_info(info)
    assert kind.info() == info
    assert (kind.up.limit, kind.down.limit) == (1000, 2000)
    for wrong in (
        {"upload_priority": 0},
        {"download_priority": 256},
        {"connection_limit_factor": 0},
        {"label": 7},
        {"upload_limit": "fast"},
        {"ignore_unchoke_slots": None},
    ):
        with pytest.raises(ValueError):
            kind.set_info(
                replace(info, label="z", **wrong) if "label" not in wrong else replace(info, **wrong)
            )
        assert kind.info() == info
    kind.set_info(replace(info, upload_limit=-1, download_limit=0))
    assert (kind.up.limit, kind.down.limit) == (0, 0)
