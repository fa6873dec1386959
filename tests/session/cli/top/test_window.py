from __future__ import annotations

import random

import pytest
from evtorrent.session.cli.top.actions import Command
from evtorrent.session.cli.top.window import Window

MOVES = [Command.UP, Command.DOWN, Command.PAGE_UP, Command.PAGE_DOWN, Command.HOME, Command.END]


def seen(window: Window, *moves: Command, count: int = 10, height: int = 4) -> tuple[int, range]:
    visible = window.visible(count, height, window.cursor)
    for move in moves:
        window.move(move)
        visible = window.visible(count, height, window.cursor)
    return window.cursor, visible


@pytest.mark.parametrize(
    ("moves", "cursor", "visible"),
    [
        ([], 0, range(4)),
        ([Command.DOWN] * 3, 3, range(4)),
        ([Command.DOWN] * 4, 4, range(1, 5)),
        ([Command.END], 9, range(6, 10)),
        ([Command.END, Command.DOWN], 9, range(6, 10)),
        ([Command.END, Command.UP], 8, range(6, 10)),
        ([Command.PAGE_DOWN], 3, range(4)),
        ([Command.PAGE_DOWN] * 2, 6, range(3, 7)),
        ([Command.END, Command.HOME], 0, range(4)),
        ([Command.PAGE_UP], 0, range(4)),
    ],
)
def test_the_cursor_is_always_seen(moves, cursor, visible):
    assert seen(Window(), *moves) == (cursor, visible)


def test_without_a_cursor_it_scrolls():
    window = Window()
    assert window.visible(10, 4) == range(4)
    window.move(Command.DOWN)
    assert window.visible(10, 4) == range(1, 5)
    window.move(Command.END)
    assert window.visible(10, 4) == range(6, 10)
    assert window.visible(3, 4) == range(3)


def test_whatever_happens_the_rows_are_there():
    rng = random.Random(5)
    window = Window()
    for _ in range(2_000):
        count, height = rng.randrange(30), rng.randrange(12)
        if rng.random() < 0.5:
            window.move(rng.choice(MOVES))
        visible = window.visible(count, height, window.cursor if rng.random() < 0.7 else None)
        assert 0 <= visible.start <= visible.stop <= count
        assert len(visible) == min(height, count)
        assert 0 <= window.cursor
