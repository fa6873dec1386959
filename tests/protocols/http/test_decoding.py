"""Content codings, and the limits on what they may inflate to."""

from __future__ import annotations

import gzip
import zlib

import pytest
from evtorrent.protocols.http.decoding import ENCODING_OVERHEAD, ContentDecoder
from evtorrent.protocols.http.errors import HttpProtocolError, HttpTooLarge
from hypothesis import given
from hypothesis import strategies as st
from support.feeding import feed_all_ways

BODY = b"d8:intervali1800e5:peers0:e" * 3


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


ENCODED = {
    "": BODY,
    "identity": BODY,
    "gzip": gzip.compress(BODY, mtime=0),
    " X-GZIP ": gzip.compress(BODY, mtime=0),
    "deflate": zlib.compress(BODY),
    "Deflate": raw_deflate(BODY),
}


@pytest.mark.parametrize("encoding", list(ENCODED))
def test_every_coding_however_it_is_cut(encoding: str) -> None:
    def make_parser() -> object:
        decoder = ContentDecoder(encoding, max_size=len(BODY))

        def feed(chunk: bytes) -> list[int]:
            return list(decoder.receive_data(chunk))

        return feed

    feed_all_ways(make_parser, ENCODED[encoding], list(BODY))


def test_unoffered_coding() -> None:
    with pytest.raises(HttpProtocolError, match="'br'"):
        ContentDecoder("br")


@pytest.mark.parametrize("encoding", list(ENCODED))
def test_size_at_the_limit(encoding: str) -> None:
    decoder = ContentDecoder(encoding, max_size=len(BODY) - 1)
    with pytest.raises(HttpTooLarge):
        decoder.receive_data(ENCODED[encoding])


def test_a_bomb_is_not_inflated() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    decoder = ContentDecoder("gzip", max_size=1000)
    with pytest.raises(HttpTooLarge):
        decoder.receive_data(bomb)
    assert decoder.size == 1001


def test_padding_after_the_stream_is_ignored_up_to_a_limit() -> None:
    decoder = ContentDecoder("gzip", max_size=len(BODY))
    assert decoder.receive_data(ENCODED["gzip"]) == BODY
    assert decoder.receive_data(b"padding") == b""
    decoder.finish()
    with pytest.raises(HttpTooLarge):
        decoder.receive_data(bytes(len(BODY) + ENCODING_OVERHEAD))


def test_without_limit() -> None:
    decoder = ContentDecoder("gzip")
    assert decoder.receive_data(gzip.compress(bytes(100_000))) == bytes(100_000)


def test_truncated_stream() -> None:
    decoder = ContentDecoder("gzip")
    decoder.receive_data(ENCODED["gzip"][:-1])
    with pytest.raises(HttpProtocolError, match="early"):
        decoder.finish()


@pytest.mark.parametrize("encoding", ["", "gzip", "deflate"])
def test_an_empty_body_is_whole(encoding: str) -> None:
    decoder = ContentDecoder(encoding)
    assert decoder.receive_data(b"") == b""
    decoder.finish()


@given(st.binary(max_size=200), st.sampled_from(["gzip", "deflate", ""]))
def test_garbage(data: bytes, encoding: str) -> None:
    decoder = ContentDecoder(encoding, max_size=100)
    try:
        assert len(decoder.receive_data(data)) <= 100
        decoder.finish()
    except HttpProtocolError:
        pass


def test_corrupt_stream() -> None:
    with pytest.raises(HttpProtocolError, match="corrupt"):
        ContentDecoder("gzip").receive_data(b"not gzip at all")
