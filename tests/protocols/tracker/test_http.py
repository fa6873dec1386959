"""HTTP tracker protocol: URLs built, answers parsed."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from evtorrent.protocols.bencode import encode
from evtorrent.protocols.errors import LocalProtocolError, RemoteProtocolError
from evtorrent.protocols.tracker.announce import (
    MAX_INTERVAL,
    MAX_PEERS,
    MAX_SCRAPE_HASHES,
    MAX_TEXT,
    UNKNOWN,
    AnnounceEvent,
    AnnounceRequest,
    AnnounceResponse,
    ScrapeEntry,
    TrackerPeer,
)
from evtorrent.protocols.tracker.errors import (
    RETRY_NEVER,
    InvalidTrackerResponse,
    ScrapeNotAvailable,
    TrackerFailure,
)
from evtorrent.protocols.tracker.http import (
    MAX_COUNT,
    announce_url,
    has_tracker_arguments,
    parse_announce,
    parse_scrape,
    scrape_url,
)
from hypothesis import given
from hypothesis import strategies as st

HASH = bytes(range(0xF0, 0x100)) + b"a/~ "
PEER_ID = b"-EV0100-abcdefghijk&"
REQUEST = AnnounceRequest(HASH, PEER_ID, 6881, uploaded=1, downloaded=2, left=3, key=0xAB)


def arguments(url: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(url).query, keep_blank_values=True, encoding="latin-1")


class TestAnnounceUrl:
    def test_plain(self) -> None:
        assert announce_url("http://t/announce", REQUEST) == (
            "http://t/announce?info_hash=%F0%F1%F2%F3%F4%F5%F6%F7%F8%F9%FA%FB%FC%FD%FE%FFa%2F~%20"
            "&peer_id=-EV0100-abcdefghijk%26&port=6881&uploaded=1&downloaded=2&left=3&corrupt=0&key=000000AB"
            "&numwant=200&compact=1&no_peer_id=1"
        )

    def test_everything(self) -> None:
        request = AnnounceRequest(
            HASH,
            PEER_ID,
            6881,
            event=AnnounceEvent.COMPLETED,
            num_want=-1,
            ip="1.2.3.4",
            ipv4=("1.1.1.1", "2.2.2.2"),
            ipv6=("::1",),
            trackerid="id &\udcff",
            supportcrypto=True,
            redundant=7,
        )
        found = arguments(announce_url("http://t/announce", request))
        assert found["info_hash"] == [HASH.decode("latin-1")]
        assert found["event"] == ["completed"]
        assert found["ip"] == ["1.2.3.4"]
        assert found["ipv4"] == ["1.1.1.1", "2.2.2.2"]
        assert found["ipv6"] == ["::1"]
        assert found["trackerid"] == ["id &\xff"]
        assert found["supportcrypto"] == ["1"]
        assert found["redundant"] == ["7"]
        assert "numwant" not in found

    @pytest.mark.parametrize(
        ("event", "word"),
        [
            (AnnounceEvent.STARTED, "started"),
            (AnnounceEvent.STOPPED, "stopped"),
            (AnnounceEvent.PAUSED, "paused"),
        ],
    )
    def test_events(self, event: AnnounceEvent, word: str) -> None:
        request = AnnounceRequest(HASH, PEER_ID, 1, event=event)
        assert arguments(announce_url("http://t/a", request))["event"] == [word]

    @pytest.mark.parametrize(
        ("url", "start"),
        [
            ("http://t/a", "http://t/a?info_hash="),
            ("http://t/a?k=v", "http://t/a?k=v&info_hash="),
            ("http://t/a?", "http://t/a?info_hash="),
            ("http://t/a?k=v&", "http://t/a?k=v&info_hash="),
            ("http://t/a#part", "http://t/a?info_hash="),
        ],
    )
    def test_query_of_the_tracker_is_kept(self, url: str, start: str) -> None:
        assert announce_url(url, REQUEST).startswith(start)


class TestScrapeUrl:
    @pytest.mark.parametrize(
        ("url", "start"),
        [
            ("http://t/announce", "http://t/scrape?info_hash="),
            ("http://t/x/announce.php?key=1", "http://t/x/scrape.php?key=1&info_hash="),
            ("http://announce.t/announce", "http://announce.t/scrape?info_hash="),
            ("http://t/announce/x?announce=1", "http://t/scrape/x?announce=1&info_hash="),
        ],
    )
    def test_by_bep_48(self, url: str, start: str) -> None:
        assert scrape_url(url, [HASH]).startswith(start)

    @pytest.mark.parametrize(
        "url", ["http://t/a", "http://announce.t", "http://announce.t/x?announce", "http://announce"]
    )
    def test_not_available(self, url: str) -> None:
        with pytest.raises(ScrapeNotAvailable):
            scrape_url(url, [HASH])

    def test_number_of_torrents_at_the_limit(self) -> None:
        url = scrape_url("http://t/announce", [HASH] * MAX_SCRAPE_HASHES)
        assert url.count("info_hash=") == MAX_SCRAPE_HASHES
        for wrong in ([], [HASH] * (MAX_SCRAPE_HASHES + 1)):
            with pytest.raises(LocalProtocolError):
                scrape_url("http://t/announce", wrong)


def test_foreign_arguments_are_noticed() -> None:
    assert has_tracker_arguments("a=b&INFO_HASH=x")
    assert has_tracker_arguments("port=1")
    assert not has_tracker_arguments("passkey=1&ports=2&x")
    assert not has_tracker_arguments("")


class TestAnnounceAnswer:
    def test_empty(self) -> None:
        assert parse_announce(b"de") == AnnounceResponse()

    def test_everything(self) -> None:
        answer = {
            "interval": 900,
            "min interval": 60,
            "complete": 5,
            "incomplete": 6,
            "downloaded": 7,
            "tracker id": b"id\xff",
            "warning message": "beware",
            "external ip": bytes((9, 8, 7, 6)),
            "peers": b"\1\2\3\4\x1a\xe1",
            "peers6": bytes(15) + b"\1\0\x50",
        }
        expected = AnnounceResponse(
            900,
            60,
            5,
            6,
            7,
            [TrackerPeer("1.2.3.4", 6881), TrackerPeer("::1", 80)],
            "id\udcff",
            "beware",
            "9.8.7.6",
        )
        assert parse_announce(encode(answer)) == expected
        assert parse_announce(memoryview(encode(answer))) == expected

    def test_long_form_keeps_the_usable_peers(self) -> None:
        peers: list[object] = [
            {"ip": "1.2.3.4", "port": 1, "peer id": PEER_ID},
            {"ip": "host.example", "port": 2, "peer id": "short"},
            {"ip": "::1", "port": 3},
            {"ip": "1.2.3.4"},
            {"port": 4},
            {"ip": "1.2.3.4", "port": 0},
            {"ip": "1.2.3.4", "port": 65536},
            {"ip": "", "port": 5},
            {"ip": "x" * 254, "port": 5},
            {"ip": b"\xff", "port": 5},
            {"ip": "a\nb", "port": 5},
            "nonsense",
        ]
        assert parse_announce(encode({"peers": peers})).peers == [
            TrackerPeer("1.2.3.4", 1, PEER_ID),
            TrackerPeer("host.example", 2),
            TrackerPeer("::1", 3),
        ]
        assert parse_announce(encode({"peers": []})).peers == []
        with pytest.raises(InvalidTrackerResponse, match="not one usable"):
            parse_announce(encode({"peers": peers[3:]}))

    @pytest.mark.parametrize("key", ["peers", "peers6"])
    def test_compact_of_broken_length(self, key: str) -> None:
        with pytest.raises(InvalidTrackerResponse, match="multiple"):
            parse_announce(encode({key: bytes(7)}))

    def test_long_form_at_the_limit(self) -> None:
        one = {"ip": "1.1.1.1", "port": 1}
        assert len(parse_announce(encode({"peers": [one] * (MAX_PEERS + 1)})).peers) == MAX_PEERS

    def test_wrong_types_of_optional_keys_are_as_absent(self) -> None:
        answer = {
            "interval": "soon",
            "min interval": [],
            "complete": "many",
            "peers": 7,
            "peers6": [],
            "tracker id": 5,
            "warning message": {},
            "external ip": "12345",
            "failure reason": 1,
        }
        assert parse_announce(encode(answer)) == AnnounceResponse()

    def test_absurd_numbers(self) -> None:
        parsed = parse_announce(
            encode(
                {
                    "interval": -1,
                    "min interval": 2**62,
                    "complete": -1,
                    "incomplete": MAX_COUNT + 1,
                    "downloaded": MAX_COUNT,
                }
            )
        )
        assert (parsed.interval, parsed.min_interval) == (0, MAX_INTERVAL)
        assert (parsed.complete, parsed.incomplete, parsed.downloaded) == (UNKNOWN, UNKNOWN, MAX_COUNT)

    def test_texts_at_the_limit(self) -> None:
        parsed = parse_announce(
            encode({"warning message": "x" * (MAX_TEXT + 1), "tracker id": "y" * MAX_TEXT})
        )
        assert parsed.warning == "x" * MAX_TEXT
        assert parsed.tracker_id == "y" * MAX_TEXT
        assert parse_announce(encode({"tracker id": "y" * (MAX_TEXT + 1)})).tracker_id == ""

    @pytest.mark.parametrize(
        ("retry_in", "seconds"),
        [
            (None, None),
            ("5", 300.0),
            (5, 300.0),
            ("never", RETRY_NEVER),
            ("soon", None),
            (0, None),
            (-3, None),
            ("9" * 10, None),
            ("9" * 9, float(MAX_INTERVAL)),
            ([], None),
        ],
    )
    def test_failure(self, retry_in: object, seconds: float | None) -> None:
        answer: dict[str, object] = {"failure reason": "Overloaded"}
        if retry_in is not None:
            answer["retry in"] = retry_in
        with pytest.raises(TrackerFailure) as caught:
            parse_announce(encode(answer))
        assert (caught.value.reason, caught.value.retry_in) == ("Overloaded", seconds)

    @pytest.mark.parametrize("body", [b"", b"<html>", b"le", b"i1e", b"d1:a", b"de garbage"])
    def test_not_an_answer(self, body: bytes) -> None:
        with pytest.raises(InvalidTrackerResponse):
            parse_announce(body)

    def test_unsorted_keys_are_tolerated(self) -> None:
        assert parse_announce(b"d5:peers0:8:intervali60ee").interval == 60


class TestScrapeAnswer:
    def test_entries(self) -> None:
        other = bytes(20)
        body = encode(
            {"files": {HASH: {"complete": 1, "incomplete": 2, "downloaded": 3, "downloaders": 4}, other: 5}}
        )
        assert parse_scrape(body, [HASH, other, b"x" * 20]) == {HASH: ScrapeEntry(1, 2, 3, 4)}

    def test_missing_counts(self) -> None:
        assert parse_scrape(encode({"files": {HASH: {}}}), [HASH]) == {HASH: ScrapeEntry()}

    @pytest.mark.parametrize("body", [b"de", b"d5:filesi1ee", b"x"])
    def test_not_an_answer(self, body: bytes) -> None:
        with pytest.raises(InvalidTrackerResponse):
            parse_scrape(body, [HASH])

    def test_failure(self) -> None:
        with pytest.raises(TrackerFailure):
            parse_scrape(encode({"failure reason": "no"}), [HASH])


ANSWERS = st.dictionaries(
    st.sampled_from(
        [b"peers", b"peers6", b"interval", b"files", b"failure reason", b"external ip", b"retry in"]
    ),
    st.recursive(
        st.integers(-(2**63), 2**63 - 1) | st.binary(max_size=40),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.binary(max_size=4), inner, max_size=3),
        max_leaves=6,
    ),
)


@given(ANSWERS.map(encode) | st.binary(max_size=60))
def test_garbage(body: bytes) -> None:
    for parse in (parse_announce, lambda data: parse_scrape(data, [HASH])):
        try:
            parse(body)
        except RemoteProtocolError:
            pass
