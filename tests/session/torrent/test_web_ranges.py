from __future__ import annotations

import pytest
from evtorrent.protocols.http.errors import HttpError, HttpProtocolError, HttpStatusError
from evtorrent.protocols.http.exchange import ResponseStarted
from evtorrent.session.torrent.web_ranges import WebRange, check_head, file_url, pieces_of_files, ranges_of
from support.disk import make_torrent

BLOCK = 16384
ONE, _ = make_torrent(10 * BLOCK + 5, 2 * BLOCK, name="the file")
MANY, _ = make_torrent([("a", BLOCK + 10), ("empty", 0), ("b/ü&", 2 * BLOCK), ("c", 5)], 2 * BLOCK, name="t")
FOLDER, _ = make_torrent([("only", 100)], 32, name="t")


@pytest.mark.parametrize(
    ("base", "info", "index", "expected"),
    [
        ("http://h/x", ONE, 0, "http://h/x"),
        ("http://h/x?key=1", ONE, 0, "http://h/x?key=1"),
        ("http://h/x/", ONE, 0, "http://h/x/the%20file"),
        ("http://h/x", MANY, 0, "http://h/x/t/a"),
        ("http://h/x/", MANY, 2, "http://h/x/t/b/%C3%BC%26"),
        ("http://h", FOLDER, 0, "http://h/t/only"),
    ],
)
def test_urls(base: str, info: object, index: int, expected: str) -> None:
    assert str(file_url(base, info.files, index)) == expected  # type: ignore[attr-defined]


def test_a_wrong_url() -> None:
    with pytest.raises(HttpError):
        file_url("ftp://h/x", ONE.files, 0)


def short(ranges: list[WebRange]) -> list[tuple[int, int, int, int]]:
    return [(each.file, each.start, each.length, each.offset) for each in ranges]


def test_runs_that_follow_each_other_are_one_request() -> None:
    runs = [(1, 0, 2), (0, 1, 1), (3, 1, 1)]
    assert short(ranges_of(ONE, runs)) == [
        (0, BLOCK, 3 * BLOCK, BLOCK),
        (0, 7 * BLOCK, BLOCK, 7 * BLOCK),
    ]
    assert short(ranges_of(ONE, [(5, 0, 1)])) == [(0, 10 * BLOCK, 5, 10 * BLOCK)]


def test_files_are_asked_for_one_by_one() -> None:
    end = 3 * BLOCK + 15
    assert short(ranges_of(MANY, [(0, 0, 2), (1, 0, 2)])) == [
        (0, 0, BLOCK + 10, 0),
        (2, 0, 2 * BLOCK, BLOCK + 10),
        (3, 0, 5, end - 5),
    ]


def test_parts_and_header() -> None:
    (whole,) = ranges_of(ONE, [(0, 1, 1), (1, 0, 2)])
    assert whole.header == ("Range", f"bytes={BLOCK}-{4 * BLOCK - 1}")
    parts = list(whole.parts(40_000))
    assert short(parts) == [
        (0, BLOCK, 40_000, BLOCK),
        (0, BLOCK + 40_000, 3 * BLOCK - 40_000, BLOCK + 40_000),
    ]
    assert list(whole.parts(1 << 20)) == [whole]


def test_pieces_of_files() -> None:
    assert pieces_of_files(MANY.files, []) == 0
    assert pieces_of_files(MANY.files, [0]) == 0b01
    assert pieces_of_files(MANY.files, [1]) == 0
    assert pieces_of_files(MANY.files, [2]) == 0b11
    assert pieces_of_files(MANY.files, [0, 3]) == 0b11


PART = WebRange(0, 100, 50, 100, 1000, False)
WHOLE = WebRange(0, 0, 1000, 0, 1000, False)


def head(status: int, **headers: str) -> ResponseStarted:
    return ResponseStarted(status, "", {name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize(
    ("wanted", "answer"),
    [
        (PART, head(206, content_range="bytes 100-149/1000", content_length="50")),
        (PART, head(206, content_range="bytes 100-149/*")),
        (WHOLE, head(200, content_length="1000")),
        (WHOLE, head(200)),
    ],
)
def test_answers_that_fit(wanted: WebRange, answer: ResponseStarted) -> None:
    check_head(wanted, answer)


@pytest.mark.parametrize(
    ("wanted", "answer", "error"),
    [
        (PART, head(206), HttpProtocolError),
        (PART, head(206, content_range="bytes 100-150/1000"), HttpProtocolError),
        (PART, head(206, content_range="bytes 101-149/1000"), HttpProtocolError),
        (PART, head(206, content_range="bytes 100-149/999"), HttpProtocolError),
        (PART, head(206, content_range="bytes 100-149/1000", content_length="49"), HttpProtocolError),
        (PART, head(200, content_length="1000"), HttpProtocolError),
        (WHOLE, head(200, content_length="999"), HttpProtocolError),
        (PART, head(404), HttpStatusError),
        (PART, head(416), HttpStatusError),
    ],
)
def test_answers_that_do_not(wanted: WebRange, answer: ResponseStarted, error: type[Exception]) -> None:
    with pytest.raises(error):
        check_head(wanted, answer)
