from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from evtorrent.protocols.bencode import encode
from evtorrent.protocols.metainfo import parse_torrent
from evtorrent.protocols.types import InfoHashes
from evtorrent.session import AddTorrentParams, EncPolicy, PeerSource, ReannounceFlags, TorrentFlags
from evtorrent.session.alerts import (
    ExternalIpAlert,
    ScrapeFailedAlert,
    ScrapeReplyAlert,
    TrackerAnnounceAlert,
    TrackerErrorAlert,
    TrackeridAlert,
    TrackerReplyAlert,
    TrackerWarningAlert,
)
from evtorrent.session.core.core import tracker_list_settings
from support.torrents import PIECE_LENGTH, hybrid_torrent
from support.world import FakeSocket, World, torrent_of

URL = "http://10.1.1.1:80/announce"


class Tracker:
    """An HTTP tracker by hand: `requests` are what came, `reply` (bytes of a body, or a status) what it answers."""

    def __init__(self, world, host="10.1.1.1"):
        self.world = world
        self.requests: list[dict[str, list[str]]] = []
        self.paths: list[str] = []
        self.reply: dict | int | None = {"interval": 1800, "peers": b""}
        self.scrape: dict | int = 404
        self.sockets: list[FakeSocket] = []
        world.listening[host, 80] = lambda sock, address: self.sockets.append(sock)

    def serve(self):
        """Answer everything that has come."""
        self.world.pump()
        for sock in self.sockets:
            if b"\r\n\r\n" not in sock.inbox:
                continue
            target = bytes(sock.inbox).split(b" ")[1].decode("latin-1")
            sock.inbox.clear()
            parts = urlsplit(target)
            self.paths.append(parts.path)
            self.requests.append(parse_qs(parts.query, encoding="latin-1"))
            answer = self.scrape if "scrape" in parts.path else self.reply
            if answer is None:
                continue
            status, body = (answer, b"") if isinstance(answer, int) else (200, encode(answer))
            sock.send(
                b"HTTP/1.1 %d OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
                % (status, len(body), body)
            )
            sock.close()
        self.world.pump()

    def events(self):
        return [request.get("event", [""])[0] for request in self.requests]


@pytest.fixture
def world():
    return World()


def tracked(world, *, start=True, urls=(URL,), content=False, **settings):
    tracker = Tracker(world)
    node = world.node(ssrf_mitigation=False, **settings)
    info, data = torrent_of(4)
    torrent = node.add(info, data if content else None, trackers=list(urls), start=start)
    return tracker, node, torrent


def test_a_torrent_announces_what_it_is(world):
    tracker, node, torrent = tracked(world)
    tracker.serve()
    (request,) = tracker.requests
    assert request["event"] == ["started"]
    assert request["left"] == [str(torrent.info.total_size)]
    assert request["numwant"] == ["200"]
    assert request["uploaded"] == request["downloaded"] == ["0"]
    assert [alert.url for alert in node.alerts(TrackerAnnounceAlert)] == [URL]
    assert [alert.num_peers for alert in node.alerts(TrackerReplyAlert)] == [0]


def test_peers_are_dialled(world):
    tracker, _node, torrent = tracked(world)
    tracker.reply = {"interval": 1800, "peers": bytes([10, 8, 8, 8, 0x1A, 0xE1])}
    world.black_holes.add("10.8.8.8")
    tracker.serve()
    assert [link.address for link in torrent.swarm.links] == [("10.8.8.8", 6881)]
    assert torrent.peers.find(("10.8.8.8", 6881)).source & PeerSource.tracker


def test_nothing_is_announced_while_it_is_paused(world):
    tracker, _node, _torrent = tracked(world, start=False)
    tracker.serve()
    assert not tracker.requests


def test_stopping_and_starting(world):
    tracker, _node, torrent = tracked(world)
    tracker.serve()
    torrent.pause()
    tracker.serve()
    torrent.resume()
    tracker.serve()
    assert tracker.events() == ["started", "stopped", "started"]
    assert tracker.requests[1].get("numwant") == ["0"]


