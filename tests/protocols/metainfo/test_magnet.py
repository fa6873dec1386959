from __future__ import annotations

import base64
from typing import Any

import pytest
from evtorrent.protocols.metainfo import Magnet, MagnetError, parse_magnet
from evtorrent.protocols.metainfo.magnet import MAX_ENTRIES, MAX_FILE_INDEX, MAX_LENGTH
from evtorrent.protocols.types import InfoHashes, Sha1Hash, Sha256Hash
from hypothesis import given
from hypothesis import strategies as st

V1 = Sha1Hash(bytes(range(20)))
V2 = Sha256Hash(bytes(range(32)))
LINK = f"magnet:?xt=urn:btih:{V1}"

FULL = Magnet(
    InfoHashes(V1, V2),
    name="Grüße & more=1",
    trackers=["http://t.example/a?x=1&y=2", "udp://t.example:6969"],
    web_seeds=["http://w.example/a b"],
    peers=[("10.0.0.1", 6881), ("2001:db8::1", 6882)],
    nodes=[("router.example", 6881), ("::1", 1)],
    select_only=[0, 1, 2, 5, 7, 8],
    length=12345,
)


def test_round_trip() -> None:
    link = FULL.to_uri()
    assert parse_magnet(link) == FULL
    assert str(FULL) == link
    assert link.startswith(
        f"magnet:?xt=urn:btih:{V1}&xt=urn:btmh:1220{V2}&dn=Gr%C3%BC%C3%9Fe%20%26%20more%3D1&xl=12345"
    )
    assert link.endswith("&x.pe=10.0.0.1:6881&x.pe=[2001:db8::1]:6882&so=0-2,5,7-8")


@given(
    st.builds(
        Magnet,
        st.builds(InfoHashes, st.just(V1), st.none() | st.just(V2)) | st.just(InfoHashes(None, V2)),
        name=st.text(max_size=20).filter(lambda text: text.isprintable()),
        web_seeds=st.lists(st.text("abc/:%&=+ü ", min_size=1, max_size=20), unique=True, max_size=3),
        select_only=st.none() | st.sets(st.integers(0, MAX_FILE_INDEX), min_size=1, max_size=20).map(sorted),
        length=st.none() | st.integers(0, 2**63 - 1),
    )
)
def test_any_round_trip(magnet: Magnet) -> None:
    assert parse_magnet(magnet.to_uri()) == magnet


@given(st.text("magnet:?xturnbihso=&%0123456789.,-", max_size=80))
def test_garbage_gives_a_link_or_an_error(tail: str) -> None:
    for link in (tail, f"{LINK}&{tail}"):
        try:
            parse_magnet(link)
        except MagnetError:
            continue


@pytest.mark.interop
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_libtorrent_reads_ours_and_we_read_its(require_peer: Any) -> None:
    lt = require_peer("libtorrent")
    params = lt.parse_magnet_uri(FULL.to_uri())
    assert (str(params.info_hashes.v1), str(params.info_hashes.v2)) == (str(V1), str(V2))
    assert (params.name, params.trackers, params.url_seeds) == (FULL.name, FULL.trackers, FULL.web_seeds)
    assert list(params.peers) == FULL.peers
    assert [i for i, priority in enumerate(params.file_priorities) if priority] == FULL.select_only
    read = parse_magnet(lt.make_magnet_uri(params))
    assert (read.info_hashes, read.name, read.trackers, read.web_seeds, read.peers, read.select_only) == (
        FULL.info_hashes,
        FULL.name,
        FULL.trackers,
        FULL.web_seeds,
        FULL.peers,
        FULL.select_only,
    )


@pytest.mark.parametrize(
    "topic",
    [
        str(V1),
        str(V1).upper(),
        base64.b32encode(V1).decode(),
        base64.b32encode(V1).decode().lower(),
        "%30" + str(V1)[1:],
    ],
)
def test_forms_of_an_info_hash(topic: str) -> None:
    assert parse_magnet(f"magnet:?xt=urn:btih:{topic}") == Magnet(InfoHashes(V1))


