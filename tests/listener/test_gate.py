"""Admission."""

from __future__ import annotations

import pytest
from evtorrent.listener.gate import Gate, Verdict, canonical_host
from hypothesis import given
from hypothesis import strategies as st


def test_limit_of_connections() -> None:
    gate = Gate(connections_limit=2)
    assert gate.admit("10.0.0.1") is Verdict.ADMIT
    assert gate.admit("10.0.0.2") is Verdict.ADMIT
    assert gate.admit("10.0.0.3") is Verdict.FULL
    assert gate.num_open == 2
    gate.release("10.0.0.1")
    assert gate.admit("10.0.0.3") is Verdict.ADMIT


def test_limit_of_one_host_whatever_its_spelling() -> None:
    gate = Gate(connections_limit=None, host_limit=1)
    assert gate.admit("::ffff:10.0.0.1") is Verdict.ADMIT
    assert gate.admit("10.0.0.1") is Verdict.HOST_FULL
    assert gate.num_open_from("10.0.0.1") == 1
    assert gate.admit("10.0.0.2") is Verdict.ADMIT


def test_filter_sees_mapped_addresses_as_ipv4() -> None:
    asked: list[str] = []

    def is_blocked(host: str) -> bool:
        asked.append(host)
        return host == "10.0.0.1"

    gate = Gate(is_blocked=is_blocked)
    assert gate.admit("::ffff:10.0.0.1") is Verdict.FILTERED
    assert gate.admit("fe80::1%eth0") is Verdict.ADMIT
    assert asked == ["10.0.0.1", "fe80::1"]
    assert gate.num_open == 1


def test_lowering_the_limit_ends_nothing() -> None:
    gate = Gate(connections_limit=5)
    for _ in range(3):
        gate.admit("10.0.0.1")
    gate.connections_limit = 1
    assert gate.num_open == 3
    assert gate.admit("10.0.0.1") is Verdict.FULL


def test_releasing_what_was_not_admitted() -> None:
    gate = Gate()
    with pytest.raises(ValueError, match="no connection"):
        gate.release("10.0.0.1")


@pytest.mark.parametrize(
    ("host", "canonical"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::FFFF:10.0.0.1", "10.0.0.1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("", ""),
        ("not:an:address", "not:an:address"),
    ],
)
def test_canonical_host(host: str, canonical: str) -> None:
    assert canonical_host(host) == canonical


@given(
    st.lists(st.tuples(st.booleans(), st.sampled_from(["10.0.0.1", "::ffff:10.0.0.1", "::1", "10.0.0.2"])))
)
def test_the_count_is_right_after_any_history(history: list[tuple[bool, str]]) -> None:
    gate = Gate(connections_limit=5, host_limit=3)
    for comes, host in history:
        before = gate.num_open
        if comes:
            verdict = gate.admit(host)
            assert gate.num_open == before + (verdict is Verdict.ADMIT)
        elif gate.num_open_from(host):
            gate.release(host)
            assert gate.num_open == before - 1
        gate.check_invariant()
        assert gate.num_open <= 5
        assert gate.num_open_from(host) <= 3
