from __future__ import annotations

import pytest
from evtorrent.session.alerts import session as alerts
from evtorrent.session.errors import ErrorCode, Operation

BUSY = ErrorCode.from_errno(98)


@pytest.mark.parametrize(
    ("kind", "fields", "message"),
    [
        ("ListenSucceededAlert", ["::", 6881], "successfully listening on [tcp] [::]:6881"),
        (
            "ListenFailedAlert",
            ["eth0:6881", "10.0.0.1", 6881, Operation.sock_bind, BUSY],
            "listening on 10.0.0.1:6881 (device: eth0:6881) failed: [sock_bind] [tcp] Address already in use",
        ),
        ("IncomingConnectionAlert", [("10.0.0.1", 5)], "incoming connection from 10.0.0.1:5 (tcp)"),
        ("StateUpdateAlert", [[1, 2]], "state updates for 2 torrents"),
        ("SessionStatsAlert", [{"a": 1, "b": 2}], "session stats (2 values): 1, 2"),
        ("SessionStatsHeaderAlert", [("a", "b")], "session stats header: a, b"),
        ("SessionErrorAlert", [BUSY], "session error: (98 Address already in use)"),
        ("SessionErrorAlert", [BUSY, "oh"], "session error: (98 Address already in use) oh"),
        (
            "UdpErrorAlert",
            [("10.0.0.1", 5), Operation.sock_write, BUSY],
            "UDP error: Address already in use from: 10.0.0.1:5 op: sock_write",
        ),
        ("ExternalIpAlert", ["1.2.3.4"], "external IP received: 1.2.3.4"),
        (
            "LsdErrorAlert",
            [BUSY, "10.0.0.1"],
            "Local Service Discovery startup error [10.0.0.1]: Address already in use",
        ),
        (
            "Socks5Alert",
            [BUSY, Operation.connect, ("proxy.example", 1080)],
            "SOCKS5 error. op: connect ec: Address already in use ep: proxy.example:1080",
        ),
        ("IpBanAlert", ["1.2.3.4"], "banned 1.2.3.4"),
        ("LogAlert", ["hello"], "hello"),
        (
            "AlertsDroppedAlert",
            [{"log_alert": 3, "x_alert": 1}, frozenset((79,))],
            "dropped alerts: log_alert (3), x_alert (1)",
        ),
    ],
)
def test_message(kind, fields, message):
    assert getattr(alerts, kind)(*fields).message() == message


def test_other_ways_to_ask():
    assert alerts.ListenSucceededAlert("::", 6881).endpoint == ("::", 6881)
    failed = alerts.ListenFailedAlert("lo", "127.0.0.1", 1, Operation.sock_bind, BUSY)
    assert failed.endpoint == ("127.0.0.1", 1)
    assert alerts.LogAlert("hello").log_message() == "hello"
    dropped = alerts.AlertsDroppedAlert({"log_alert": 3}, frozenset((79,))).dropped_alerts
    assert [number for number, was in enumerate(dropped) if was] == [79]
    assert len(dropped) == 108
