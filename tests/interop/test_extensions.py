"""Extensions between us and real clients: metadata (BEP 9), peer exchange (BEP 11), local discovery (BEP 14)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from evtorrent.session import make_magnet_uri, parse_magnet_uri
from evtorrent.session.alerts import LsdPeerAlert, MetadataReceivedAlert, PeerErrorAlert
from evtorrent.session.flags import PeerSource
from support.real_peers import Aria2, LibtorrentPeer, many_files
from support.sessions import Content, Member
from support.waiting import wait_for

pytestmark = pytest.mark.interop


@pytest.fixture
def lt(require_peer: Any) -> Any:
    return require_peer("libtorrent")


@pytest.fixture
def theirs(lt: Any) -> Iterator[LibtorrentPeer]:
    with LibtorrentPeer(lt) as peer:
        yield peer


@pytest.fixture
def ours() -> Iterator[Member]:
    with Member() as member:
        yield member
        assert member.all(PeerErrorAlert) == []


def large() -> Content:
    """Its metadata has several pieces."""
    content = Content(3_000 * 1024, 1024, name="much metadata")
    assert len(content.info.info_section) > 3 * 16_384
    return content


CONTENTS = {"many files": many_files, "much metadata": large}


@pytest.fixture(params=CONTENTS)
def content(request: pytest.FixtureRequest) -> Content:
    return CONTENTS[request.param]()


def fetch(ours: Member, content: Content, address: tuple[str, int], folder: Path) -> None:
    """Download with nothing but a link that names one peer."""
    host, port = address
    params = parse_magnet_uri(f"magnet:?xt=urn:btih:{content.info.info_hashes.v1}&x.pe={host}:{port}")
    params.save_path = str(folder)
    handle = ours.session.add_torrent(params)
    ours.wait(MetadataReceivedAlert)
    info = handle.torrent_file()
    assert info is not None and info.info_section == content.info.info_section
    if info.num_pieces < 1000:
        ours.finish(handle)
        content.assert_in(folder)


# ----------------------------------------------------------------------------------------------------------- metadata


def test_metadata_from_libtorrent(
    theirs: LibtorrentPeer, ours: Member, content: Content, tmp_path: Path
) -> None:
    theirs.seed(content, tmp_path / "theirs")
    fetch(ours, content, theirs.address, tmp_path / "ours")


def test_metadata_from_aria2(require_peer: Any, ours: Member, content: Content, tmp_path: Path) -> None:
    folder = content.write(tmp_path / "theirs")
    with Aria2(str(require_peer("aria2")), content, folder, tmp_path / "x.torrent", verify=True) as aria2:
        fetch(ours, content, aria2.address, tmp_path / "ours")


def test_metadata_to_libtorrent(
    theirs: LibtorrentPeer, ours: Member, content: Content, tmp_path: Path
) -> None:
    seed = ours.seed(content, tmp_path / "ours")
    params = theirs.lt.parse_magnet_uri(make_magnet_uri(content.info))
    params.save_path = str(tmp_path / "theirs")
    params.flags &= ~(theirs.lt.torrent_flags.auto_managed | theirs.lt.torrent_flags.paused)
    handle = theirs.session.add_torrent(params)
    handle.connect_peer(ours.address)
    theirs.finish(handle)
    assert seed.status().is_seeding
    content.assert_in(tmp_path / "theirs")


# ------------------------------------------------------------------------------------------------------ peer exchange


def empty(content: Content, member: Any, folder: Path) -> Any:
    """The torrent without a byte of it: nobody ever finishes, and all connections stay."""
    return member.add(content, folder)


def test_libtorrent_introduces_two_of_us(theirs: LibtorrentPeer, tmp_path: Path) -> None:
    content = Content(100_000, name="pex through libtorrent")
    empty(content, theirs, tmp_path / "hub")
    with Member() as one, Member() as two:
        handles = [empty(content, each, tmp_path / str(number)) for number, each in enumerate((one, two))]
        for handle in handles:
            handle.connect_peer(theirs.address)
        found = wait_for(lambda: by_pex(handles[0]) + by_pex(handles[1]), lambda: f"{one.story()}")
        assert set(found) <= {one.address, two.address}
        assert sum(each.session.session_stats()["ses.num_incoming_pex"] for each in (one, two)) >= 1


def by_pex(handle: Any) -> list[tuple[str, int]]:
    """Whom it is connected to because somebody said so."""
    return [peer.ip for peer in handle.get_peer_info() if peer.source == PeerSource.pex and peer.pid]


def test_we_introduce_two_libtorrents(lt: Any, ours: Member, tmp_path: Path) -> None:
    content = Content(100_000, name="pex through us")
    empty(content, ours, tmp_path / "hub")
    with ExitStack() as stack:
        peers = [stack.enter_context(LibtorrentPeer(lt)) for _ in range(2)]
        handles = [empty(content, peer, tmp_path / str(number)) for number, peer in enumerate(peers)]
        for handle in handles:
            handle.connect_peer(ours.address)

        addresses = {peer.address for peer in peers}

        def found() -> list[Any]:
            infos = [info for handle in handles for info in handle.get_peer_info()]
            # The other end of such a connection has it from somewhere else, with the port it happens to come from.
            return [info for info in infos if info.source & info.pex and info.ip in addresses]

        wait_for(found, lambda: f"{ours.story()}")


def test_a_stranger_and_one_of_us_meet_on_addresses_of_their_own(
    lt: Any, ours: Member, tmp_path: Path
) -> None:
    content = Content(100_000, name="pex of both kinds")
    hub = empty(content, ours, tmp_path / "hub")
    with (
        Member(host="127.0.0.2") as other,
        LibtorrentPeer(lt, listen_interfaces="127.0.0.3:0") as theirs,
    ):
        handle = empty(content, other, tmp_path / "other")
        empty(content, theirs, tmp_path / "theirs")
        stranger = ("127.0.0.3", theirs.address[1])
        for address in (other.address, stranger):
            hub.connect_peer(address)
        wait_for(
            lambda: [peer for peer in handle.get_peer_info() if peer.pid and peer.ip[1] != ours.address[1]],
            lambda: f"{ours.story()} {other.story()} {theirs.story()}",
        )


# ---------------------------------------------------------------------------------------------------- local discovery


@pytest.mark.parametrize("seeding", ["ours", "theirs"])
def test_local_discovery_on_the_loopback_interface(lt: Any, tmp_path: Path, seeding: str) -> None:
    """libtorrent's socket joins and sends on the interface of the address it listens on, and no other."""
    content = Content(60_000, name=f"lsd, {seeding}")
    with (
        Member({"enable_lsd": True}, host="127.0.0.2") as ours,
        LibtorrentPeer(lt, enable_lsd=True) as theirs,
    ):
        # Who comes second is heard by who was there.
        if seeding == "ours":
            ours.seed(content, tmp_path / "ours")
            theirs.finish(theirs.add(content, tmp_path / "theirs"))
            assert ours.wait(LsdPeerAlert).endpoint == theirs.address
        else:
            theirs.seed(content, tmp_path / "theirs")
            theirs.session.pop_alerts()
            handle = ours.add(content, tmp_path / "ours")
            heard = wait_for(
                lambda: [
                    each.message()
                    for each in theirs.session.pop_alerts()
                    if each.what().startswith("lsd_peer")
                ]
            )
            assert f"127.0.0.2:{ours.address[1]}" in heard[0]
            ours.finish(handle)