def test_completion_is_announced(world):
    tracker, _node, torrent = tracked(world)
    tracker.serve()
    seed = world.node()
    info, content = torrent_of(4)
    seed.seed(info, content)
    torrent.connect_peer(seed.address, PeerSource.tracker)
    tracker.serve()
    assert tracker.events() == ["started", "completed"]
    assert tracker.requests[1]["left"] == ["0"]
    assert int(tracker.requests[1]["downloaded"][0]) == len(content)


def test_a_seed_from_the_start_completes_nothing(world):
    tracker, _node, _torrent = tracked(world, content=True)
    tracker.serve()
    assert tracker.events() == ["started"]
    assert tracker.requests[0]["left"] == ["0"]


def test_what_a_tracker_says_beside_peers(world):
    tracker, node, torrent = tracked(world)
    tracker.reply = {
        "interval": 1800,
        "peers": b"",
        "warning message": "soon closed",
        "tracker id": "xyz",
        "external ip": bytes([198, 51, 100, 7]),
        "complete": 5,
        "incomplete": 7,
    }
    tracker.serve()
    assert [alert.warning_message for alert in node.alerts(TrackerWarningAlert)] == ["soon closed"]
    assert [alert.tracker_id for alert in node.alerts(TrackeridAlert)] == ["xyz"]
    assert [alert.external_address for alert in node.alerts(ExternalIpAlert)] == ["198.51.100.7"]
    status = torrent.handle.status()
    assert (status.num_complete, status.num_incomplete) == (5, 7)
    assert status.current_tracker == URL
    assert status.announcing_to_trackers
    assert status.next_announce > 0
    (entry,) = torrent.handle.trackers()
    assert entry.next_announce is not None and 0 < entry.next_announce <= 1800, "seconds, not a time"
    assert entry.min_announce is not None and 0 <= entry.min_announce <= 1800
    params = torrent.handle.get_resume_params()
    assert (params.num_complete, params.num_incomplete) == (5, 7)
    assert params.trackers == [URL]


def test_failures(world):
    tracker, node, torrent = tracked(world)
    tracker.reply = {"failure reason": "go away"}
    tracker.serve()
    (alert,) = node.alerts(TrackerErrorAlert)
    assert alert.failure_reason == "go away"
    assert alert.times_in_row == 1
    tracker.reply = 503
    torrent.handle.force_reannounce(0, 0, ReannounceFlags.ignore_min_interval)
    tracker.serve()
    alert = node.alerts(TrackerErrorAlert)[1]
    assert (alert.error.category, alert.error.value) == ("http", 503)
    assert alert.times_in_row == 2
    (entry,) = torrent.handle.trackers()
    assert entry.endpoints[0].info_hashes[0].fails == 2
    assert entry.endpoints[0].info_hashes[0].last_error.value == 503


def test_scrapes(world):
    tracker, node, torrent = tracked(world)
    tracker.serve()
    name = bytes(torrent.info_hashes.best())
    tracker.scrape = {"files": {name: {"complete": 3, "incomplete": 4, "downloaded": 9}}}
    torrent.handle.scrape_tracker()
    tracker.serve()
    (alert,) = node.alerts(ScrapeReplyAlert)
    assert (alert.complete, alert.incomplete) == (3, 4)
    assert torrent.handle.get_resume_params().num_downloaded == 9
    tracker.scrape = 404
    torrent.handle.scrape_tracker(0)
    tracker.serve()
    assert node.alerts(ScrapeFailedAlert)[0].url == URL
    with pytest.raises(IndexError):
        torrent.handle.scrape_tracker(1)


def test_trackers_are_added_and_replaced(world):
    _tracker, _node, torrent = tracked(world, start=False, urls=())
    handle = torrent.handle
    handle.add_tracker(URL, 3)
    handle.add_tracker(URL)
    assert [(entry.url, entry.tier) for entry in handle.trackers()] == [(URL, 3)]
    other = handle.trackers()[0]
    handle.replace_trackers(["http://10.1.1.2/announce", ("http://10.1.1.3/announce", 1), other])
    assert [(entry.url, entry.tier) for entry in handle.trackers()] == [
        ("http://10.1.1.2/announce", 0),
        ("http://10.1.1.3/announce", 1),
        (URL, 3),
    ]
    assert handle.get_resume_params().tracker_tiers == [0, 1, 3]
    assert handle.need_save_resume_data()


