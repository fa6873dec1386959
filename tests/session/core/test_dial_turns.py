from __future__ import annotations

from evtorrent.session.core.dial_turns import DialTurns


def take(turns, count):
    return [turns.next() for _ in range(count)]


def test_a_finished_torrent_comes_after_so_many_downloads():
    turns = DialTurns()
    turns.every = 3
    turns.begin(["a", "b"], ["S", "T"])
    assert take(turns, 10) == ["a", "b", "a", "S", "b", "a", "b", "T", "a", "b"]


def test_a_ring_goes_on_where_it_was():
    turns = DialTurns()
    turns.begin(["a", "b", "c"], [])
    assert take(turns, 2) == ["a", "b"]
    turns.begin(["a", "b", "c"], [])
    assert take(turns, 3) == ["c", "a", "b"]


def test_without_downloads_finished_torrents_have_every_turn():
    turns = DialTurns()
    turns.begin([], ["S", "T"])
    assert take(turns, 3) == ["S", "T", "S"]


def test_who_is_dropped_has_no_turn_until_it_begins_again():
    turns = DialTurns()
    turns.every = 1
    turns.begin(["a", "b"], ["S"])
    assert turns.next() == "a"
    turns.drop_last()
    assert take(turns, 3) == ["S", "b", "S"]
    turns.drop_last()
    assert turns.next() == "b"
    turns.drop_last()
    assert turns.next() is None
    turns.begin(["a"], [])
    assert turns.next() == "a"


def test_nobody_has_a_turn_where_nobody_takes_part():
    turns = DialTurns()
    assert turns.next() is None
