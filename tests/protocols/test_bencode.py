from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bencodepy
import pytest
from evtorrent.protocols import bencode
from evtorrent.protocols.bencode import (
    BencodeError,
    RawValue,
    decode,
    decode_prefix,
    decode_spans,
    encode,
    find_bytes,
    find_dict,
    find_int,
    find_list,
    span,
)
from evtorrent.protocols.errors import LocalProtocolError, RemoteProtocolError
from hypothesis import given
from hypothesis import strategies as st
from support.feeding import feed_all_ways

integers = st.integers(bencode.MIN_INTEGER, bencode.MAX_INTEGER)
values = st.recursive(
    integers | st.binary(max_size=30),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.binary(max_size=8), inner, max_size=5),
    max_leaves=30,
)


def accumulating() -> Callable[[bytes], list[Any]]:
    """A parser that is fed piecewise: what has come so far either is cut short or is the value."""
    seen = bytearray()
    done = False

    def feed(chunk: bytes) -> list[Any]:
        nonlocal done
        if done:
            return []
        seen.extend(chunk)
        try:
            value, used = decode_prefix(seen)
        except BencodeError as error:
            if error.problem != "ends in the middle of a value" or error.offset != len(seen):
                raise
            return []
        done = True
        return [(value, used)]

    return feed


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"i0e", 0),
        (b"i-1e", -1),
        (b"i9223372036854775807e", 2**63 - 1),
        (b"i-9223372036854775808e", -(2**63)),
        (b"0:", b""),
        (b"4:spam", b"spam"),
        (b"2000:" + bytes(2000), bytes(2000)),
        (b"le", []),
        (b"lli1eelee", [[1], []]),
        (b"de", {}),
        (b"d0:i1e1:a1:be", {b"": 1, b"a": b"b"}),
        (b"d1:ad1:bl1:ceee", {b"a": {b"b": [b"c"]}}),
    ],
)
def test_values(data: bytes, value: object) -> None:
    assert decode(data) == value
    assert encode(value) == data
    feed_all_ways(accumulating, data, [(value, len(data))], trailing=b"junk")


@given(values)
def test_round_trip(value: Any) -> None:
    data = encode(value)
    assert decode(data) == value
    assert decode(bytearray(data)) == decode(memoryview(data), strict=False) == value
    assert bencodepy.Bencode(encoding=None).decode(data) == value


@given(values, st.binary(max_size=5))
def test_every_cut_is_an_unexpected_end(value: Any, tail: bytes) -> None:
    data = encode(value)
    for cut in range(len(data)):
        with pytest.raises(BencodeError, match="ends in the middle of a value") as caught:
            decode(data[:cut])
        assert caught.value.offset == cut
    assert decode_prefix(data + tail) == (value, len(data))


@given(st.binary(max_size=60) | st.text("dlie0123456789:-", max_size=40).map(str.encode), st.booleans())
def test_garbage_gives_a_value_or_an_error(data: bytes, strict: bool) -> None:
    try:
        value, used = decode_prefix(data, strict=strict)
    except BencodeError:
        return
    if strict:
        assert encode(value) == data[:used]


@pytest.mark.parametrize(
    ("data", "problem", "offset"),
    [
        (b"", "ends in the middle of a value", 0),
        (b"x", "expected a value", 0),
        (b"e", "expected a value", 0),
        (b"-1:", "expected a value", 0),
        (b"d1:ae", "expected a value", 4),
        (b"d1:a1:b1:ce", "expected a value", 10),
        (b"di1ei2ee", "expected a string", 1),
        (b"d1x1:be", "expected a string", 1),
        (b"1_0:aaaaaaaaaa", "expected a string", 0),
        (b"1 :a", "expected a string", 0),
        (b"12", "ends in the middle of a value", 2),
        (b"12x", "expected a string", 0),
        (b"1" * 30, "expected a string", 0),
        (b"01:a", "leading zero in a length", 0),
        (b"5:abcd", "ends in the middle of a value", 6),
        (b"d5:abcde", "ends in the middle of a value", 8),
        (b"d9:abcde", "ends in the middle of a value", 8),
        (b"9999999999999999999:a", "ends in the middle of a value", 21),
        (b"d9999999999999999999:a", "ends in the middle of a value", 22),
        (b"ie", "expected digits", 1),
        (b"i-e", "expected digits", 1),
        (b"i+1e", "expected digits", 1),
        (b"i1_0e", "expected digits", 1),
        (b"i 1e", "expected digits", 1),
        (b"i--1e", "expected digits", 1),
        (b"i-0e", "integer that is not in its shortest form", 1),
        (b"i00e", "integer that is not in its shortest form", 1),
        (b"i01e", "integer that is not in its shortest form", 1),
        (b"i-01e", "integer that is not in its shortest form", 1),
        (b"i9223372036854775808e", "integer of more than 64 bits", 1),
        (b"i-9223372036854775809e", "integer of more than 64 bits", 1),
        (b"i" + b"1" * 50 + b"e", "integer of more than 64 bits", 1),
        (b"i1", "ends in the middle of a value", 2),
        (b"d1:bi1e1:ai2ee", "keys out of order", 7),
        (b"d1:ai1e1:ai2ee", "key twice", 7),
        (b"i1ei2e", "data after the value", 3),
    ],
)
def test_refused(data: bytes, problem: str, offset: int) -> None:
    with pytest.raises(BencodeError) as caught:
        decode(data)
    assert (caught.value.problem, caught.value.offset) == (problem, offset)
    assert str(caught.value) == f"bencode: {problem} at byte {offset}"
    assert isinstance(caught.value, RemoteProtocolError)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"d1:bi1e1:ai2ee", {b"b": 1, b"a": 2}),
        (b"d1:ai1e1:ai2ee", {b"a": 1}),
        (b"d1:ali1ee1:ali2eee", {b"a": [1]}),
        (b"i007e", 7),
        (b"i-0e", 0),
        (b"03:abc", b"abc"),
        (b"d01:ai1ee", {b"a": 1}),
    ],
)
def test_read_when_not_strict(data: bytes, value: object) -> None:
    assert decode(data, strict=False) == value
    with pytest.raises(BencodeError):
        decode(data)


