from __future__ import annotations

import pytest
from evtorrent.protocols.dialogue import Script
from evtorrent.protocols.sam.exchange import SamExchange, version_number
from evtorrent.protocols.sam.line import MAX_LINE
from support.feeding import feed_all_ways
from support.proxy_kit import converse, error_of
from support.sam_kit import HELLO


class Greeting(SamExchange):
    """Nothing but the greeting."""

    def _ask(self) -> Script:
        yield from ()


def test_the_greeting() -> None:
    machine = Greeting()
    assert machine.data_to_send() == b"HELLO VERSION MIN=3.1 MAX=3.3\n"
    assert not machine.is_patient
    for each in converse(Greeting, HELLO, b"stream"):
        assert isinstance(each, Greeting) and each.version == "3.1"
    converse(Greeting, b"HELLO REPLY RESULT=OK VERSION=3.3\n")


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"HELLO REPLY RESULT=NOVERSION\n", "noversion, says the bridge"),
        (b"HELLO REPLY RESULT=OK VERSION=3.0\n", "version 3.0, which was not offered"),
        (b"HELLO REPLY RESULT=OK VERSION=3.4\n", "version 3.4"),
        (b"HELLO REPLY RESULT=OK VERSION=x\n", "version x"),
        (b"HELLO REPLY RESULT=OK\n", "without VERSION"),
        (b"HTTP/1.1 400 Bad Request\r\n", "HELLO REPLY expected"),
        (b"SSH-2.0-OpenSSH\r\n", "HELLO REPLY expected"),
        (b"\n", "no word"),
        (bytes(MAX_LINE + 1), f"more than {MAX_LINE} bytes"),
    ],
)
def test_who_is_no_bridge(answer: bytes, text: str) -> None:
    assert text in error_of(Greeting, answer)


def test_however_it_is_cut() -> None:
    def make() -> object:
        machine = Greeting()

        def feed(chunk: bytes) -> list[str]:
            if machine.is_done:
                return []
            machine.receive_data(chunk)
            return [machine.version] if machine.is_done else []

        return feed

    feed_all_ways(make, HELLO, ["3.1"], trailing=b"\xff\n\0")


def test_versions() -> None:
    assert version_number("3.1") == (3, 1)
    for bad in ("", "3", "3.", ".1", "a.b", "3.1.1", "3.1111111", "³.1"):
        assert version_number(bad) == (0, 0)
