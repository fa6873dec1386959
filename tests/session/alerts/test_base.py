from __future__ import annotations

import pytest
from evtorrent.protocols.types import InfoHashes, ProtocolVersion, Sha1Hash, Sha256Hash
from evtorrent.session import alerts
from evtorrent.session.alerts import (
    ALERT_TYPES,
    NUM_ALERT_TYPES,
    Alert,
    AlertPriority,
    PeerAlert,
    PieceFinishedAlert,
    TorrentAlert,
    TorrentPausedAlert,
    TrackerAlert,
    endpoint_text,
)
from evtorrent.session.errors import InvalidTorrentHandle
from evtorrent.session.flags import AlertCategory
from support.libtorrent_alerts import LIBTORRENT_ALERTS

V1, V2 = Sha1Hash(b"\x11" * 20), Sha256Hash(b"\x22" * 32)


class Handle:
    """As much of a torrent handle as an alert needs."""

    def __init__(self, hashes: InfoHashes | None) -> None:
        self._hashes = hashes

    def info_hashes(self) -> InfoHashes:
        if self._hashes is None:
            raise InvalidTorrentHandle()
        return self._hashes


@pytest.mark.parametrize("number", sorted(ALERT_TYPES))
def test_number_category_and_priority_are_libtorrents(number):
    kind = ALERT_TYPES[number]
    expected, categories, priority = LIBTORRENT_ALERTS[kind.alert_name]
    assert number == kind.alert_type == expected < NUM_ALERT_TYPES
    combined = AlertCategory(0)
    for name in categories:
        combined |= AlertCategory[name]
    assert kind.static_category == combined
    assert kind.category_bits == int(combined)
    assert kind.priority is AlertPriority[priority]
    assert kind.__doc__


def test_every_alert_class_is_exported_and_registered():
    exported = {name for name in alerts.__all__ if name.endswith("Alert")}
    registered = {kind.__name__ for kind in ALERT_TYPES.values()}
    bases = {"Alert", "TorrentAlert", "PeerAlert", "TrackerAlert"}
    assert exported - registered == bases | {"PluginErrorAlert"}  # Which libtorrent does not have.
    assert registered <= exported


def test_alerts_have_slots_and_no_dictionary():
    for kind in ALERT_TYPES.values():
        assert not hasattr(kind.__new__(kind), "__dict__"), kind


def test_an_alert_tells_what_it_is():
    alert = PieceFinishedAlert(None, 7, torrent_name="debian")
    assert alert.type() == 27
    assert alert.what() == "piece_finished_alert"
    assert alert.category() == AlertCategory.piece_progress
    assert str(alert) == alert.message() == "debian piece: 7 finished downloading"
    assert repr(alert) == "<piece_finished_alert: debian piece: 7 finished downloading>"
    assert alert.timestamp == 0.0


def test_alerts_are_compared_by_identity():
    one, other = (PieceFinishedAlert(None, 7, torrent_name="debian") for _ in range(2))
    assert one != other
    assert len({one, other}) == 2


@pytest.mark.parametrize(
    ("hashes", "name"),
    [
        (InfoHashes(V1), "111111"),
        (InfoHashes(V1, V2), "222222"),
        (InfoHashes(), "------"),
        (None, "------"),
    ],
)
def test_without_a_name_the_hash_stands_for_the_torrent(hashes, name):
    assert TorrentPausedAlert(Handle(hashes)).message() == f"{name} paused"


def test_the_bases_have_messages_too():
    assert Alert().message() == "alert"
    assert TorrentAlert(None, torrent_name="x").message() == "x"
    assert PeerAlert(None, ("10.0.0.1", 5), None, torrent_name="x").message() == "x peer 10.0.0.1:5"
    tracker = TrackerAlert(None, "http://t/a", torrent_name="x")
    assert tracker.message() == "x (http://t/a)[v1]"
    here, v2 = ("::1", 5), ProtocolVersion.V2
    tracker = TrackerAlert(None, "http://t/a", torrent_name="x", local_endpoint=here, version=v2)
    assert tracker.message() == "x (http://t/a)[[::1]:5-v2]"
    assert tracker.tracker_url() == "http://t/a"


def test_endpoints_are_written_so_that_the_port_can_be_seen():
    assert endpoint_text(("10.0.0.1", 80)) == "10.0.0.1:80"
    assert endpoint_text(("::1", 80)) == "[::1]:80"
