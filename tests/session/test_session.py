"""`Session`: torrents added and removed, settings, rate limits, limits on connections, the IP filter, pause, alerts."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from evtorrent.protocols.errors import LocalProtocolError
from evtorrent.session import (
    AddTorrentParams,
    PortmapProtocol,
    RemoveFlags,
    ReopenNetworkFlags,
    Session,
    SessionFlags,
    SessionParams,
    TorrentFlags,
    TorrentState,
    read_session_params,
    write_session_params_buf,
)
from evtorrent.session.alerts import (
    AddTorrentAlert,
    IncomingConnectionAlert,
    ListenFailedAlert,
    ListenSucceededAlert,
    PeerConnectAlert,
    SessionStatsAlert,
    StateUpdateAlert,
    TorrentDeletedAlert,
    TorrentRemovedAlert,
)
from evtorrent.session.core.ip_filter import IpFilter
from evtorrent.session.errors import (
    DuplicateTorrent,
    InvalidSessionHandle,
    InvalidTorrentHandle,
    SettingsError,
    TorrentParamsError,
)
from support.raw_peer import RawPeer
from support.sessions import LOOPBACK, Content, Member
from support.waiting import wait_for

CONTENT = Content([("a", 100_000), ("b/c", 70_000)])


@pytest.fixture
def member() -> Iterator[Member]:
    with Member() as member:
        yield member


@pytest.fixture
def other() -> Iterator[Member]:
    with Member() as member:
        yield member


# ------------------------------------------------------------------------------------------------- adding and removing


def test_added_and_found(member: Member, tmp_path: Path) -> None:
    handle = member.add(CONTENT, tmp_path)
    assert member.session.get_torrents() == [handle]
    assert member.session.find_torrent(CONTENT.info.info_hashes) == handle
    assert member.session.find_torrent(bytes(CONTENT.info.info_hashes.best())) == handle
    assert not member.session.find_torrent(b"?" * 20).is_valid()
    assert member.wait(AddTorrentAlert).handle == handle
    assert (handle.name(), handle.info_hashes()) == ("t", CONTENT.info.info_hashes)


def test_added_twice(member: Member, tmp_path: Path) -> None:
    handle = member.add(CONTENT, tmp_path)
    with pytest.raises(DuplicateTorrent):
        member.add(CONTENT, tmp_path, flags=TorrentFlags.default_flags | TorrentFlags.duplicate_is_error)
    assert (
        member.add(CONTENT, tmp_path, flags=TorrentFlags.default_flags & ~TorrentFlags.duplicate_is_error)
        == handle
    )


@pytest.mark.parametrize(
    "params",
    [{}, {"save_path": "x"}, {"ti": CONTENT.info}, {"save_path": "x", "nonsense": 1}],
    ids=["nothing", "no torrent", "no path", "unknown field"],
)
def test_params_that_cannot_be_added(member: Member, params: dict[str, object]) -> None:
    with pytest.raises(TorrentParamsError):
        member.session.add_torrent(params)
    assert member.session.get_torrents() == []


def test_added_without_waiting(member: Member, tmp_path: Path) -> None:
    member.session.async_add_torrent(CONTENT.params(tmp_path))
    assert not member.wait(AddTorrentAlert).error
    member.forget()
    flags = TorrentFlags.default_flags | TorrentFlags.duplicate_is_error
    member.session.async_add_torrent(CONTENT.params(tmp_path, flags=flags))
    told = member.wait(AddTorrentAlert)
    assert told.error
    assert not told.handle.is_valid()


def test_params_are_copied(member: Member, tmp_path: Path) -> None:
    params = CONTENT.params(tmp_path)
    handle = member.session.add_torrent(params)
    params.save_path = "elsewhere"
    params.trackers.append("http://127.0.0.1:9/announce")
    assert handle.status().save_path == str(tmp_path)
    assert handle.trackers() == []


def test_removed(member: Member, tmp_path: Path) -> None:
    handle = member.seed(CONTENT, tmp_path)
    member.session.remove_torrent(handle)
    assert member.wait(TorrentRemovedAlert).info_hashes == CONTENT.info.info_hashes
    assert not handle.is_valid()
    assert handle.name() == "t"
    for call in (handle.status, handle.pause, lambda: member.session.remove_torrent(handle)):
        with pytest.raises(InvalidTorrentHandle):
            call()
    CONTENT.assert_in(tmp_path)
    assert member.seed(CONTENT, tmp_path) != handle


def test_removed_with_its_files_and_no_others(member: Member, tmp_path: Path) -> None:
    handle = member.seed(CONTENT, tmp_path)
    (tmp_path / "t" / "mine").write_text("stays")
    member.session.remove_torrent(handle, RemoveFlags.delete_files)
    assert member.wait(TorrentDeletedAlert).info_hashes == CONTENT.info.info_hashes
    assert [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.rglob("*"))] == ["t", "t/mine"]


def test_removed_while_downloading(member: Member, other: Member, tmp_path: Path) -> None:
    content = Content(3_000_000)
    other.session.apply_settings({"upload_rate_limit": 1_000_000})
    other.seed(content, tmp_path / "seed")
    handle = member.add(content, tmp_path / "leech")
    handle.connect_peer(other.address)
    wait_for(lambda: handle.status().num_pieces)
    member.session.remove_torrent(handle, RemoveFlags.delete_files)
    member.wait(TorrentDeletedAlert)
    assert not (tmp_path / "leech" / "t").exists()
    assert member.session.get_torrents() == []


def test_many_torrents(member: Member, other: Member, tmp_path: Path) -> None:
    contents = [Content(20_000, seed=number, name=f"n{number}") for number in range(20)]
    handles = []
    for content in contents:
        other.add(content, content.write(tmp_path / "seed"))
    wait_for(lambda: all(status.is_seeding for status in other.session.get_torrent_status()))
    for content in contents:
        handle = member.add(content, tmp_path / "leech")
        handle.connect_peer(other.address)
        handles.append(handle)
    for handle, content in zip(handles, contents, strict=True):
        member.finish(handle)
        content.assert_in(tmp_path / "leech")


# ------------------------------------------------------------------------------------------------------ status, alerts


def test_status_of_all(member: Member, tmp_path: Path) -> None:
    handle = member.seed(CONTENT, tmp_path)
    (status,) = member.session.get_torrent_status()
    assert status.handle == handle
    assert member.session.get_torrent_status(lambda status: status.progress < 1) == []
    handle.pause()
    (fresh,) = member.session.refresh_torrent_status([status])
    assert fresh.flags & TorrentFlags.paused
    assert not status.flags & TorrentFlags.paused, "a snapshot does not change"


def test_updates_name_what_changed(member: Member, tmp_path: Path) -> None:
    handle = member.seed(CONTENT, tmp_path)
    member.add(Content(10_000, seed=8), tmp_path / "x")
    member.session.post_torrent_updates()
    assert len(member.wait(StateUpdateAlert).status) == 2
    wait_for(lambda: not changed(member))
    handle.set_upload_limit(5)
    assert handle in changed(member)


def test_rates_that_fall_are_told(member: Member, other: Member, tmp_path: Path) -> None:
    """What is subscribed shows no rate for ever: not of the uploader, and not of a torrent that was paused."""
    shown: dict[object, int] = {}

    def follow(side: Member) -> int:
        side.forget()
        side.session.post_torrent_updates()
        for status in side.wait(StateUpdateAlert).status:
            shown[status.handle] = status.upload_rate + status.download_rate
        return sum(shown.values())

    download(member, other, tmp_path)
    (seed,), (leech,) = member.session.get_torrents(), other.session.get_torrents()
    wait_for(lambda: follow(member) > 0)
    seed.pause()
    wait_for(lambda: follow(member) == 0)
    assert seed.status().upload_rate == 0
    before = wait_for(lambda: follow(other))
    wait_for(lambda: follow(other) < before)
    assert shown[leech] < before


def changed(member: Member) -> list[object]:
    member.forget()
    member.session.post_torrent_updates()
    return [status.handle for status in member.wait(StateUpdateAlert).status]


def test_statistics(member: Member, other: Member, tmp_path: Path) -> None:
    download(member, other, tmp_path)
    member.session.post_session_stats()
    values = member.wait(SessionStatsAlert).values
    assert values.keys() == member.session.session_stats().keys()
    wait_for(lambda: member.session.session_stats()["net.recv_payload_bytes"] == len(CONTENT.data))


def download(member: Member, other: Member, folder: Path) -> None:
    other.seed(CONTENT, folder / "seed")
    handle = member.add(CONTENT, folder / "leech")
    handle.connect_peer(other.address)
    member.finish(handle)


def test_alert_mask(tmp_path: Path) -> None:
    with Member({"alert_mask": 0}) as member:
        member.session.add_torrent(CONTENT.params(tmp_path))
        names = {type(alert).__name__ for alert in member.collect()}
        assert "StateChangedAlert" not in names
        member.session.apply_settings({"alert_mask": -1})
        member.session.get_torrents()[0].pause()
        wait_for(member.collect)


def test_notification_is_edge_triggered(tmp_path: Path) -> None:
    with Member() as member:
        calls: list[str] = []
        member.wait(ListenSucceededAlert)
        member.session.pop_alerts()
        member.session.set_alert_notify(lambda: calls.append(threading.current_thread().name))
        member.session.post_session_stats()
        member.session.post_session_stats()
        wait_for(lambda: len(member.session.session_stats()) and calls)
        assert calls == ["evtorrent"]
        assert member.session.wait_for_alert(10) is member.session.wait_for_alert(10)
        assert len(member.session.pop_alerts()) == 3, "the header, and an answer to each"
        assert member.session.wait_for_alert(1) is None


# ------------------------------------------------------------------------------------------------------------- settings


def test_settings_are_all_or_nothing(member: Member) -> None:
    before = dict(member.session.get_settings())
    for wrong in (
        {"upload_rate_limit": 5, "nonsense": 1},
        {"upload_rate_limit": 5, "max_webtorrent_offers": 11},
    ):
        with pytest.raises(SettingsError):
            member.session.apply_settings(wrong)
    assert dict(member.session.get_settings()) == before
    member.session.apply_settings({"upload_rate_limit": 5})
    assert member.session.get_settings()["upload_rate_limit"] == 5


def test_setting_that_is_refused_at_the_start() -> None:
    with pytest.raises(SettingsError):
        Session({"max_webtorrent_offers": 11})


def test_state_survives(member: Member) -> None:
    member.session.apply_settings({"upload_rate_limit": 12_345})
    saved = write_session_params_buf(member.session.session_state())
    params = read_session_params(saved)
    with Session(params) as again:
        assert again.get_settings()["upload_rate_limit"] == 12_345
    assert isinstance(params, SessionParams)


def test_listening_elsewhere(member: Member) -> None:
    first = member.session.listen_port()
    assert member.session.is_listening()
    member.session.apply_settings({"listen_interfaces": "127.0.0.2:0"})
    opened = member.wait(ListenSucceededAlert, lambda alert: alert.address == "127.0.0.2")
    assert member.session.listen_port() == opened.port
    member.session.apply_settings({"listen_interfaces": ""})
    assert not member.session.is_listening()
    assert first


def test_reopening_keeps_what_listens_and_tries_the_rest_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        settings = {
            "listen_interfaces": f"127.0.0.1:0,127.0.0.1:{taken}",
            "max_retry_port_bind": 0,
            "listen_system_port_fallback": False,
        }
        member = Member(settings)
        member.wait(ListenFailedAlert)
    with member:
        port = member.session.listen_port()
        member.session.reopen_network_sockets()
        member.wait(ListenSucceededAlert, lambda alert: alert.port == taken)
        assert member.session.listen_port() == port
    assert Session.reopen_map_ports == 1


# --------------------------------------------------------------------------------------------------------- port mapping


def test_on_loopback_no_port_is_mapped() -> None:
    with Session({"listen_interfaces": "127.0.0.1:0,[::1]:0", "alert_mask": -1}) as session:
        assert session.get_settings()["enable_upnp"] is session.get_settings()["enable_natpmp"] is True
        assert session.add_port_mapping(PortmapProtocol.tcp, 7000, 7001) == []
        session.delete_port_mapping(7)
        session.reopen_network_sockets(ReopenNetworkFlags(0))
        assert session.is_listening()
        assert not [alert for alert in session.pop_alerts() if "portmap" in alert.what()]


def test_what_is_no_port_cannot_be_mapped(member: Member) -> None:
    with pytest.raises(LocalProtocolError, match="port 0"):
        member.session.add_port_mapping(PortmapProtocol.udp, 0, 7001)


# ---------------------------------------------------------------------------------------------------------- rate limits


@pytest.mark.slow
@pytest.mark.parametrize("scope", ["session", "torrent"])
@pytest.mark.parametrize("direction", ["upload", "download"])
def test_rate_limit(member: Member, other: Member, scope: str, direction: str, tmp_path: Path) -> None:
    """Within a tenth, over the second and third second of a transfer that the limit makes longer."""
    content, limit = Content(6_000_000, 65_536), 1_000_000
    source = other.seed(content, tmp_path / "seed")
    handle = member.add(content, tmp_path / "leech")
    limited, its_handle = (other, source) if direction == "upload" else (member, handle)
    if scope == "session":
        limited.session.apply_settings({f"{direction}_rate_limit": limit})
    elif direction == "upload":
        its_handle.set_upload_limit(limit)
    else:
        its_handle.set_download_limit(limit)
    handle.connect_peer(other.address)
    wait_for(lambda: received(handle) > limit // 2)
    begin, amount = time.monotonic(), received(handle)
    wait_for(lambda: received(handle) - amount > 2.5 * limit)
    rate = (received(handle) - amount) / (time.monotonic() - begin)
    assert limit * 0.9 <= rate <= limit * 1.1


def received(handle: object) -> int:
    return int(handle.status().total_payload_download)  # type: ignore[attr-defined]


@pytest.mark.slow
def test_limit_that_is_lifted(member: Member, other: Member, tmp_path: Path) -> None:
    content = Content(6_000_000, 65_536)
    other.seed(content, tmp_path / "seed")
    member.session.apply_settings({"download_rate_limit": 50_000})
    handle = member.add(content, tmp_path / "leech")
    handle.connect_peer(other.address)
    wait_for(lambda: received(handle) > 30_000)
    member.session.apply_settings({"download_rate_limit": 0})
    member.finish(handle, timeout=5)
    content.assert_in(tmp_path / "leech")


# ------------------------------------------------------------------------------------------------- connections, filters


def test_limit_on_connections(tmp_path: Path) -> None:
    with Member({"connections_limit": 2}) as member:
        member.seed(CONTENT, tmp_path)
        peers = [RawPeer(member, CONTENT) for _ in range(3)]
        for peer in peers[:2]:
            peer.shake_hands()
        peers[2].send(peers[2].handshake_bytes())
        assert peers[2].read_to_end() == b""
        peers[0].socket.close()
        wait_for(lambda: member.session.get_torrents()[0].status().num_connections == 1)
        with RawPeer(member, CONTENT) as again:
            again.shake_hands()
        for peer in peers:
            peer.socket.close()


def test_one_connection_for_each_address(tmp_path: Path) -> None:
    with Member({"allow_multiple_connections_per_ip": False}) as member:
        member.seed(CONTENT, tmp_path)
        with RawPeer(member, CONTENT) as first, RawPeer(member, CONTENT) as second:
            first.shake_hands()
            second.send(second.handshake_bytes())
            assert second.read_to_end() == b""
            with RawPeer(member, CONTENT, host="127.0.0.5") as elsewhere:
                elsewhere.shake_hands()


def test_ip_filter(member: Member, tmp_path: Path) -> None:
    member.seed(CONTENT, tmp_path)
    with RawPeer(member, CONTENT, host="127.0.0.7") as early:
        early.shake_hands()
        blocked = IpFilter()
        blocked.add_rule("127.0.0.7", "127.0.0.8", 1)
        member.session.set_ip_filter(blocked)
        early.read_to_end()
        assert member.session.get_ip_filter().access("127.0.0.8")
        with RawPeer(member, CONTENT, host="127.0.0.8") as late:
            late.send(late.handshake_bytes())
            assert late.read_to_end() == b""
        with RawPeer(member, CONTENT, host="127.0.0.9") as allowed:
            allowed.shake_hands()


def test_without_incoming_connections(member: Member, other: Member, tmp_path: Path) -> None:
    """The port stays open and lets nobody in."""
    member.session.apply_settings({"enable_incoming_tcp": False, "enable_incoming_utp": False})
    assert member.session.is_listening()
    download(member, other, tmp_path)
    assert member.all(IncomingConnectionAlert) == []


def test_both_dial_each_other(member: Member, other: Member, tmp_path: Path) -> None:
    """One of two connections between the same ends survives, and the download with it."""
    content = Content(2_000_000)
    for attempt in range(5):
        folder = tmp_path / str(attempt)
        source = other.seed(content, folder / "seed")
        handle = member.add(content, folder / "leech")
        handle.connect_peer(other.address)
        source.connect_peer(member.address)
        member.finish(handle)
        content.assert_in(folder / "leech")
        member.session.remove_torrent(handle)
        other.session.remove_torrent(source)


# ------------------------------------------------------------------------------------------------------ pause, the end


def test_session_pause(member: Member, other: Member, tmp_path: Path) -> None:
    other.seed(CONTENT, tmp_path / "seed")
    handle = member.add(CONTENT, tmp_path / "leech")
    wait_for(lambda: not handle.flags() & TorrentFlags.paused)
    member.session.pause()
    assert member.session.is_paused()
    handle.connect_peer(other.address)
    assert handle.status().num_connections == 0
    assert not handle.status().flags & TorrentFlags.paused
    member.session.resume()
    wait_for(lambda: handle.status().state.name == "downloading")
    handle.connect_peer(other.address)
    member.finish(handle)
    assert member.all(PeerConnectAlert)


def test_after_the_end(tmp_path: Path) -> None:
    member = Member()
    handle = member.add(CONTENT, tmp_path)
    member.session.close()
    assert member.session.is_closed
    for call in (member.session.get_torrents, lambda: member.session.add_torrent(AddTorrentParams())):
        with pytest.raises((InvalidSessionHandle, TorrentParamsError)):
            call()
    with pytest.raises((InvalidSessionHandle, InvalidTorrentHandle)):
        handle.status()
    assert "closed" in repr(member.session)
    assert member.collect(), "alerts can still be popped"


def test_every_public_call_from_many_threads(member: Member, tmp_path: Path) -> None:
    handle = member.seed(CONTENT, tmp_path)
    errors: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(30):
                handle.status()
                member.session.session_stats()
                handle.set_upload_limit(-1)
                member.session.get_torrents()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert LOOPBACK


# ------------------------------------------------------------------------------------------------- ports


def test_the_port_for_tls_is_that_of_the_socket_for_tls() -> None:
    with Member() as plain, Member(settings={"listen_interfaces": "127.0.0.1:0,127.0.0.1:0s"}) as member:
        assert plain.session.ssl_listen_port() == 0
        ports = {alert.port for alert in member.all(ListenSucceededAlert)}
        assert {member.session.listen_port(), member.session.ssl_listen_port()} == ports
        assert len(ports) == 2


def test_a_session_may_start_paused(tmp_path: Path) -> None:
    params = SessionParams(LOOPBACK, flags=SessionFlags.paused)
    with Session(params) as session:
        assert session.is_paused()
        handle = session.add_torrent(CONTENT.params(tmp_path, flags=TorrentFlags.update_subscribe))
        assert handle.status().state is TorrentState.checking_resume_data
        session.resume()
        wait_for(lambda: handle.status().state is TorrentState.downloading)
