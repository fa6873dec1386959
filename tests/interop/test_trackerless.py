"""The `evtorrent` command with nothing but a magnet link: peers, metadata and content by the DHT alone, from each kind of peer.

Everybody has a loopback address of his own; no tracker, and nobody is told of a peer.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from evtorrent.protocols import bencode
from evtorrent.protocols.metainfo import TorrentInfo
from evtorrent.session.alerts import DhtAnnounceAlert, DhtPktAlert, DhtPktDirection
from support.command_line import event, events, run
from support.dht_loopback import LIBTORRENT_SETTINGS
from support.dht_thread import DhtThreads
from support.real_peers import Aria2, LibtorrentPeer
from support.sessions import Content, Member
from support.waiting import wait_for

pytestmark = [pytest.mark.interop, pytest.mark.slow]

SEED_HOST, GET_HOST = "127.0.0.21", "127.0.0.31"


@pytest.fixture
def network() -> Iterator[DhtThreads]:
    """Two nodes of ours that have nothing themselves."""
    with DhtThreads(2) as network:
        yield network


def magnet(content: Content) -> str:
    return f"magnet:?xt=urn:btih:{content.info.info_hashes.best().hex()}"


def announced(network: DhtThreads, content: Content) -> None:
    """Wait until the seed has told somebody."""
    name = content.info.info_hashes.v1

    def heard() -> bool:
        return any(
            alert.info_hash == name for member in network.members for alert in member.all(DhtAnnounceAlert)
        )

    wait_for(heard, "an announce", timeout=60)


def get(network: DhtThreads, content: Content, folder: Path, *options: object, timeout: str = "50") -> Any:
    return run(
        "get",
        magnet(content),
        *("-o", folder, "--listen", f"{GET_HOST}:0", "--dht-node", network.entry),
        *("--timeout", timeout, "--json", *options),
    )


def assert_complete(result: Any, content: Content, folder: Path) -> None:
    assert result.exit_code == 0, result.output
    assert [each["event"] for each in events(result.stdout)].count("metadata") == 1
    assert event(result.stdout, "end")["complete"] == 1
    content.assert_in(folder)


def test_from_us(network: DhtThreads, tmp_path: Path) -> None:
    content = Content(300_000, seed=201)
    with Member({"enable_dht": True}, host=SEED_HOST) as seed:
        seed.session.add_dht_node(network.members[1].address)
        seed.seed(content, tmp_path / "seed")
        announced(network, content)
        assert_complete(get(network, content, tmp_path / "get"), content, tmp_path / "get")


def test_from_libtorrent(network: DhtThreads, require_peer: Any, tmp_path: Path) -> None:
    content = Content(300_000, seed=202)
    lt = require_peer("libtorrent")
    settings = {**LIBTORRENT_SETTINGS, "listen_interfaces": f"{SEED_HOST}:0"}
    with LibtorrentPeer(lt, **settings) as theirs:
        theirs.session.add_dht_node(network.members[1].address)
        handle = theirs.seed(content, tmp_path / "seed")
        wait_for(lambda: known(theirs), "its node")
        handle.force_dht_announce()
        announced(network, content)
        assert_complete(get(network, content, tmp_path / "get"), content, tmp_path / "get")


def test_from_aria2(network: DhtThreads, require_peer: Any, tmp_path: Path) -> None:
    content = Content(300_000, seed=203)
    folder = content.write(tmp_path / "seed")
    entry = network.members[1].address
    aria2 = require_peer("aria2")
    with Aria2(aria2, content, folder, tmp_path / "x.torrent", verify=True, dht_entry=entry) as theirs:
        announced(network, content)
        assert_complete(get(network, content, tmp_path / "get"), content, tmp_path / "get")
        assert asked_by(network, theirs.address) >= {b"find_node", b"get_peers", b"announce_peer"}


def asked_by(network: DhtThreads, address: tuple[str, int]) -> set[Any]:
    """What somebody asked our nodes."""
    return {
        table.get(b"q")
        for member in network.members
        for alert in member.all(DhtPktAlert)
        if alert.node == address
        and alert.direction is DhtPktDirection.incoming
        and isinstance(table := bencode.decode(alert.pkt_buf, strict=False), dict)
        and table[b"y"] == b"q"
    }


def test_libtorrent_from_the_command(network: DhtThreads, require_peer: Any, tmp_path: Path) -> None:
    """The other way round: libtorrent has the magnet link, `evtorrent`'s session the content."""
    content = Content(300_000, seed=204)
    lt = require_peer("libtorrent")
    with Member({"enable_dht": True}, host=SEED_HOST) as seed:
        seed.session.add_dht_node(network.members[1].address)
        seed.seed(content, tmp_path / "seed")
        announced(network, content)
        fetch_with_libtorrent(network, lt, content, tmp_path / "get")


