"""NAT-PMP and PCP answers of every kind of badness, in every state: counted, dropped, and the next good one is understood."""

from __future__ import annotations

from random import Random

import pytest
from evtorrent.protocols.portmap import MAX_MAPPINGS, MapRequest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.mutation import mutate
from support.portmap_gateway import TCP, UDP, FakeGateway, Talk

INPUTS = 25
"""Datagrams of one conversation."""

TOKENS = (b"\0", b"\xff", b"\0\0", b"\0\1", b"\xff\xff", b"\x81", b"\x80", b"\2", b"\x1a\xe1", bytes(12))


def converse(seed: int) -> None:
    """A conversation in which something else than the gateway's answer arrives, most of the time."""
    rng = Random(seed)
    talk = Talk(FakeGateway(pcp=rng.random() < 0.6), ipv6=rng.random() < 0.2)
    talk.lose = lambda answer: rng.random() < 0.7
    good: list[bytes] = []
    for step in range(INPUTS):
        action = rng.random()
        if action < 0.3:
            port = rng.choice((6881, 6882))
            talk.mapper.send_mapping(MapRequest(step, rng.choice((TCP, UDP)), port, port), now=talk.now)
        elif action < 0.4:
            talk.remove(rng.randrange(step + 1))
        elif action < 0.7:
            talk.gateway.result = rng.choice((0, 0, 0, 1, 2, 8, 77))
            talk.advance(rng.choice((0.1, 3.0, 100.0, 4000.0)))
        talk.pump()
        asked = talk.gateway.heard[-4:]
        good += [answer for data in asked if (answer := talk.gateway.answer(data, talk.now)) is not None]
        data = mutate(rng, good[-8:] or [b"\0\x80\0\0"], TOKENS)
        talk.mapper.receive_datagram(memoryview(data), talk.address, now=talk.now)
        talk.pump()
        check(talk)
    talk.lose = lambda answer: False
    talk.gateway.result = 0
    talk.mapper.close(now=talk.now)
    talk.pump()
    talk.advance(4.0)
    assert talk.mapper.is_closed


def check(talk: Talk) -> None:
    talk.advance(0.0)  # It ends: nothing is due at once for ever.
    due = talk.mapper.next_timeout()
    assert due is None or due > talk.now
    assert len(talk.mapper._slots) <= MAX_MAPPINGS
    assert len(talk.events) <= 8 * INPUTS * INPUTS


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(st.integers(0, 2**64 - 1))
def test_ten_thousand_answers(seed: int) -> None:
    converse(seed)


@pytest.mark.soak
@settings(max_examples=40_000, deadline=None)
@given(st.integers(0, 2**64 - 1))
def test_a_million_answers(seed: int) -> None:
    converse(seed)