def test_the_order_of_resume_data_is_kept(world):
    urls = [f"http://10.1.1.{number}/announce" for number in range(2, 30)]
    node = world.node()
    info, _ = torrent_of(4)
    torrent = node.add(
        info,
        trackers=urls,
        tracker_tiers=[0],
        start=False,
        flags=TorrentFlags.override_trackers,
    )
    assert [entry.url for entry in torrent.handle.trackers()] == urls
    other = world.node().add(info, trackers=urls, tracker_tiers=[0], start=False)
    shuffled = [entry.url for entry in other.handle.trackers()]
    assert shuffled != urls
    assert sorted(shuffled) == sorted(urls)


def test_settings_reach_the_list(world):
    _tracker, node, torrent = tracked(world)
    world.pump()
    node.session.apply_settings({"tracker_backoff": 1, "stop_tracker_timeout": 2})
    assert torrent.tracking.trackers.list.settings == tracker_list_settings(node.core.settings)
    assert torrent.tracking.trackers.list.settings.tracker_backoff == 1
    assert torrent.tracking.trackers.stop_timeout == 2.0
    torrent.pause()
    node.session.apply_settings({"tracker_backoff": 7})
    torrent.resume()
    assert torrent.tracking.trackers.list.settings.tracker_backoff == 7


def announced(tracker, torrent):
    """What the next announce says."""
    torrent.handle.force_reannounce(0, -1, ReannounceFlags.ignore_min_interval)
    tracker.serve()
    return tracker.requests[-1]


def test_address_and_port_that_trackers_are_told(world):
    tracker, node, torrent = tracked(world)
    tracker.serve()
    assert "ip" not in tracker.requests[-1]
    usual = tracker.requests[-1]["port"]
    node.session.apply_settings({"announce_ip": "198.51.100.9", "announce_port": 4711})
    request = announced(tracker, torrent)
    assert (request["ip"], request["port"]) == (["198.51.100.9"], ["4711"])
    node.session.apply_settings({"announce_ip": "", "announce_port": 0})
    request = announced(tracker, torrent)
    assert "ip" not in request and request["port"] == usual


@pytest.mark.parametrize(
    ("policy", "told"), [(EncPolicy.disabled, False), (EncPolicy.enabled, True), (EncPolicy.forced, True)]
)
def test_encryption_is_offered_where_it_is_accepted(world, policy, told):
    tracker, node, torrent = tracked(world, in_enc_policy=policy)
    tracker.serve()
    assert (tracker.requests[-1].get("supportcrypto") == ["1"]) is told
    node.session.apply_settings({"announce_crypto_support": False})
    assert "supportcrypto" not in announced(tracker, torrent)


def test_a_name_is_remembered_for_a_while(world, monkeypatch):
    tracker, node, torrent = tracked(world, start=False, urls=("http://tracker.example:80/announce",))
    asked = []

    def resolve(base, host, port, callback, *, family=0):
        asked.append(host)
        return base.call_soon(callback, [(2, ("10.1.1.1", port))])

    monkeypatch.setattr(node.platform, "resolve", resolve)
    torrent.resume()
    tracker.serve()
    announced(tracker, torrent)
    assert len(tracker.requests) == 2
    assert asked == ["tracker.example"]
    node.session.apply_settings({"resolver_cache_timeout": 0})
    announced(tracker, torrent)
    announced(tracker, torrent)
    assert len(asked) == 3


def test_what_came_twice_is_told_or_not(world):
    tracker, node, torrent = tracked(world)
    tracker.serve()
    assert tracker.requests[-1]["redundant"] == ["0"]
    node.session.apply_settings({"report_redundant_bytes": False})
    assert "redundant" not in announced(tracker, torrent)


def test_a_tracker_in_a_hurry_is_asked_at_the_least_interval(world):
    tracker, node, torrent = tracked(world)
    tracker.reply = {"interval": 10, "min interval": 1, "peers": b""}
    tracker.serve()
    world.advance(299)
    tracker.serve()
    assert len(tracker.requests) == 1
    world.advance(2)
    tracker.serve()
    assert len(tracker.requests) == 2
    node.session.apply_settings({"min_announce_interval": 20})
    announced(tracker, torrent)  # From its answer on.
    world.advance(21)
    tracker.serve()
    assert len(tracker.requests) == 4


