"""From where torrents are announced, by what listens; trackers on loopback see to whom they belong."""

from __future__ import annotations

import pytest
from evtorrent.session import TorrentErrc, TrackerEvent
from evtorrent.session.alerts import TrackerAnnounceAlert, TrackerErrorAlert, TrackerReplyAlert
from support.sessions import Content, Member
from support.trackers import LocalTracker
from support.waiting import wait_for

CONTENT = Content(100_000)
NAME = bytes(CONTENT.info.info_hashes.best())


def known(tracker):
    """Who announced, as the tracker has it."""
    return set(tracker.swarms._torrents.get(NAME, {}))


def listening(member):
    return {(port.host, port.port) for port in member.session._core.listen_ports()}


def add(member, tmp_path, *urls):
    return member.add(CONTENT, tmp_path, trackers=list(urls), tracker_tiers=list(range(len(urls))))


@pytest.mark.parametrize("scheme", ["http", "udp"])
def test_every_socket_that_listens_announces_itself(scheme, tmp_path):
    settings = {"listen_interfaces": "127.0.0.1:0,127.0.0.2:0"}
    with LocalTracker() as tracker, Member(settings) as member:
        handle = add(member, tmp_path, getattr(tracker, f"{scheme}_url"))
        wait_for(lambda: len(member.all(TrackerReplyAlert)) == 2)
        assert known(tracker) == listening(member)
        assert {host for host, _ in known(tracker)} == {"127.0.0.1", "127.0.0.2"}
        for kind in (TrackerAnnounceAlert, TrackerReplyAlert):
            assert {alert.local_endpoint for alert in member.all(kind)} == listening(member)
        (entry,) = handle.trackers()
        assert {endpoint.local_endpoint for endpoint in entry.endpoints} == listening(member)
        assert all(endpoint.info_hashes[0].start_sent for endpoint in entry.endpoints)
        handle.pause()
        wait_for(lambda: not known(tracker))


@pytest.mark.parametrize("scheme", ["http", "udp"])
def test_what_cannot_be_reached_over_one_family_is_asked_over_the_other(scheme, tmp_path):
    settings = {"listen_interfaces": "127.0.0.1:0,[::1]:0"}
    with LocalTracker() as four, LocalTracker(host="::1") as six, Member(settings) as member:
        handle = add(member, tmp_path, getattr(four, f"{scheme}_url"), getattr(six, f"{scheme}_url"))
        wait_for(lambda: len(member.all(TrackerReplyAlert)) == 2)
        assert known(four) | known(six) == listening(member)
        assert {host for host, _ in known(four)} == {"127.0.0.1"}
        assert {host for host, _ in known(six)} == {"::1"}
        (skipped,) = member.all(TrackerErrorAlert)
        assert skipped.error.value == TorrentErrc.announce_skipped
        assert skipped.local_endpoint[0] == "::1"
        entry = handle.trackers()[0]
        over_four, over_six = (endpoint.info_hashes[0] for endpoint in entry.endpoints)
        assert entry.url == skipped.url and entry.verified
        assert (over_four.fails, over_six.fails) == (0, 1)
        assert over_four.next_announce > 1000 > over_six.next_announce > 0, "the other one backs off"


def test_another_socket_that_listens(tmp_path):
    with LocalTracker() as tracker, Member() as member:
        handle = add(member, tmp_path, tracker.http_url)
        wait_for(lambda: len(known(tracker)) == 1)
        (first,) = known(tracker)
        member.session.apply_settings({"listen_interfaces": "127.0.0.1:0,127.0.0.3:0"})
        wait_for(lambda: known(tracker) == listening(member) and len(known(tracker)) == 2)
        assert first in known(tracker)
        announced = member.all(TrackerAnnounceAlert)
        assert [alert.event for alert in announced] == [TrackerEvent.started] * 2, (
            "the first is not asked again"
        )
        member.session.apply_settings({"listen_interfaces": "127.0.0.3:0"})
        wait_for(lambda: len(handle.trackers()[0].endpoints) == 1)
        assert {endpoint.local_endpoint for endpoint in handle.trackers()[0].endpoints} == listening(member)
        assert handle.trackers()[0].endpoints[0].info_hashes[0].start_sent
        handle.pause()
        wait_for(lambda: known(tracker) == {first})


def test_a_session_that_does_not_listen_announces_all_the_same(tmp_path):
    with LocalTracker() as tracker, Member({"listen_interfaces": ""}) as member:
        handle = add(member, tmp_path, tracker.http_url)
        member.wait(TrackerReplyAlert)
        assert known(tracker) == set(), "nobody can connect to it"
        assert [endpoint.local_endpoint for endpoint in handle.trackers()[0].endpoints] == [("", 0)]