def test_aria2_from_us(network: DhtThreads, require_peer: Any, tmp_path: Path) -> None:
    content = Content(300_000, seed=205)
    with Member({"enable_dht": True}, host=SEED_HOST) as seed:
        seed.session.add_dht_node(network.members[1].address)
        seed.seed(content, tmp_path / "seed")
        announced(network, content)
        entry = network.members[0].address
        theirs = Aria2(
            require_peer("aria2"),
            content,
            tmp_path / "get",
            tmp_path / "x.torrent",
            dht_entry=entry,
            uri=magnet(content),
        )
        with theirs:
            theirs.finish()


def test_libtorrent_from_aria2_by_our_nodes(network: DhtThreads, require_peer: Any, tmp_path: Path) -> None:
    """Others find each other where only our nodes are."""
    content = Content(300_000, seed=208)
    lt, aria2 = require_peer("libtorrent"), require_peer("aria2")
    folder, entry = content.write(tmp_path / "seed"), network.members[1].address
    with Aria2(aria2, content, folder, tmp_path / "x.torrent", verify=True, dht_entry=entry):
        announced(network, content)
        fetch_with_libtorrent(network, lt, content, tmp_path / "get")


def test_aria2_from_libtorrent_by_our_nodes(network: DhtThreads, require_peer: Any, tmp_path: Path) -> None:
    content = Content(300_000, seed=209)
    lt, aria2 = require_peer("libtorrent"), require_peer("aria2")
    settings = {**LIBTORRENT_SETTINGS, "listen_interfaces": f"{SEED_HOST}:0"}
    entry = network.members[0].address
    with LibtorrentPeer(lt, **settings) as seed:
        seed.session.add_dht_node(network.members[1].address)
        handle = seed.seed(content, tmp_path / "seed")
        wait_for(lambda: known(seed), "its node")
        handle.force_dht_announce()
        announced(network, content)
        torrent, link = tmp_path / "x.torrent", magnet(content)
        with Aria2(aria2, content, tmp_path / "get", torrent, dht_entry=entry, uri=link) as theirs:
            theirs.finish()


def fetch_with_libtorrent(network: DhtThreads, lt: Any, content: Content, folder: Path) -> None:
    """libtorrent has the magnet link and one of our nodes, nothing else."""
    settings = {**LIBTORRENT_SETTINGS, "listen_interfaces": f"{GET_HOST}:0"}
    with LibtorrentPeer(lt, **settings) as theirs:
        theirs.session.add_dht_node(network.members[0].address)
        wait_for(lambda: known(theirs), "its node")
        params = lt.parse_magnet_uri(magnet(content))
        params.save_path = str(folder)
        params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
        theirs.finish(theirs.session.add_torrent(params))
        content.assert_in(folder)


def test_private_torrent_refuses(network: DhtThreads, tmp_path: Path) -> None:
    """It is announced nowhere, and who has only its magnet link finds nobody."""
    content = Content(100_000, seed=206)
    table = bencode.decode(bytes(content.info.info_section))
    content.info = TorrentInfo.from_info(bencode.encode({**table, b"private": 1}))
    with Member({"enable_dht": True}, host=SEED_HOST) as seed:
        seed.session.add_dht_node(network.members[1].address)
        handle = seed.seed(content, tmp_path / "seed")
        handle.force_dht_announce()
        result = get(network, content, tmp_path / "get", timeout="2")
        assert result.exit_code == 6
        assert event(result.stdout, "end")["complete"] == 0
        assert seed.session.session_stats()["dht.dht_announce_peer_out"] == 0
        assert seed.session.session_stats()["dht.dht_get_peers_out"] == 0


def test_no_dht_finds_nobody(network: DhtThreads, tmp_path: Path) -> None:
    content = Content(100_000, seed=207)
    result = get(network, content, tmp_path / "get", "--no-dht", timeout="1")
    assert result.exit_code == 6
    assert all(member.all(DhtAnnounceAlert) == [] for member in network.members)


def known(theirs: LibtorrentPeer) -> bool:
    """A node is in libtorrent's routing table."""
    theirs.session.post_dht_stats()
    theirs.session.wait_for_alert(200)
    stats = [
        sum(bucket["num_nodes"] for bucket in alert.routing_table)
        for alert in theirs.session.pop_alerts()
        if isinstance(alert, theirs.lt.dht_stats_alert)
    ]
    return bool(stats and stats[-1])