@pytest.mark.parametrize("limit", ["tracker_maximum_response_length", "max_http_recv_buffer_size"])
def test_an_answer_beyond_either_limit_is_no_answer(world, limit):
    tracker, node, torrent = tracked(world)
    tracker.reply = {"interval": 1800, "peers": b"", "warning message": "w" * 2000}
    tracker.serve()
    assert not node.alerts(TrackerErrorAlert)
    node.session.apply_settings({limit: 1000})
    announced(tracker, torrent)
    assert len(node.alerts(TrackerErrorAlert)) == 1


def test_a_hybrid_torrent_is_announced_by_both_names(world):
    tracker = Tracker(world)
    node = world.node(ssrf_mitigation=False)
    info = parse_torrent(hybrid_torrent(PIECE_LENGTH * 3)).info
    torrent = node.add(info, trackers=[URL])
    names = {bytes(name).decode("latin-1") for name in info.info_hashes.wire_names()}
    assert len(names) == 2
    tracker.reply = {"interval": 1800, "complete": 3, "incomplete": 1, "peers": b""}
    tracker.serve()
    assert {request["info_hash"][0] for request in tracker.requests} == names
    assert tracker.events() == ["started", "started"]
    (entry,) = torrent.handle.trackers()
    assert [state.start_sent for state in entry.endpoints[0].info_hashes] == [True, True]
    assert torrent.handle.status().num_complete == 3
    by_name = {bytes(name): {"complete": 7, "incomplete": 2} for name in info.info_hashes.wire_names()}
    tracker.scrape = {"files": by_name}
    torrent.handle.scrape_tracker()
    tracker.serve()
    assert [alert.complete for alert in node.alerts(ScrapeReplyAlert)] == [7, 7]
    torrent.handle.force_reannounce(0, -1, ReannounceFlags.ignore_min_interval)
    tracker.serve()
    torrent.handle.add_tracker("http://10.1.1.1:80/other/announce", 1)
    assert len(torrent.handle.trackers()) == 2
    torrent.handle.replace_trackers([URL])
    told = []
    torrent.stop(on_told=lambda: told.append(world.now))
    assert not told
    tracker.serve()
    assert told
    assert tracker.events().count("stopped") == 2
    assert {request["info_hash"][0] for request in tracker.requests[-2:]} == names
    world.check()


def test_one_name_more_comes_with_the_metadata(world):
    tracker = Tracker(world)
    node = world.node(ssrf_mitigation=False)
    info = parse_torrent(hybrid_torrent(PIECE_LENGTH * 3)).info
    params = AddTorrentParams(save_path="/disk", info_hashes=InfoHashes(info.info_hashes.v1), trackers=[URL])
    params.flags &= ~(TorrentFlags.paused | TorrentFlags.auto_managed)
    handle = node.session.add_torrent(params)
    tracker.serve()
    assert len(tracker.requests) == 1
    handle.set_metadata(info.info_section)
    tracker.serve()
    names = {bytes(name).decode("latin-1") for name in info.info_hashes.wire_names()}
    assert {request["info_hash"][0] for request in tracker.requests} == names


def test_a_magnet_link_does_not_know_what_is_left(world):
    tracker = Tracker(world)
    node = world.node(ssrf_mitigation=False)
    info, _ = torrent_of(4)
    params = AddTorrentParams(save_path="/disk", info_hashes=info.info_hashes, trackers=[URL])
    params.flags &= ~(TorrentFlags.paused | TorrentFlags.auto_managed)
    node.session.add_torrent(params)
    tracker.serve()
    assert int(tracker.requests[0]["left"][0]) > 0


def test_taking_leave_has_a_deadline(world):
    tracker, _node, torrent = tracked(world, stop_tracker_timeout=3)
    tracker.serve()
    tracker.reply = None
    told = []
    torrent.stop(on_told=lambda: told.append(world.now))
    tracker.serve()
    assert tracker.events()[-1] == "stopped"
    assert not told
    start = world.now
    world.advance(4)
    assert told == [pytest.approx(start + 3, abs=0.6)]


def test_leave_is_over_when_the_tracker_answered(world):
    tracker, _node, torrent = tracked(world)
    tracker.serve()
    told = []
    torrent.stop(on_told=lambda: told.append(1))
    assert not told
    tracker.serve()
    assert told == [1]
