from __future__ import annotations

from collections import Counter

from evtorrent.session.cli.top.actions import KEYS, Command


def test_no_key_does_two_things_and_every_key_says_what():
    assert max(Counter(key for row in KEYS for key in row.keys).values()) == 1
    assert all(row.help and row.keys for row in KEYS)
    assert not {key for row in KEYS for key in row.keys} & set("12345"), "those are the panes'"


def test_every_command_has_a_key():
    """But those that are the answer to another's question, or another meaning of a key."""
    assert set(Command) - {row.command for row in KEYS} == {Command.DELETE, Command.WANT_FILE}
