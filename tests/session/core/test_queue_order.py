from __future__ import annotations

import random

from evtorrent.session.core.queue_order import NO_POSITION, QueueOrder


def make(text: str) -> QueueOrder[str]:
    order: QueueOrder[str] = QueueOrder()
    for letter in text:
        order.append(letter)
    return order


def test_positions_have_no_gaps() -> None:
    order = make("abcd")
    assert [order.position(letter) for letter in "abcdx"] == [0, 1, 2, 3, NO_POSITION]
    order.remove("b")
    order.remove("b")
    order.append("a")
    assert "".join(order) == "acd"
    assert [order.position(letter) for letter in "abcd"] == [0, NO_POSITION, 1, 2]
    assert len(order) == 3
    assert "c" in order
    assert "b" not in order


def test_moving() -> None:
    order = make("abcde")
    assert order.move("d", 1)
    assert "".join(order) == "adbce"
    assert order.move("a", 100)
    assert "".join(order) == "dbcea"
    assert order.move("c", -5)
    assert "".join(order) == "cdbea"
    assert not order.move("c", 0)
    assert not order.move("a", 4)
    assert not order.move("x", 0)
    assert order.slice(1, 3) == list("dbe")
    order.check_invariant()


def test_any_order_of_calls() -> None:
    rng = random.Random(11)
    order: QueueOrder[int] = QueueOrder()
    line: list[int] = []
    for _ in range(3000):
        item = rng.randrange(30)
        what = rng.randrange(5)
        if what == 0:
            order.append(item)
            if item not in line:
                line.append(item)
        elif what == 1:
            order.remove(item)
            if item in line:
                line.remove(item)
        elif what == 2:
            to = rng.randrange(-2, 35)
            order.move(item, to)
            if item in line:
                line.remove(item)
                line.insert(max(0, min(to, len(line))), item)
        elif what == 3:
            assert order.position(item) == (line.index(item) if item in line else NO_POSITION)
        assert list(order) == line
        if what == 4:
            order.check_invariant()
