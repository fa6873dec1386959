"""KRPC (BEP 5): datagrams in, checked messages out; and the other way round.

`parse_message` is total: any bytes give a `Query`, a `Response`, a `Failure`, or raise KrpcError, which says what to answer
if anything.  A reader takes what is found in the wild (keys in any order); the writer writes canonical bencoding.

A node spends most of its time here.  So queries of the three kinds it gets most, and answers with nodes and without peers, are
read with one look (`_COMMON`, `_ANSWER`) in the canonical form that nearly everybody writes, with the same outcome; and the
writer is not `bencode.encode`, since messages are flat and their shapes known.  Values other than bytes and integers do go
there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from ..bencode import BencodeError, BencodeValue, RawValue, decode, encode
from ..errors import LocalProtocolError
from .errors import KrpcError
from .node_id import NodeId

__all__ = [
    "MAX_MESSAGE",
    "MAX_TRANSACTION_ID",
    "VERSION",
    "Arguments",
    "Failure",
    "Fields",
    "Message",
    "Query",
    "Response",
    "encode_failure",
    "encode_found",
    "encode_query",
    "encode_response",
    "parse_message",
    "raw_strings",
]

MAX_MESSAGE: Final = 4096
"""Bytes of a datagram that is read; BEP 32 allows 1,024, lists of many peers are longer."""

MIN_MESSAGE: Final = 20
"""Nothing shorter can be a message (libtorrent's value)."""

MAX_TRANSACTION_ID: Final = 64
"""Bytes of somebody's transaction id that we would send back."""

MAX_METHOD: Final = 64
"""Bytes of the name of a query."""

MAX_ERROR_TEXT: Final = 200
"""Bytes of an error's text that are kept."""

MAX_DEPTH: Final = 10
MAX_ITEMS: Final = 500
"""Nesting and number of values in a message (libtorrent's limits)."""

VERSION: Final = b"EV\x01\x00"
"""What we sign messages with: client and version, as in the peer id."""

Arguments: TypeAlias = Mapping[bytes, BencodeValue]
"""What a message carries, as it was decoded."""

Fields: TypeAlias = "dict[bytes, bytes | int | RawValue | BencodeValue]"
"""What a message is to carry."""

_DICT, _END = b"de"
_QUERY, _RESPONSE, _ERROR = b"q", b"r", b"e"
_TAIL: Final = b"1:v%d:%b1:y1:" % (len(VERSION), VERSION)


_COMMON: Final = re.compile(
    rb"d1:ad2:id20:(.{20})(?:(?:6:(target)|9:(info_hash))20:(.{20}))?(?:4:want(l(?:2:n[46]){1,2}e))?"
    rb"e1:q(?:4:(ping)|9:(find_node|get_peers))(2:roi1e)?1:t(?:2:(..)|4:(....))(?:1:v4:....)?1:y1:qe",
    re.DOTALL,
)
_ANSWER: Final = re.compile(
    rb"d(?:2:ip6:(.{6}))?1:rd2:id20:(.{20})(?:5:nodes208:(.{208}))?(?:1:pi(0|[1-9]\d{0,4})e)?"
    rb"(?:5:token(?:4:(.{4})|8:(.{8})|20:(.{20})))?e1:t(?:2:(..)|4:(....))(?:1:v4:....)?1:y1:re",
    re.DOTALL,
)
_WANTED: Final[dict[bytes, list[BencodeValue]]] = {
    b"l2:n4e": [b"n4"],
    b"l2:n6e": [b"n6"],
    b"l2:n42:n6e": [b"n4", b"n6"],
    b"l2:n62:n4e": [b"n6", b"n4"],
    b"l2:n42:n4e": [b"n4", b"n4"],
    b"l2:n62:n6e": [b"n6", b"n6"],
}


# Not frozen: one is made for each datagram, and a frozen one costs three times as much.
@dataclass(slots=True)
class Query:
    """Somebody asks."""

    transaction: bytes
    method: bytes
    node_id: NodeId
    """Who asks, as he says."""
    arguments: Arguments
    is_read_only: bool
    """He wants not to be remembered (BEP 43)."""
    datagram: bytes
    """As it came, for what is hashed as it was sent."""


@dataclass(slots=True)
class Response:
    """Somebody answers."""

    transaction: bytes
    node_id: NodeId
    values: Arguments
    external: bytes | None
    """Our address as he sees it, compact with or without port (BEP 42)."""


@dataclass(slots=True)
class Failure:
    """Somebody refuses."""

    transaction: bytes
    code: int
    text: str
    external: bytes | None


Message: TypeAlias = Query | Response | Failure


def parse_message(data: bytes) -> Message:
    """The message a datagram holds.  KrpcError when it holds none."""
    common = _COMMON.fullmatch(data)
    if common is not None:
        return _common_query(common, data)
    answer = _ANSWER.fullmatch(data)
    if answer is not None:
        return _common_response(answer)
    if not MIN_MESSAGE <= len(data) <= MAX_MESSAGE or data[0] != _DICT or data[-1] != _END:
        raise KrpcError("not a message")
    try:
        table = decode(data, max_depth=MAX_DEPTH, max_items=MAX_ITEMS, strict=False)
    except BencodeError as error:
        raise KrpcError(str(error)) from None
    assert isinstance(table, dict)  # as its first byte says
    transaction = table.get(b"t")
    if not isinstance(transaction, bytes) or not 0 < len(transaction) <= MAX_TRANSACTION_ID:
        raise KrpcError("no transaction")
    kind = table.get(b"y")
    if kind == _QUERY:
        return _query(table, transaction, data)
    if kind == _RESPONSE:
        return _response(table, transaction)
    if kind == _ERROR:
        return _failure(table, transaction)
    raise KrpcError("no kind")


def encode_query(
    transaction: bytes, method: bytes, arguments: Fields, *, is_read_only: bool = False
) -> bytes:
    """A question of ours; `arguments` has our id."""
    return b"d1:a%b1:q%d:%b%b1:t%d:%b%bqe" % (
        _dictionary(arguments),
        len(method),
        method,
        b"2:roi1e" if is_read_only else b"",
        len(transaction),
        transaction,
        _TAIL,
    )


def encode_response(transaction: bytes, values: Fields, external: bytes) -> bytes:
    """An answer of ours; `values` has our id, `external` is the compact address of whom it goes to."""
    return b"d2:ip%d:%b1:r%b1:t%d:%b%bre" % (
        len(external),
        external,
        _dictionary(values),
        len(transaction),
        transaction,
        _TAIL,
    )


def encode_found(transaction: bytes, external: bytes, before: bytes, port: int, after: bytes) -> bytes:
    """An answer of ours whose fields, in order, are encoded already: those `before` and `after` the port it goes to."""
    return b"d2:ip%d:%b1:rd%b1:pi%de%be1:t%d:%b%bre" % (
        len(external),
        external,
        before,
        port,
        after,
        len(transaction),
        transaction,
        _TAIL,
    )


def encode_failure(transaction: bytes, code: int, text: str, external: bytes) -> bytes:
    """A refusal of ours."""
    message = text.encode()
    return b"d1:eli%de%d:%be2:ip%d:%b1:t%d:%b%bee" % (
        code,
        len(message),
        message,
        len(external),
        external,
        len(transaction),
        transaction,
        _TAIL,
    )


def raw_strings(strings: list[bytes]) -> RawValue:
    """A list of strings, encoded: quicker than encoding them one by one as values."""
    return RawValue(b"l%be" % b"".join([b"%d:%b" % (len(each), each) for each in strings]))


def _common_query(found: re.Match[bytes], data: bytes) -> Query:
    node_id, target_key, hash_key, target, want, ping, method, read_only, short, long = found.groups()
    arguments: dict[bytes, BencodeValue] = {b"id": node_id}
    if target is not None:
        arguments[target_key or hash_key] = target
    if want is not None:
        arguments[b"want"] = _WANTED[want]
    return Query(short or long, ping or method, NodeId(node_id), arguments, read_only is not None, data)


def _common_response(found: re.Match[bytes]) -> Response:
    external, node_id, nodes, port, token4, token8, token20, short, long = found.groups()
    values: dict[bytes, BencodeValue] = {b"id": node_id}
    if nodes is not None:
        values[b"nodes"] = nodes
    if port is not None:
        values[b"p"] = int(port)
    token = token8 or token4 or token20
    if token is not None:
        values[b"token"] = token
    return Response(short or long, NodeId(node_id), values, external)


def _query(table: dict[bytes, BencodeValue], transaction: bytes, data: bytes) -> Query:
    method = table.get(b"q")
    if not isinstance(method, bytes) or not 0 < len(method) <= MAX_METHOD:
        raise KrpcError("missing 'q' key", transaction=transaction)
    arguments = table.get(b"a")
    if not isinstance(arguments, dict):
        raise KrpcError("missing 'a' key", transaction=transaction)
    node_id = arguments.get(b"id")
    if not isinstance(node_id, bytes) or len(node_id) != 20:
        raise KrpcError("invalid value for 'id'", transaction=transaction)
    return Query(transaction, method, NodeId(node_id), arguments, _is_set(table.get(b"ro")), data)


def _response(table: dict[bytes, BencodeValue], transaction: bytes) -> Response:
    values = table.get(b"r")
    if not isinstance(values, dict):
        raise KrpcError("a response without values")
    node_id = values.get(b"id")
    if not isinstance(node_id, bytes) or len(node_id) != 20:
        raise KrpcError("a response without id")
    return Response(transaction, NodeId(node_id), values, _external(table))


def _failure(table: dict[bytes, BencodeValue], transaction: bytes) -> Failure:
    content = table.get(b"e")
    code, text = 0, b""
    if isinstance(content, list) and len(content) >= 2:
        if isinstance(content[0], int):
            code = content[0]
        if isinstance(content[1], bytes):
            text = content[1][:MAX_ERROR_TEXT]
    return Failure(transaction, code, text.decode("utf-8", "replace"), _external(table))


def _external(table: dict[bytes, BencodeValue]) -> bytes | None:
    value = table.get(b"ip")
    return value if isinstance(value, bytes) and len(value) in (4, 6, 16, 18) else None


def _is_set(value: BencodeValue | None) -> bool:
    return isinstance(value, int) and value != 0


def _dictionary(table: Fields) -> bytes:
    parts = [b"d"]
    for key in sorted(table):
        value = table[key]
        if isinstance(value, bytes):
            parts.append(b"%d:%b%d:%b" % (len(key), key, len(value), value))
        elif isinstance(value, int):
            if not -(2**63) <= value < 2**63:
                raise LocalProtocolError(f"{value} has more than 64 bits")
            parts.append(b"%d:%bi%de" % (len(key), key, value))
        elif isinstance(value, RawValue):
            parts.append(b"%d:%b%b" % (len(key), key, value.encoded))
        else:
            parts.append(b"%d:%b%b" % (len(key), key, encode(value)))
    parts.append(b"e")
    return b"".join(parts)
