"""Feeding one input to a parser in every way a network may cut it.

`make_parser()` gives a fresh parser each time, in one of two shapes:

* a callable `feed(chunk) -> iterable of events | None`;
* a core with `receive_data(chunk, now=…)` (or without `now`) and `next_event() -> event | None`.

`expected` is the list of events that must come out, or an exception class that must be raised somewhere on the way,
however the input is cut.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

Feed = Callable[[bytes], "Iterable[Any] | None"]

MAX_SPLITS = 300
"""Positions at which a long input is cut in two; spread over it evenly, with both ends kept."""


def feed_all_ways(
    make_parser: Callable[[], Any],
    data: bytes,
    expected: Sequence[Any] | type[BaseException],
    *,
    trailing: bytes | None = None,
    max_splits: int = MAX_SPLITS,
) -> None:
    """Whole, byte by byte, in two parts at each position, as memoryview; and with `trailing` after it when given.

    With trailing bytes the events must *begin* with `expected` (or the error must still be raised); an error that the
    trailing bytes themselves cause is the parser's business and is allowed after the last expected event.
    """
    for how, chunks in ways_to_cut(data, max_splits):
        check_one_way(make_parser, chunks, expected, how)
    if trailing is not None:
        whole = data + trailing
        check_one_way(make_parser, [whole], expected, "whole, with trailing bytes", prefix=True)
        check_one_way(make_parser, single_bytes(whole), expected, "bytes, with trailing bytes", prefix=True)


def ways_to_cut(data: bytes, max_splits: int = MAX_SPLITS) -> Iterator[tuple[str, list[Any]]]:
    """(name of the way, chunks) pairs."""
    yield "whole", [data]
    yield "memoryview", [memoryview(bytearray(data))]
    yield "byte by byte", single_bytes(data)
    for position in split_positions(len(data), max_splits):
        yield f"split at {position}", [data[:position], data[position:]]


def single_bytes(data: bytes) -> list[bytes]:
    return [data[i : i + 1] for i in range(len(data))]


def split_positions(size: int, max_splits: int) -> list[int]:
    """Cut positions inside `size` bytes: all of them, or `max_splits` spread evenly."""
    inner = range(1, size)
    if len(inner) <= max_splits:
        return list(inner)
    step = (len(inner) - 1) / (max_splits - 1)
    return sorted({inner[round(i * step)] for i in range(max_splits)})


def check_one_way(
    make_parser: Callable[[], Any],
    chunks: Sequence[Any],
    expected: Sequence[Any] | type[BaseException],
    how: str,
    *,
    prefix: bool = False,
) -> None:
    """Feed `chunks` to a fresh parser and compare."""
    events, error = run(as_feed(make_parser()), chunks)
    if isinstance(expected, type):
        assert isinstance(error, expected), (
            f"{how}: {expected.__name__} expected, got {error!r} after {events!r}"
        )
        return
    wanted = list(expected)
    if prefix:
        assert events[: len(wanted)] == wanted, f"{how}: {events!r} does not begin with {wanted!r}"
        return
    if error is not None:
        raise AssertionError(f"{how}: raised after {events!r}") from error
    assert events == wanted, f"{how}: {events!r} instead of {wanted!r}"


def run(feed: Feed, chunks: Iterable[Any]) -> tuple[list[Any], Exception | None]:
    """The events of all chunks, and what ended the feeding early."""
    events: list[Any] = []
    for chunk in chunks:
        try:
            events.extend(feed(chunk) or ())
        except Exception as error:
            return events, error
    return events, None


def as_feed(parser: Any) -> Feed:
    """`parser` as a callable."""
    if not hasattr(parser, "receive_data"):
        feed: Feed = parser
        return feed
    takes_now = "now" in inspect.signature(parser.receive_data).parameters

    def feed_core(chunk: bytes) -> Iterator[Any]:
        # A generator: events taken before a later one fails are kept by the caller's extend().
        if takes_now:
            parser.receive_data(chunk, now=0.0)
        else:
            parser.receive_data(chunk)
        while (event := parser.next_event()) is not None:
            yield event

    return feed_core
