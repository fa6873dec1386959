"""The codec: round trips, what is refused and how, and garbage."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import product
from random import Random
from typing import Any

import pytest
from evtorrent.protocols.bencode import RawValue, decode, encode
from evtorrent.protocols.dht.errors import KrpcError
from evtorrent.protocols.dht.krpc import (
    MAX_ERROR_TEXT,
    MAX_MESSAGE,
    MAX_METHOD,
    MAX_TRANSACTION_ID,
    Failure,
    Query,
    Response,
    encode_failure,
    encode_query,
    encode_response,
    parse_message,
    raw_strings,
)
from evtorrent.protocols.dht.node_id import NodeId
from evtorrent.protocols.errors import LocalProtocolError
from hypothesis import given, settings
from hypothesis import strategies as st

ID = b"i" * 20
EXTERNAL = bytes((1, 2, 3, 4, 5, 6))


def test_a_query_round_trips() -> None:
    data = encode_query(b"tt", b"get_peers", {b"id": ID, b"info_hash": b"h" * 20})
    query = parse_message(data)
    assert isinstance(query, Query)
    assert (query.transaction, query.method, query.node_id) == (b"tt", b"get_peers", ID)
    assert query.arguments == {b"id": ID, b"info_hash": b"h" * 20}
    assert not query.is_read_only
    assert query.datagram == data


def test_a_read_only_query_says_so() -> None:
    query = parse_message(encode_query(b"tt", b"ping", {b"id": ID}, is_read_only=True))
    assert isinstance(query, Query)
    assert query.is_read_only


def test_a_response_round_trips() -> None:
    fields: Any = {
        b"id": ID,
        b"values": raw_strings([b"abcdef"]),
        b"p": 7,
        b"list": [1],
        b"v": RawValue(b"i5e"),
    }
    response = parse_message(encode_response(b"tt", fields, EXTERNAL))
    assert isinstance(response, Response)
    assert response.values == {b"id": ID, b"values": [b"abcdef"], b"p": 7, b"list": [1], b"v": 5}
    assert (response.node_id, response.external) == (ID, EXTERNAL)


def test_a_failure_round_trips() -> None:
    assert parse_message(encode_failure(b"tt", 203, "nein", EXTERNAL)) == Failure(
        b"tt", 203, "nein", EXTERNAL
    )


@given(
    st.dictionaries(
        st.binary(max_size=8),
        st.one_of(st.binary(max_size=40), st.integers(-(2**63), 2**63 - 1), st.lists(st.integers(0, 9))),
        max_size=8,
    ),
    st.booleans(),
)
def test_what_is_written_is_canonical(fields: Any, is_read_only: bool) -> None:
    for data in (
        encode_query(b"t", b"q", fields, is_read_only=is_read_only),
        encode_response(b"t", fields, EXTERNAL),
    ):
        assert encode(decode(data, strict=True)) == data


def test_integers_have_64_bits() -> None:
    with pytest.raises(LocalProtocolError):
        encode_query(b"t", b"q", {b"n": 2**63})


def message(**changes: Any) -> bytes:
    table: dict[str, Any] = {"t": b"tt", "y": b"q", "q": b"ping", "a": {"id": ID}}
    table.update(changes)
    return encode({key: value for key, value in table.items() if value is not None})


SILENT = {
    "empty": b"",
    "short": b"d1:y1:qe",
    "a list": b"l" + b"i1e" * 10 + b"e",
    "cut": message()[:-1],
    "trailing": message() + b"e",
    "too long": message(x=bytes(MAX_MESSAGE)),
    "no transaction": message(t=None),
    "empty transaction": message(t=b""),
    "transaction of another type": message(t=7),
    "long transaction": message(t=bytes(MAX_TRANSACTION_ID + 1)),
    "no kind": message(y=None),
    "another kind": message(y=b"z"),
    "response without values": message(y=b"r"),
    "response with other values": message(y=b"r", r=b"text"),
    "response without id": message(y=b"r", r={}),
    "response with a short id": message(y=b"r", r={"id": b"short"}),
    "deep": message(x=decode(b"l" * 12 + b"e" * 12)),
    "many": message(x=[1] * 501),
}


@pytest.mark.parametrize("name", SILENT)
def test_no_message_and_no_answer(name: str) -> None:
    with pytest.raises(KrpcError) as caught:
        parse_message(SILENT[name])
    assert caught.value.transaction is None


def test_a_dictionary_that_is_none() -> None:
    # Begins and ends like one, and is a list within.
    with pytest.raises(KrpcError):
        parse_message(b"d" + b"x" * 30 + b"e")


REFUSED = {
    "no method": message(q=None),
    "empty method": message(q=b""),
    "long method": message(q=b"m" * (MAX_METHOD + 1)),
    "method of another type": message(q=1),
    "no arguments": message(a=None),
    "arguments of another type": message(a=[1]),
    "no id": message(a={}),
    "short id": message(a={"id": b"i" * 19}),
    "id of another type": message(a={"id": 5}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_query_that_is_answered_with_an_error(name: str) -> None:
    with pytest.raises(KrpcError) as caught:
        parse_message(REFUSED[name])
    assert caught.value.transaction == b"tt"
    assert caught.value.code == 203


def test_limits_are_within() -> None:
    assert isinstance(parse_message(message(t=bytes(MAX_TRANSACTION_ID))), Query)
    assert isinstance(parse_message(message(q=b"m" * MAX_METHOD)), Query)
    padding = MAX_MESSAGE - len(message(x=b"")) - 3
    assert len(message(x=bytes(padding))) == MAX_MESSAGE
    assert isinstance(parse_message(message(x=bytes(padding))), Query)


@pytest.mark.parametrize(
    ("content", "code", "text"),
    [
        ([201, b"oh"], 201, "oh"),
        ([b"oh", 201], 0, ""),
        ([201], 0, ""),
        (b"oh", 0, ""),
        ([201, b"\xff"], 201, "\ufffd"),
        ([201, b"x" * 500], 201, "x" * MAX_ERROR_TEXT),
    ],
)
def test_failures_of_the_wild(content: Any, code: int, text: str) -> None:
    failure = parse_message(message(y=b"e", e=content, q=None, a=None))
    assert failure == Failure(b"tt", code, text, None)


@pytest.mark.parametrize("size", [4, 6, 16, 18])
def test_external_addresses(size: int) -> None:
    response = parse_message(message(y=b"r", r={"id": ID}, ip=bytes(size)))
    assert isinstance(response, Response)
    assert response.external == bytes(size)


def test_an_external_address_of_another_size_is_none() -> None:
    response = parse_message(message(y=b"r", r={"id": ID}, ip=b"12345"))
    assert isinstance(response, Response)
    assert response.external is None


@pytest.mark.parametrize(("ro", "expected"), [(1, True), (0, False), (b"1", False)])
def test_read_only_flags(ro: Any, expected: bool) -> None:
    query = parse_message(message(ro=ro))
    assert isinstance(query, Query)
    assert query.is_read_only is expected


@pytest.mark.parametrize("method", [b"ping", b"find_node", b"get_peers"])
@pytest.mark.parametrize("transaction", [b"tt", b"tttt", b"ttt"])
@pytest.mark.parametrize("read_only", [True, False])
@pytest.mark.parametrize(
    "want", [None, [b"n4"], [b"n6"], [b"n4", b"n6"], [b"n6", b"n4"], [b"n4"] * 2, [b"n6"] * 2]
)
@pytest.mark.parametrize("key", [None, b"target", b"info_hash"])
def test_common_queries_mean_what_any_other_form_of_them_means(
    method: bytes, transaction: bytes, read_only: bool, want: Any, key: bytes | None
) -> None:
    arguments: Any = {b"id": ID}
    if key is not None:
        arguments[key] = b"e" * 20
    if want is not None:
        arguments[b"want"] = want
    data = encode_query(transaction, method, arguments, is_read_only=read_only)
    query = parse_message(data)
    assert query == Query(transaction, method, NodeId(ID), arguments, read_only, data)
    unsigned = data.replace(b"1:v4:EV\x01\x00", b"")
    assert parse_message(unsigned) == replace(query, datagram=unsigned)
    check_total(data)


@pytest.mark.parametrize("transaction", [b"tt", b"tttt", b"ttt"])
@pytest.mark.parametrize("nodes", [None, b"", b"n" * 182, b"n" * 208])
@pytest.mark.parametrize("external", [EXTERNAL, bytes(18)])
def test_common_answers_mean_what_any_other_form_of_them_means(
    transaction: bytes, nodes: bytes | None, external: bytes
) -> None:
    for token, port in product(
        (None, b"", b"t" * 4, b"t" * 8, b"t" * 20), (None, 0, 7, 65535, 99999, 100000)
    ):
        check_answer(transaction, external, nodes, token, port)


def check_answer(
    transaction: bytes, external: bytes, nodes: bytes | None, token: bytes | None, port: int | None
) -> None:
    """It is read as it was written, in whatever form."""
    fields: Any = {b"id": ID, b"nodes": nodes, b"token": token, b"p": port}
    values = {key: value for key, value in fields.items() if value is not None}
    data = encode_response(transaction, values, external)
    expected = Response(transaction, NodeId(ID), values, external)
    assert parse_message(data) == expected
    unsigned = data.replace(b"1:v4:EV\x01\x00", b"")
    assert parse_message(unsigned) == expected
    assert parse_message(data[:-1] + b"1:zi0ee") == expected, (
        "with something more it is not read with one look"
    )
    silent = data.replace(b"2:ip%d:%b" % (len(external), external), b"")
    assert parse_message(silent) == replace(expected, external=None)
    check_total(data)


def test_numbers_of_common_answers_that_are_not_canonical() -> None:
    data = encode_response(b"tt", {b"id": ID, b"p": 12}, EXTERNAL).replace(b"i12e", b"i012e")
    assert parse_message(data) == Response(b"tt", NodeId(ID), {b"id": ID, b"p": 12}, EXTERNAL)


def check_total(data: bytes) -> None:
    """The law of the parser."""
    parsed: object
    try:
        parsed = parse_message(data)
    except KrpcError as error:
        parsed = error
    if isinstance(parsed, KrpcError):
        assert parsed.transaction is None or len(parsed.transaction) <= MAX_TRANSACTION_ID
        assert str(parsed)
        return
    assert isinstance(parsed, Query | Response | Failure)
    if isinstance(parsed, Query | Response):
        assert len(parsed.node_id) == 20
    if isinstance(parsed, Query) and data.endswith(b"1:y1:qe") and len(data) < MAX_MESSAGE - 6:
        # The common form is read with one look; with something more in it it no longer has that form.
        whole = parse_message(data[:-1] + b"1:zi0ee")
        assert isinstance(whole, Query)
        assert replace(whole, datagram=data) == parsed


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    check_total(data)


VALUES = st.recursive(
    st.one_of(st.binary(max_size=30), st.integers(-(2**63), 2**63 - 1)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.binary(max_size=4), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from([b"a", b"q", b"r", b"t", b"y", b"e", b"id", b"ip", b"ro", b"v", b"target", b"nodes"])


@given(st.dictionaries(KEYS, VALUES | st.dictionaries(KEYS, VALUES, max_size=4), max_size=8))
def test_any_table(table: Any) -> None:
    check_total(encode(table))


SEEDS = [
    encode_query(b"tt", b"ping", {b"id": ID}),
    encode_query(b"tt", b"find_node", {b"id": ID, b"target": b"t" * 20, b"want": [b"n4", b"n6"]}),
    encode_query(b"tttt", b"get_peers", {b"id": ID, b"info_hash": b"h" * 20}, is_read_only=True),
    encode_query(b"tt", b"get_peers", {b"id": ID, b"info_hash": b"h" * 20, b"scrape": 1, b"noseed": 1}),
    encode_query(
        b"tt",
        b"announce_peer",
        {b"id": ID, b"info_hash": b"h" * 20, b"port": 5, b"token": b"12345678", b"seed": 1},
    ),
    encode_query(b"tt", b"get", {b"id": ID, b"target": b"t" * 20, b"seq": 4}),
    encode_query(
        b"tt",
        b"put",
        {
            b"id": ID,
            b"k": b"k" * 32,
            b"sig": b"s" * 64,
            b"seq": 1,
            b"cas": 2,
            b"salt": b"s",
            b"token": b"12345678",
            b"v": b"value",
        },
    ),
    encode_query(b"tt", b"sample_infohashes", {b"id": ID, b"target": b"t" * 20}),
    encode_response(
        b"tt", {b"id": ID, b"nodes": b"n" * 52, b"token": b"t", b"values": [b"123456"]}, EXTERNAL
    ),
    encode_response(
        b"tt", {b"id": ID, b"k": b"k" * 32, b"seq": 3, b"sig": b"s" * 64, b"v": {b"a": 1}}, EXTERNAL
    ),
    encode_response(b"tt", {b"id": ID, b"samples": b"s" * 40, b"num": 2, b"interval": 5}, EXTERNAL),
    encode_failure(b"tt", 203, "no", EXTERNAL),
]
"""One message of each kind, to be damaged."""


def damaged(rng: Random) -> bytes:
    """A message somebody spoilt: bytes changed, cut out, doubled, or two messages mixed."""
    data = bytearray(rng.choice(SEEDS))
    for _ in range(rng.randint(1, 4)):
        where = rng.randrange(len(data)) if data else 0
        kind = rng.randrange(5)
        if kind == 0 and data:
            data[where] = rng.choice(b"0123456789:deil-\x00\xff")
        elif kind == 1:
            del data[where : where + rng.randint(1, 6)]
        elif kind == 2:
            data[where:where] = data[where : where + rng.randint(1, 12)]
        elif kind == 3:
            data[where:where] = rng.randbytes(rng.randint(1, 4))
        else:
            other = rng.choice(SEEDS)
            data[where:] = other[rng.randrange(len(other)) :]
    return bytes(data)


def test_damaged_messages() -> None:
    rng = Random(44)
    for _ in range(10_000):
        check_total(damaged(rng))


@pytest.mark.soak
def test_damaged_messages_for_long() -> None:
    rng = Random(os.urandom(8))
    for _ in range(1_000_000):
        check_total(damaged(rng))


@pytest.mark.soak
@settings(max_examples=100_000, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_for_long(data: bytes) -> None:
    check_total(data)