def test_only_v2() -> None:
    magnet = parse_magnet(f"MAGNET:?xt.1=urn:btmh:1220{V2}&xt.2=urn:sha1:whatever")
    assert magnet == Magnet(InfoHashes(None, V2))
    assert parse_magnet(magnet.to_uri()) == magnet


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        ("", "unsupported_url_protocol"),
        ("http://example/", "unsupported_url_protocol"),
        ("magnet:", "unsupported_url_protocol"),
        ("magnet:?" + "a" * MAX_LENGTH, "unsupported_url_protocol"),
        ("magnet:?", "missing_info_hash_in_uri"),
        ("magnet:?dn=x", "missing_info_hash_in_uri"),
        ("magnet:?xt=urn:sha1:" + "a" * 32, "missing_info_hash_in_uri"),
        ("magnet:?xt=urn:btih:", "invalid_info_hash"),
        ("magnet:?xt=urn:btih:" + "a" * 39, "invalid_info_hash"),
        ("magnet:?xt=urn:btih:" + "g" * 40, "invalid_info_hash"),
        ("magnet:?xt=urn:btih:" + "é" * 40, "invalid_info_hash"),
        ("magnet:?xt=urn:btih:" + "1" * 32, "invalid_info_hash"),
        ("magnet:?xt=urn:btih:" + "é" * 32, "invalid_info_hash"),
        ("magnet:?xt=urn:btmh:1220" + "a" * 62, "invalid_info_hash"),
        ("magnet:?xt=urn:btmh:1220" + "a" * 32, "invalid_info_hash"),
        ("magnet:?xt=urn:btmh:1114" + "a" * 40, "invalid_info_hash"),
    ],
)
def test_refused(link: str, reason: str) -> None:
    with pytest.raises(MagnetError) as caught:
        parse_magnet(link)
    assert caught.value.reason == reason


def test_a_link_needs_an_info_hash() -> None:
    with pytest.raises(ValueError, match="needs an info-hash"):
        Magnet(InfoHashes()).to_uri()


@pytest.mark.parametrize(
    ("query", "field", "value"),
    [
        ("dn=a+b%2Bc", "name", "a b+c"),
        ("DN=x", "name", "x"),
        ("dn=%FF", "name", "_"),
        ("tr=http://a/&tr.7=udp://b:1", "trackers", ["http://a/", "udp://b:1"]),
        ("tr=http://a/&tr=http://a/", "trackers", ["http://a/"]),
        ("tr=nonsense&tr=http%3A%2F%2Fa%2F%FF", "trackers", []),
        ("ws=&ws=http://w/%20", "web_seeds", ["http://w/ "]),
        ("x.pe=1.2.3.4:5", "peers", [("1.2.3.4", 5)]),
        ("x.pe=%5B::1%5D:5", "peers", [("::1", 5)]),
        ("x.pe=host:5&x.pe=1.2.3.4:0&x.pe=1.2.3.4:65536&x.pe=1.2.3.4&x.pe=:5&x.pe=1.2.3.4:٥", "peers", []),
        ("dht=host:5&dht=host", "nodes", [("host", 5)]),
        ("xl=17", "length", 17),
        ("xl=-1", "length", None),
        ("xl=9223372036854775808", "length", None),
        ("so=0", "select_only", [0]),
        ("so=4-6,0,2,5", "select_only", [0, 2, 4, 5, 6]),
        ("so=3%2C4", "select_only", [3, 4]),
        ("so=1&so=3", "select_only", [1, 3]),
        ("so=3-1,-2,4-,,7", "select_only", [7]),
        ("so=a", "select_only", None),
        ("so=", "select_only", []),
        (f"so={MAX_FILE_INDEX}", "select_only", [MAX_FILE_INDEX]),
        (f"so=1,0-{MAX_FILE_INDEX + 1}", "select_only", [1]),
        ("unknown=1&&=&junk", "name", ""),
    ],
)
def test_parameters(query: str, field: str, value: object) -> None:
    assert getattr(parse_magnet(f"{LINK}&{query}"), field) == value


def test_entries_at_the_limit() -> None:
    count = MAX_ENTRIES + 1
    parts = [f"tr=http://a/{i}&ws=http://b/{i}&x.pe=1.2.3.4:{i + 1}&dht=h:{i + 1}" for i in range(count)]
    magnet = parse_magnet("&".join([LINK, *parts]))
    for kept in (magnet.trackers, magnet.web_seeds, magnet.peers, magnet.nodes):
        assert len(kept) == MAX_ENTRIES
    assert magnet.peers[-1] == ("1.2.3.4", MAX_ENTRIES)