def test_depth_at_the_limit() -> None:
    assert decode(b"l" * 100 + b"e" * 100)
    with pytest.raises(BencodeError, match="nested deeper than 100 at byte 100"):
        decode(b"l" * 101 + b"e" * 101)
    assert decode(b"d1:ade" + b"e", max_depth=2) == {b"a": {}}
    with pytest.raises(BencodeError, match="nested deeper than 1 at byte 4"):
        decode(b"d1:ade" + b"e", max_depth=1)


def test_deep_nesting_is_no_recursion() -> None:
    data = b"l" * 10_000 + b"e" * 10_000
    assert decode_prefix(data, max_depth=10_000)[1] == len(data)


def test_items_at_the_limit() -> None:
    data = b"d1:ali1ei2eee"  # the dictionary, its key, the list, two integers
    assert decode(data, max_items=5)
    with pytest.raises(BencodeError, match="more items than allowed"):
        decode(data, max_items=4)
    with pytest.raises(BencodeError, match="more items than allowed"):
        decode(b"d1:ai1ee", max_items=2)


def test_size_at_the_limit() -> None:
    assert decode(b"4:spam", max_size=6) == b"spam"
    with pytest.raises(BencodeError, match="6 bytes where 5 are allowed at byte 5"):
        decode(b"4:spam", max_size=5)
    with pytest.raises(BencodeError):
        decode_prefix(b"4:spam", max_size=5)


def test_spans_of_keys_by_depth() -> None:
    data = b"d1:ai1e1:bd1:ci2e1:dd1:ei3eee1:fl1:gee"
    value, used, spans = decode_spans(data, span_depth=2)
    assert used == len(data)
    assert value == decode(data)
    assert [(depth, key, data[start:end]) for depth, key, start, end in spans] == [
        (1, b"a", b"i1e"),
        (2, b"c", b"i2e"),
        (2, b"d", b"d1:ei3ee"),
        (1, b"b", b"d1:ci2e1:dd1:ei3eee"),
        (1, b"f", b"l1:ge"),
    ]
    assert [key for _, key, _, _ in decode_spans(data)[2]] == [b"a", b"b", b"f"]


def test_span_of_a_path() -> None:
    data = b"d3:abci0e4:infod6:lengthi5e4:name1:xe1:zlee"
    start, end = span(data, b"info")
    assert data[start:end] == b"d6:lengthi5e4:name1:xe"
    start, end = span(memoryview(data), b"info", b"name")
    assert data[start:end] == b"1:x"
    assert span(data) == (0, len(data))
    with pytest.raises(KeyError):
        span(data, b"nope")
    with pytest.raises(KeyError):
        span(data, b"info", b"name", b"x")
    with pytest.raises(BencodeError):
        span(b"d3:abc", b"abc")


def test_span_is_not_misled_by_content() -> None:
    data = encode({"a": b"4:info3:bad", "info": {"x": 1}})
    start, end = span(data, b"info")
    assert data[start:end] == b"d1:xi1ee"


def test_encoding_of_other_types() -> None:
    assert (
        encode({"b": "ü", b"a": (True, bytearray(b"x"), memoryview(b"y"))})
        == b"d1:ali1e1:x1:ye1:b2:\xc3\xbce"
    )
    assert encode({"raw": RawValue(b"d1:zi1e1:ai2ee")}) == b"d3:rawd1:zi1e1:ai2eee"


class Digest(bytes):
    pass


def test_subclasses_of_bytes() -> None:
    assert encode({Digest(b"k"): Digest(b"v")}) == b"d1:k1:ve"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "NoneType cannot be bencoded"),
        (1.5, "float cannot be bencoded"),
        ([{1: 2}], "int cannot be a key"),
        ({"a": 1, b"a": 2}, "same encoding"),
        (2**63, "more than 64 bits"),
        (-(2**63) - 1, "more than 64 bits"),
    ],
)
def test_what_cannot_be_encoded(value: object, text: str) -> None:
    with pytest.raises(LocalProtocolError, match=text):
        encode(value)


def test_finding_by_type() -> None:
    table = decode(b"d1:bl1:xe1:dd1:xi1ee1:ii1e1:s1:ye")
    assert isinstance(table, dict)
    assert find_int(table, b"i") == 1
    assert find_bytes(table, b"s") == b"y"
    assert find_list(table, b"b") == [b"x"]
    assert find_dict(table, b"d") == {b"x": 1}
    for find, wrong in ((find_int, b"s"), (find_bytes, b"i"), (find_list, b"d"), (find_dict, b"b")):
        assert find(table, wrong) is None
        assert find(table, b"missing") is None
