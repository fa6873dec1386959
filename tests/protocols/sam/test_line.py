from __future__ import annotations

import re
from random import Random

import pytest
from evtorrent.protocols.errors import LocalProtocolError
from evtorrent.protocols.sam.errors import KeyNotFound, RouterError, SamError
from evtorrent.protocols.sam.line import MAX_LINE, SamLine, format_line, parse_line
from hypothesis import given
from hypothesis import strategies as st
from support.mutation import mutate

WORDS = st.text(st.characters(min_codepoint=35, max_codepoint=126), min_size=1)


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"HELLO REPLY RESULT=OK VERSION=3.1", SamLine("HELLO", "REPLY", {"RESULT": "OK", "VERSION": "3.1"})),
        (b"PING", SamLine("PING", "")),
        (b"PING one", SamLine("PING", "one")),
        (b"abc~== FROM_PORT=0 TO_PORT=7", SamLine("abc~==", "", {"FROM_PORT": "0", "TO_PORT": "7"})),
        (b'A B M="two words" K=v\r', SamLine("A", "B", {"M": "two words", "K": "v"})),
        (rb'A B M="a \"quote\" and \\"', SamLine("A", "B", {"M": 'a "quote" and \\'})),
        (b"A B  K=  flag L=a=b", SamLine("A", "B", {"K": "", "flag": "", "L": "a=b"})),
        ("A B M=ä".encode(), SamLine("A", "B", {"M": "ä"})),
    ],
)
def test_lines(data: bytes, line: SamLine) -> None:
    assert parse_line(data) == line
    assert parse_line(memoryview(bytearray(data))) == line


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "no word"),
        (b" HELLO", "no word"),
        (b"A B =x", "no option: ' =x'"),
        (b'A B M="open', "no option"),
        (b'A B M="a"b', "no option"),
        (b'A B M=a"b', "no option"),
        (b"A B K=1 K=2", "K twice"),
        (b"A B K=\xff", "not UTF-8"),
        (b"A B K=\x01", "control characters"),
    ],
)
def test_what_is_none(data: bytes, text: str) -> None:
    with pytest.raises(SamError, match=re.escape(text)):
        parse_line(data)


def test_the_longest() -> None:
    longest = b"A B K=".ljust(MAX_LINE, b"x")
    assert len(parse_line(longest).options["K"]) == MAX_LINE - 6
    with pytest.raises(SamError, match=f"{MAX_LINE + 1} bytes"):
        parse_line(longest + b"x")


def test_what_is_asked_of_a_line() -> None:
    line = SamLine("STREAM", "STATUS", {"RESULT": "I2P_ERROR", "MESSAGE": "no tunnels"})
    line.expect("STREAM", "STATUS")
    with pytest.raises(SamError, match="HELLO REPLY expected, and not 'STREAM' 'STATUS'"):
        line.expect("HELLO", "REPLY")
    with pytest.raises(RouterError, match="i2p error, says the bridge: no tunnels"):
        line.check()
    with pytest.raises(KeyNotFound):
        SamLine("NAMING", "REPLY", {"RESULT": "KEY_NOT_FOUND"}).check()
    SamLine("STREAM", "STATUS", {"RESULT": "OK"}).check()
    SamLine("DEST", "REPLY").check()
    assert line.value("MESSAGE") == "no tunnels"
    with pytest.raises(SamError, match="STREAM STATUS without VALUE"):
        line.value("VALUE")


def test_what_is_said() -> None:
    assert format_line("STREAM", "ACCEPT", {"ID": "x", "N": 3}) == b"STREAM ACCEPT ID=x N=3\n"
    for bad in ("", "two words", "a\nSTREAM", 'a"', "ä", "\x7f"):
        with pytest.raises(LocalProtocolError, match="SAM takes no ID"):
            format_line("STREAM", "ACCEPT", {"ID": bad})
    format_line("A", "B", {"K": "x" * (MAX_LINE - 7)})
    with pytest.raises(LocalProtocolError, match="bytes"):
        format_line("A", "B", {"K": "x" * (MAX_LINE - 6)})


@given(st.dictionaries(st.from_regex(r"[A-Za-z.]{1,9}", fullmatch=True), WORDS, max_size=5))
def test_there_and_back(options: dict[str, str]) -> None:
    assert parse_line(format_line("T", "O", options)[:-1]) == SamLine("T", "O", options)


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    _line_or_error(data)


def _line_or_error(data: bytes) -> None:
    try:
        line = parse_line(data)
    except SamError:
        return
    assert line.topic and all(line.options)


SAMPLES = [
    b"HELLO REPLY RESULT=OK VERSION=3.1",
    b'STREAM STATUS RESULT=I2P_ERROR MESSAGE="a \\"b\\" c"',
    b"NAMING REPLY RESULT=OK NAME=a.i2p VALUE=" + b"AbC-~" * 100 + b"==",
    b"abc~== FROM_PORT=0 TO_PORT=7",
]
TOKENS = [b"\0", b"\xff", b'"', b"\\", b"=", b" ", b"\xc3", b"\x85", b"RESULT=OK"]


def test_ten_thousand_lines() -> None:
    rng = Random(1)
    for _ in range(10_000):
        _line_or_error(mutate(rng, SAMPLES, TOKENS))


@pytest.mark.soak
def test_a_million_lines() -> None:
    rng = Random(2)
    for _ in range(1_000_000):
        _line_or_error(mutate(rng, SAMPLES, TOKENS))
