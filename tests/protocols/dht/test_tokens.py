"""Write tokens."""

from __future__ import annotations

from random import Random

from evtorrent.protocols.dht.tokens import TOKEN_SIZE, Tokens

HOST, OTHER = bytes((1, 2, 3, 4)), bytes((1, 2, 3, 5))
TARGET = b"t" * 20


def test_a_token_is_for_one_host_and_one_target() -> None:
    tokens = Tokens(Random(1))
    token = tokens.issue(HOST, TARGET)
    assert len(token) == TOKEN_SIZE
    assert tokens.verify(token, HOST, TARGET)
    assert not tokens.verify(token, OTHER, TARGET)
    assert not tokens.verify(token, HOST, b"u" * 20)
    assert not tokens.verify(b"", HOST, TARGET)
    assert not tokens.verify(token + b"x", HOST, TARGET)


def test_a_token_outlives_one_rotation() -> None:
    tokens = Tokens(Random(1))
    token = tokens.issue(HOST, TARGET)
    tokens.rotate()
    assert tokens.verify(token, HOST, TARGET)
    assert tokens.issue(HOST, TARGET) != token
    tokens.rotate()
    assert not tokens.verify(token, HOST, TARGET)


def test_nodes_do_not_share_secrets() -> None:
    assert Tokens(Random(1)).issue(HOST, TARGET) != Tokens(Random(2)).issue(HOST, TARGET)
