"""Feeding the machines of proxies: conversations cut in every way, and storms of wrong answers."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from evtorrent.protocols.dialogue import Dialogue
from evtorrent.protocols.errors import RemoteProtocolError
from support.feeding import ways_to_cut


def converse(make: Callable[[], Dialogue], answers: bytes, rest: bytes = b"") -> list[Dialogue]:
    """Feed all the answers at once and in all pieces; each time `rest` must be left.  Gives the machines."""
    machines = []
    for how, chunks in ways_to_cut(answers + rest, 20):
        machine, left = make(), b""
        for chunk in chunks:
            if machine.is_done:
                left += bytes(chunk)
            else:
                machine.receive_data(chunk)
        assert machine.is_done, how
        assert machine.take_rest() + left == rest, how
        machines.append(machine)
    return machines


def error_of(make: Callable[[], Dialogue], answers: bytes) -> str:
    """The error that comes however the answers are cut."""
    texts = set()
    for _, chunks in ways_to_cut(answers, 20):
        machine = make()
        try:
            for chunk in chunks:
                machine.receive_data(chunk)
        except RemoteProtocolError as error:
            texts.add(str(error))
            assert not machine.is_done
        else:
            raise AssertionError(f"{answers!r} is accepted")
    (text,) = texts
    return text


def storm(make: Callable[[], Dialogue], good: Sequence[bytes], count: int, seed: int) -> None:
    """Good answers with bytes changed, cut or added: a machine is done, waits, or raises RemoteProtocolError."""
    rng = random.Random(seed)
    for _ in range(count):
        data = bytearray(rng.choice(good))
        for _ in range(rng.randrange(3)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        if rng.randrange(3) == 0:
            del data[rng.randrange(len(data)) :]
        if rng.randrange(3) == 0:
            data += rng.randbytes(rng.randrange(40))
        machine = make()
        cut = rng.randrange(len(data) + 1)
        try:
            for part in (data[:cut], data[cut:]):
                if not machine.is_done:
                    machine.receive_data(part)
        except RemoteProtocolError:
            assert not machine.is_done
