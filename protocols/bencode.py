"""Bencode (BEP 3): decoding with limits, encoding, and the raw span of a key.

Decoding is one pass of our own: what arrives from outside must be measured while it is read (depth, number of
items, sizes), errors must name their offset, and the byte ranges of some values (`info`, `pieces`) are wanted as
well as the values.  None of that can be had from a library, and one pass is also several times faster.  Encoding our
own values has no such needs and is done by `bencode.py` in bytes mode.

*Strict* means canonical: keys sorted and unique, no leading zeros, no `-0`, nothing after the value.  Not strict
reads what is found in the wild the way libtorrent does: any order, the first of equal keys wins.  Integers have 64
bits in both, because nothing in BitTorrent has more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

import bencodepy

from .errors import LocalProtocolError, RemoteProtocolError
from .types import Buffer

__all__ = [
    "DEFAULT_MAX_DEPTH",
    "DEFAULT_MAX_ITEMS",
    "BencodeError",
    "BencodeValue",
    "KeySpan",
    "RawValue",
    "decode",
    "decode_prefix",
    "decode_spans",
    "encode",
    "find_bytes",
    "find_dict",
    "find_int",
    "find_list",
    "span",
]

BencodeValue: TypeAlias = "int | bytes | list[BencodeValue] | dict[bytes, BencodeValue]"
_Table: TypeAlias = "dict[bytes, BencodeValue]"
KeySpan: TypeAlias = tuple[int, bytes, int, int]
"""(depth of the dictionary, key, start, end) of one value; the outermost dictionary has depth 1."""

DEFAULT_MAX_DEPTH: Final = 100
"""Containers within containers; libtorrent's default as well."""

DEFAULT_MAX_ITEMS: Final = 1_000_000
"""Values in one message, keys counted, so that a small message of empty lists cannot cost 50 times its size."""

MAX_INTEGER: Final = 2**63 - 1
MIN_INTEGER: Final = -(2**63)
_MAX_DIGITS: Final = 20
_SMALL_LENGTHS: Final = {b"%d" % n: n for n in range(1024)}

_END, _INTEGER, _DICT, _COLON, _ZERO, _NINE = b"eid:09"
_OPENING: Final = b"dl"


class BencodeError(RemoteProtocolError):
    """Bytes that are not the bencoding of anything, or exceed a limit; `offset` is where that showed."""

    def __init__(self, problem: str, offset: int) -> None:
        super().__init__(problem, offset)
        self.problem = problem
        self.offset = offset

    def __str__(self) -> str:
        return f"bencode: {self.problem} at byte {self.offset}"


class RawValue:
    """Bytes that are bencoded already, to be encoded as they are."""

    __slots__ = ("encoded",)

    def __init__(self, encoded: bytes) -> None:
        self.encoded = encoded


def decode(
    data: Buffer,
    *,
    max_depth: int = DEFAULT_MAX_DEPTH,
    max_items: int = DEFAULT_MAX_ITEMS,
    max_size: int | None = None,
    strict: bool = True,
) -> BencodeValue:
    """The one value `data` holds.  BencodeError when it holds none, holds more, or exceeds a limit."""
    raw = _checked(data, max_size)
    value, used = _scan(raw, [], 0, max_depth=max_depth, max_items=max_items, strict=strict)
    if used != len(raw):
        raise BencodeError("data after the value", used)
    return value


def decode_prefix(
    data: Buffer,
    *,
    max_depth: int = DEFAULT_MAX_DEPTH,
    max_items: int = DEFAULT_MAX_ITEMS,
    max_size: int | None = None,
    strict: bool = True,
) -> tuple[BencodeValue, int]:
    """The value `data` begins with and the number of bytes it took; what follows is the caller's (BEP 9)."""
    raw = _checked(data, max_size)
    return _scan(raw, [], 0, max_depth=max_depth, max_items=max_items, strict=strict)


