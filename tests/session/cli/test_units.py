from __future__ import annotations

import pytest
from evtorrent.session.cli.units import (
    format_down,
    format_duration,
    format_elapsed,
    format_rate,
    format_size,
    parse_duration,
    parse_size,
)
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("16384", 16384),
        ("1k", 1024),
        ("1K", 1024),
        ("1kB", 1000),
        ("1KiB", 1024),
        ("1.5 MiB", 1572864),
        ("2GB", 2_000_000_000),
        ("300k/s", 307200),
        ("1t", 1024**4),
        ("7b", 7),
    ],
)
def test_sizes_are_read(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "k", "-1", "1x", "1 2", "1ib", "nan", "1e5", "9" * 30])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(ValueError, match="is no size"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("5m", 300), ("1h30m", 5400), ("2d", 172800), ("0.5", 0.5)]
)
def test_times_are_read(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "1x", "-5", "1h 30m!", "9" * 400])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match="is no time"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.00 KiB"),
        (16384, "16.0 KiB"),
        (1.5 * 2**30, "1.50 GiB"),
        (2**60, "1024.0 PiB"),
    ],
)
def test_sizes_are_written(size, text):
    assert format_size(size) == text


@given(st.integers(0, 2**63))
def test_a_size_written_is_a_size_read(size):
    assert parse_size(format_size(size)) == pytest.approx(size, rel=0.01)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "--"),
        (-1, "--"),
        (0, "0:00"),
        (67, "1:07"),
        (3723, "1:02:03"),
        (187_200, "2d 4h"),
        (1e12, "--"),
    ],
)
def test_times_are_written(seconds, text):
    assert format_duration(seconds) == text


def test_how_fast_it_comes_or_came():
    assert format_down(2048, None) == "2.00 KiB/s"
    assert format_down(0, 2048) == "2.00 KiB/s on average"


def test_measured_times_and_rates():
    assert [format_elapsed(s) for s in (0.156, 12.34, 125)] == ["0.16 s", "12.3 s", "2:05"]
    assert format_rate(2048) == "2.00 KiB/s"
