"""Downloads from web seeds: whole sessions against a server on loopback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from evtorrent.session import AddTorrentParams, PauseFlags, TorrentFlags, TorrentHandle, make_magnet_uri
from evtorrent.session.alerts import HashFailedAlert, TorrentPausedAlert, UrlSeedAlert
from evtorrent.session.errors import TorrentErrc
from evtorrent.session.loading import parse_magnet_uri
from evtorrent.session.torrent.web_seeds import MAX_WEB_SEEDS
from support.sessions import Content, Member
from support.trackers import LocalTracker
from support.v2_content import V2Content
from support.waiting import wait_for
from support.web_server import WebServer

pytestmark = pytest.mark.usefixtures("no_fd_survives")

ONE = Content(500_001, name="single file.bin")
MANY = Content([("a", 100_000), ("b/c ü", 70_001), ("empty", 0), ("d", 330_000)], 32_768)


@pytest.fixture
def server() -> Iterator[WebServer]:
    with WebServer() as server:
        server.offer(ONE.info, ONE.data)
        server.offer(MANY.info, MANY.data)
        yield server


@pytest.fixture
def member() -> Iterator[Member]:
    with Member({"urlseed_wait_retry": 1}) as member:
        yield member


def start(member: Member, content: Content, folder: Path, *urls: str, **fields: Any) -> TorrentHandle:
    return member.add(content, folder, url_seeds=list(urls), **fields)


def failure(member: Member) -> UrlSeedAlert:
    return member.wait(UrlSeedAlert)


# ----------------------------------------------------------------------------------------------------------- downloads


def test_one_file(member: Member, server: WebServer, tmp_path: Path) -> None:
    handle = start(member, ONE, tmp_path, server.url + "single%20file.bin")
    member.finish(handle)
    ONE.assert_in(tmp_path)
    assert server.num_connections == 1, "the connection is kept"
    assert member.all(UrlSeedAlert) == []
    wait_for(lambda: handle.status().total_payload_download == len(ONE.data))


def test_files_of_a_v2_torrent(member: Member, server: WebServer, tmp_path: Path) -> None:
    """The gap behind each file is asked of nobody."""
    content = V2Content([("a", 100_000), ("b/c", 70_001), ("empty", 0), ("d", 330_000)], 32_768, name="v2")
    server.offer(content.info, content.data)
    handle = start(member, content, tmp_path, server.url)
    member.finish(handle)
    content.assert_in(tmp_path)
    assert member.all(HashFailedAlert) == []
    assert {path.rpartition("/")[2] for path in server.paths()} == {"a", "c", "d"}


@pytest.mark.parametrize("slash", ["/", ""])
def test_many_files(member: Member, server: WebServer, tmp_path: Path, slash: str) -> None:
    handle = start(member, MANY, tmp_path, server.url.rstrip("/") + slash)
    member.finish(handle)
    MANY.assert_in(tmp_path)
    assert set(server.paths()) == {"/t/a", "/t/b/c ü", "/t/d"}


def test_a_folder_for_one_file(member: Member, server: WebServer, tmp_path: Path) -> None:
    member.finish(start(member, ONE, tmp_path, server.url))
    ONE.assert_in(tmp_path)


def test_small_requests_in_a_pipeline(server: WebServer, tmp_path: Path) -> None:
    settings = {"urlseed_max_request_bytes": 16_384, "urlseed_pipeline_size": 7}
    with Member(settings) as member:
        member.finish(start(member, ONE, tmp_path, server.url))
    ONE.assert_in(tmp_path)
    sizes = {1 - int(a) + int(b) for _, r in server.requests for a, b in [r[6:].split("-")]}
    assert max(sizes) == 16_384
    assert server.num_connections == 1


def test_a_magnet_link_with_a_web_seed(server: WebServer, tmp_path: Path) -> None:
    with Member() as seed, Member() as member:
        seed.seed(ONE, tmp_path / "seed").set_upload_limit(1000)
        params = parse_magnet_uri(make_magnet_uri(AddTorrentParams(ti=ONE.info, url_seeds=[server.url])))
        assert params.url_seeds == [server.url]
        params.save_path = str(tmp_path / "leech")
        handle = member.session.add_torrent(params)
        handle.connect_peer(seed.address)
        member.finish(handle)
        ONE.assert_in(tmp_path / "leech")
        assert server.requests


def test_only_wanted_files_are_asked_for(member: Member, server: WebServer, tmp_path: Path) -> None:
    handle = start(member, MANY, tmp_path, server.url, file_priorities=[0, 0, 0, 4])
    member.finish(handle)
    assert "/t/a" not in server.paths()


@pytest.mark.slow
def test_together_with_peers(server: WebServer, tmp_path: Path) -> None:
    big = Content(4_000_000, 65_536, name="big")
    server.offer(big.info, big.data)
    with Member() as seed, Member() as member:
        seed.seed(big, tmp_path / "seed").set_upload_limit(300_000)
        handle = start(member, big, tmp_path / "leech", server.url, download_limit=3_000_000)
        handle.connect_peer(seed.address)
        member.finish(handle)
        big.assert_in(tmp_path / "leech")


@pytest.mark.parametrize("knob", ["http10", "chunked"])
def test_servers_of_another_kind(member: Member, tmp_path: Path, knob: str) -> None:
    """One that closes after each answer; one that does not say how long its answers are."""
    with WebServer(protocol="HTTP/1.0" if knob == "http10" else "HTTP/1.1") as server:
        server.is_chunked = knob == "chunked"
        server.offer(MANY.info, MANY.data)
        member.finish(start(member, MANY, tmp_path, server.url))
        MANY.assert_in(tmp_path)
        assert (server.num_connections > 1) == (knob == "http10")
        assert member.all(UrlSeedAlert) == []


def test_a_server_without_ranges_will_do_for_whole_files(
    member: Member, server: WebServer, tmp_path: Path
) -> None:
    server.knows_ranges = False
    small = Content([("x", 20_000)], 32_768, name="s")
    server.offer(small.info, small.data)
    member.finish(start(member, small, tmp_path, server.url))
    handle = start(member, ONE, tmp_path, server.url + "single%20file.bin")
    handle.prioritize_pieces([0] + [4] * (ONE.info.num_pieces - 1))
    assert "range" in failure(member).message()


def test_padding_is_not_asked_for(member: Member, server: WebServer, tmp_path: Path) -> None:
    padded = Content([("x", 40_000), (".pad/25536", 25_536, "p"), ("y", 70_000)], 65_536, name="padded")  # type: ignore[list-item]
    server.offer(padded.info, padded.data)
    member.finish(start(member, padded, tmp_path, server.url))
    assert not [path for path in server.paths() if "pad/" in path]


# ----------------------------------------------------------------------------------------------------------- redirects


def test_redirected_to_another_server(member: Member, server: WebServer, tmp_path: Path) -> None:
    with WebServer() as mirror:
        mirror.offer(MANY.info, MANY.data, folder="/mirror/")
        server.moved = {"/t/a": f"{mirror.url}mirror/t/a", "/t/d": "/t/elsewhere"}
        server.files["/t/elsewhere"] = server.files.pop("/t/d")
        member.finish(start(member, MANY, tmp_path, server.url))
        MANY.assert_in(tmp_path)
        assert set(mirror.paths()) == {"/mirror/t/a"}
        assert server.paths().count("/t/a") == 1, "it is remembered"
        assert member.all(UrlSeedAlert) == []


def test_redirects_without_end(member: Member, server: WebServer, tmp_path: Path) -> None:
    server.moved = {"/single file.bin": "/single%20file.bin"}
    start(member, ONE, tmp_path, server.url)
    assert "redirects" in failure(member).message()
    assert len(server.requests) <= 7


# ------------------------------------------------------------------------------------------------------------ failures


def turn(name: str, value: object) -> Callable[[WebServer], None]:
    return lambda server: setattr(server, name, value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("break_it", "expected"),
    [
        (turn("status", 503), "503"),
        (turn("status", 404), "404"),
        (turn("wrong_range", True), "range"),
        (turn("cut_after", 1000), "early"),
        (turn("cut_after", 0), ""),
    ],
    ids=["503", "404", "wrong range", "cut", "cut at once"],
)
def test_it_is_asked_again_after_a_while(
    member: Member,
    server: WebServer,
    tmp_path: Path,
    break_it: Callable[[WebServer], None],
    expected: str,
) -> None:
    break_it(server)
    handle = start(member, ONE, tmp_path, server.url)
    assert expected in failure(member).message()
    assert failure(member).server_url == server.url
    assert handle.status().total_done == 0
    server.status, server.wrong_range, server.cut_after = 0, False, None
    member.finish(handle)
    ONE.assert_in(tmp_path)


def test_nobody_there_and_no_such_name(member: Member, tmp_path: Path) -> None:
    with WebServer() as gone:
        url = gone.url
    start(member, ONE, tmp_path, url)
    assert failure(member).error


@pytest.mark.slow
def test_a_silent_server(server: WebServer, tmp_path: Path) -> None:
    server.is_silent = True
    with Member({"urlseed_timeout": 1}) as member:
        handle = start(member, ONE, tmp_path, server.url)
        assert "timed out" in failure(member).message()
        assert handle.status().num_pieces == 0


def test_a_file_it_has_not_is_had_from_others(member: Member, server: WebServer, tmp_path: Path) -> None:
    del server.files["/t/a"]
    with WebServer() as other:
        other.offer(MANY.info, MANY.data)
        handle = start(member, MANY, tmp_path, server.url)
        last = 100_000 // 32_768
        wait_for(lambda: handle.status().num_pieces == MANY.info.num_pieces - last - 1, handle.status)
        handle.add_url_seed(other.url)
        member.finish(handle)
        assert set(other.paths()) <= {"/t/a", "/t/b/c ü"}
        MANY.assert_in(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("bans", [True, False])
def test_bad_data(server: WebServer, tmp_path: Path, bans: bool) -> None:
    good = server.files["/single file.bin"]
    server.files["/single file.bin"] = good[:200_000] + b"?" + good[200_001:]
    with Member({"ban_web_seeds": bans, "urlseed_wait_retry": 1}) as member:
        handle = start(member, ONE, tmp_path, server.url)
        told = failure(member)
        assert told.error.value == TorrentErrc.too_many_corrupt_pieces
        assert member.wait(HashFailedAlert).piece_index == 200_000 // 32_768
        assert member.session.session_stats()["peer.num_banned_peers"] == bans
        server.files["/single file.bin"] = good
        if not bans:
            member.finish(handle)
            ONE.assert_in(tmp_path)
            return
        with WebServer() as other:
            other.offer(ONE.info, ONE.data)
            handle.add_url_seed(other.url)
            member.finish(handle)
            assert handle.status().total_failed_bytes > 0
            ONE.assert_in(tmp_path)


# --------------------------------------------------------------------------------------------------- safety and limits


@pytest.mark.slow
def test_nothing_inside_is_made_to_do_things(server: WebServer, tmp_path: Path) -> None:
    """A query at an address of our own is refused, unless settings allow it (`ssrf_mitigation`)."""
    with Member({"urlseed_wait_retry": 1}) as member:
        handle = start(member, ONE, tmp_path, server.url + "single%20file.bin?delete=all")
        assert "may be asked" in failure(member).message()
        assert server.requests == []
        server.files["/single file.bin?delete=all"] = ONE.data
        member.session.apply_settings({"ssrf_mitigation": False})
        member.finish(handle)


def test_how_many_are_asked_at_a_time(tmp_path: Path) -> None:
    servers = [WebServer() for _ in range(3)]
    for each in servers:
        each.is_silent = True
        each.__enter__()
    try:
        with Member({"max_web_seed_connections": 2}) as member:
            start(member, ONE, tmp_path, *(each.url for each in servers))
            wait_for(lambda: sum(each.num_connections for each in servers) == 2)
            member.session.apply_settings({"max_web_seed_connections": 3})
            wait_for(lambda: sum(each.num_connections for each in servers) == 3)
    finally:
        for each in servers:
            each.__exit__()


def test_rate_limits_hold_for_web_seeds(server: WebServer, tmp_path: Path) -> None:
    big = Content(3_000_000, 65_536, name="big")
    server.offer(big.info, big.data)
    with Member({"download_rate_limit": 400_000}) as member:
        handle = start(member, big, tmp_path, server.url)
        wait_for(lambda: handle.status().total_payload_download > 100_000)
        assert handle.status().total_payload_download < 2_000_000
        member.session.apply_settings({"download_rate_limit": 0})
        member.finish(handle)
        big.assert_in(tmp_path)


# ---------------------------------------------------------------------------------------------------------- at run time


def test_added_and_removed(member: Member, server: WebServer, tmp_path: Path) -> None:
    handle = start(member, ONE, tmp_path)
    assert handle.url_seeds() == []
    handle.add_url_seed("gopher://nowhere/")
    assert "scheme" in failure(member).message()
    server.is_silent = True
    handle.add_url_seed(server.url)
    handle.add_url_seed(server.url)
    assert handle.url_seeds() == [server.url]
    wait_for(lambda: server.requests)
    handle.remove_url_seed(server.url)
    handle.remove_url_seed(server.url)
    assert handle.url_seeds() == []
    assert handle.get_resume_params().url_seeds == []
    server.is_silent = False
    handle.add_url_seed(server.url)
    assert handle.get_resume_params().url_seeds == [server.url]
    member.finish(handle)


def test_a_long_list_is_cut(member: Member, tmp_path: Path) -> None:
    urls = [f"http://127.0.0.1:9/{number}" for number in range(MAX_WEB_SEEDS + 5)]
    handle = start(member, ONE, tmp_path, *urls, flags=TorrentFlags.paused)
    assert handle.url_seeds() == urls[:MAX_WEB_SEEDS]


def test_paused_and_resumed(member: Member, server: WebServer, tmp_path: Path) -> None:
    handle = start(
        member, ONE, tmp_path, server.url, flags=TorrentFlags.update_subscribe, download_limit=100_000
    )
    wait_for(lambda: handle.status().total_payload_download > 0)
    handle.pause()
    member.wait(TorrentPausedAlert)
    handle.set_download_limit(0)
    handle.resume()
    member.finish(handle)
    ONE.assert_in(tmp_path)


def test_a_graceful_pause_takes_what_is_on_order(member: Member, server: WebServer, tmp_path: Path) -> None:
    handle = start(
        member, ONE, tmp_path, server.url, flags=TorrentFlags.update_subscribe, download_limit=200_000
    )
    wait_for(lambda: handle.status().total_payload_download > 0)
    handle.pause(PauseFlags.graceful_pause)
    handle.set_download_limit(0)
    member.wait(TorrentPausedAlert)
    handle.resume()
    member.finish(handle)


def test_removed_while_it_downloads(member: Member, server: WebServer, tmp_path: Path) -> None:
    handle = start(member, ONE, tmp_path, server.url, download_limit=50_000)
    wait_for(lambda: server.requests)
    member.session.remove_torrent(handle)
    wait_for(lambda: member.session.get_torrents() == [])


@pytest.mark.parametrize("reports", [True, False])
def test_what_trackers_are_told(server: WebServer, tmp_path: Path, reports: bool) -> None:
    with LocalTracker() as tracker, Member({"report_web_seed_downloads": reports}) as member:
        handle = start(member, ONE, tmp_path, server.url, trackers=[tracker.http_url])
        member.finish(handle)

        def completed() -> list[str]:
            return [request for request in tracker.requests if "event=completed" in request]

        wait_for(completed)
        wait_for(lambda: handle.status().total_payload_download == len(ONE.data))
        handle.pause()
        told = wait_for(lambda: [request for request in tracker.requests if "event=stopped" in request])[0]
        assert ("&downloaded=0&" not in told) == reports