def decode_spans(
    data: bytes,
    *,
    span_depth: int = 1,
    max_depth: int = DEFAULT_MAX_DEPTH,
    max_items: int = DEFAULT_MAX_ITEMS,
    strict: bool = True,
) -> tuple[BencodeValue, int, list[KeySpan]]:
    """As `decode_prefix`, and where each value of the dictionaries down to `span_depth` stands.

    Of equal keys (not strict) only the first counts as the value; the list of spans has them all, in order of end.
    """
    spans: list[KeySpan] = []
    value, used = _scan(data, spans, span_depth, max_depth=max_depth, max_items=max_items, strict=strict)
    return value, used, spans


def span(data: Buffer, *keys: bytes) -> tuple[int, int]:
    """Start and end of the raw value found under `keys` in nested dictionaries.

    Hash `data[start:end]` to name a torrent: encoding a decoded value again could change it.
    KeyError when the path does not exist, BencodeError when `data` is not bencoded.
    """
    raw = bytes(data)
    start, end = 0, len(raw)
    for key in keys:
        _, _, spans = decode_spans(raw[start:end], strict=False)
        found = next(((first, last) for _, name, first, last in spans if name == key), None)
        if found is None:
            raise KeyError(key)
        start, end = start + found[0], start + found[1]
    return start, end


def encode(value: object) -> bytes:
    """The canonical encoding of int, bytes, str (as UTF-8), list, tuple, dict and RawValue, keys sorted.

    LocalProtocolError for anything else, for an integer of more than 64 bits, and for keys equal once encoded.
    """
    encoded: bytes = _encode(_prepared(value))
    return encoded


def find_int(table: Mapping[bytes, BencodeValue], key: bytes) -> int | None:
    """The integer under `key`; None when it is missing or something else."""
    value = table.get(key)
    return value if isinstance(value, int) else None


def find_bytes(table: Mapping[bytes, BencodeValue], key: bytes) -> bytes | None:
    """The string under `key`; None when it is missing or something else."""
    value = table.get(key)
    return value if isinstance(value, bytes) else None


def find_list(table: Mapping[bytes, BencodeValue], key: bytes) -> list[BencodeValue] | None:
    """The list under `key`; None when it is missing or something else."""
    value = table.get(key)
    return value if isinstance(value, list) else None


def find_dict(table: Mapping[bytes, BencodeValue], key: bytes) -> dict[bytes, BencodeValue] | None:
    """The dictionary under `key`; None when it is missing or something else."""
    value = table.get(key)
    return value if isinstance(value, dict) else None


def _checked(data: Buffer, max_size: int | None) -> bytes:
    if max_size is not None and len(data) > max_size:
        raise BencodeError(f"{len(data)} bytes where {max_size} are allowed", max_size)
    return bytes(data)


def _scan(
    data: bytes, spans: list[KeySpan], span_depth: int, *, max_depth: int, max_items: int, strict: bool
) -> tuple[BencodeValue, int]:
    """One value from the start of `data`, without recursion.

    `table` or `items` is being filled, neither around the whole; `key` is the latest key.  A frame of the stack is
    what these were outside, and where the container began.
    """
    find, small_length = data.find, _SMALL_LENGTHS.get
    stack: list[tuple[_Table | None, list[BencodeValue] | None, bytes, int]] = []
    table: _Table | None = None
    items: list[BencodeValue] | None = None
    value: BencodeValue
    key = b""
    pos = 0
    room = max_items
    try:
        while True:
            start = pos
            byte = data[pos]
            if byte == _END and stack:
                value = table if table is not None else items or []
                pos += 1
                table, items, key, start = stack.pop()
            else:
                if table is not None:
                    start = find(_COLON, pos, pos + _MAX_DIGITS) + 1
                    length = small_length(data[pos : start - 1] if start else b"")
                    if length is None:
                        length = _length(data, pos, start, strict)
                    key_start, last_key = pos, key
                    key = data[start : start + length]
                    pos = start = start + length
                    byte = data[pos]
                    if strict and key <= last_key and table:
                        raise BencodeError("key twice" if key == last_key else "keys out of order", key_start)
                    room -= 1
                room -= 1
                if room < 0:
                    raise BencodeError("more items than allowed", pos)
                if _ZERO <= byte <= _NINE:
                    pos = find(_COLON, start, start + _MAX_DIGITS) + 1
                    length = small_length(data[start : pos - 1] if pos else b"")
                    if length is None:
                        length = _length(data, start, pos, strict)
                    value = data[pos : pos + length]
                    pos += length
                    if pos > len(data):
                        raise IndexError
                elif byte == _INTEGER:
                    # Counts, flags and priorities are small, and most integers there are.
                    pos = find(_END, start + 1, start + 5) + 1
                    small = small_length(data[start + 1 : pos - 1]) if pos else None
                    if small is None:
                        value, pos = _integer(data, start + 1, strict)
                    else:
                        value = small
                elif byte in _OPENING:
                    if len(stack) >= max_depth:
                        raise BencodeError(f"nested deeper than {max_depth}", pos)
                    stack.append((table, items, key, start))
                    table, items = ({}, None) if byte == _DICT else (None, [])
                    pos += 1
                    continue
                else:
                    raise BencodeError("expected a value", pos)
            if table is not None:
                if strict or key not in table:
                    table[key] = value
                if len(stack) <= span_depth:
                    spans.append((len(stack), key, start, pos))
            elif items is not None:
                items.append(value)
            else:
                return value, pos
    except IndexError:
        raise BencodeError("ends in the middle of a value", len(data)) from None


def _length(data: bytes, start: int, after_colon: int, strict: bool) -> int:
    """The length of the string at `start`, when it is not one of the common ones."""
    if not after_colon:
        if data[start : start + _MAX_DIGITS].isdigit() and len(data) - start < _MAX_DIGITS:
            raise BencodeError("ends in the middle of a value", len(data))
        raise BencodeError("expected a string", start)
    digits = data[start : after_colon - 1]
    if not digits.isdigit():
        raise BencodeError("expected a string", start)
    if strict and digits[0] == _ZERO and len(digits) > 1:
        raise BencodeError("leading zero in a length", start)
    return int(digits)


def _integer(data: bytes, start: int, strict: bool) -> tuple[int, int]:
    """The integer whose digits begin at `start`, and the position after its `e`."""
    end = data.find(_END, start, start + _MAX_DIGITS + 1)
    if end < 0:
        if len(data) - start <= _MAX_DIGITS:
            raise BencodeError("ends in the middle of a value", len(data))
        raise BencodeError("integer of more than 64 bits", start)
    text = data[start:end]
    digits = text[1:] if text[:1] == b"-" else text
    if not digits.isdigit():
        raise BencodeError("expected digits", start)
    value = int(text)
    if strict and digits[0] == _ZERO and text != b"0":
        raise BencodeError("integer that is not in its shortest form", start)
    if not MIN_INTEGER <= value <= MAX_INTEGER:
        raise BencodeError("integer of more than 64 bits", start)
    return value, end + 1


_encode: Final = bencodepy.Bencode(encoding=None).encode


def _prepared(value: object) -> object:
    """`value` in the exact types the library knows, checked."""
    kind = type(value)
    if kind is bytes or kind is str:
        return value
    if isinstance(value, RawValue):
        return bencodepy.Bencached(value.encoded)
    if isinstance(value, int):
        if not MIN_INTEGER <= value <= MAX_INTEGER:
            raise LocalProtocolError(f"{value} has more than 64 bits")
        return int(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if isinstance(value, list | tuple):
        return [_prepared(item) for item in value]
    if isinstance(value, Mapping):
        prepared = {_prepared_key(key): _prepared(item) for key, item in value.items()}
        if len(prepared) != len(value):
            raise LocalProtocolError("two keys of a dictionary have the same encoding")
        return prepared
    raise LocalProtocolError(f"{kind.__name__} cannot be bencoded")


def _prepared_key(key: object) -> bytes:
    if isinstance(key, str):
        return key.encode()
    if isinstance(key, bytes):
        return bytes(key)
    raise LocalProtocolError(f"{type(key).__name__} cannot be a key of a bencoded dictionary")
