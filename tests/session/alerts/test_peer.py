from __future__ import annotations

import pytest
from evtorrent.session.alerts import peer as alerts
from evtorrent.session.close_reason import CloseReason
from evtorrent.session.errors import ErrorCode, Operation
from evtorrent.session.flags import SocketType
from evtorrent.session.status import PeerRequest

RESET = ErrorCode.from_errno(104)
BLOCK = [5, 9]
ASKED = PeerRequest(1, 2, 3)


@pytest.mark.parametrize(
    ("kind", "fields", "message"),
    [
        ("PeerConnectAlert", [], "outgoing connection to peer (tcp)"),
        (
            "PeerConnectAlert",
            [alerts.PeerDirection.incoming, SocketType.utp],
            "incoming connection to peer (utp)",
        ),
        (
            "PeerDisconnectedAlert",
            [Operation.sock_read, RESET, CloseReason.timeout],
            "disconnecting (tcp) [sock_read] [system]: Connection reset by peer (reason: 8)",
        ),
        (
            "PeerErrorAlert",
            [Operation.sock_read, RESET],
            "peer error [sock_read] [system]: Connection reset by peer",
        ),
        ("PeerBanAlert", [], "banned peer"),
        ("PeerSnubbedAlert", [], "peer snubbed"),
        ("LsdPeerAlert", [], "received peer from local service discovery"),
        ("PeerUnsnubbedAlert", [], "peer unsnubbed"),
        ("InvalidRequestAlert", [ASKED], "peer sent an invalid piece request (piece: 1 start: 2 len: 3)"),
        (
            "InvalidRequestAlert",
            [ASKED, False],
            "peer sent an invalid piece request (piece: 1 start: 2 len: 3): we don't have piece",
        ),
        (
            "InvalidRequestAlert",
            [ASKED, True, False],
            "peer sent an invalid piece request (piece: 1 start: 2 len: 3): peer is not interested",
        ),
        (
            "InvalidRequestAlert",
            [ASKED, True, True, True],
            "peer sent an invalid piece request (piece: 1 start: 2 len: 3): super seeding withheld piece",
        ),
        ("IncomingRequestAlert", [ASKED], "incoming request [ piece: 1 start: 2 length: 3 ]"),
        ("PeerBlockedAlert", [alerts.BlockedReason.ip_filter], "blocked peer [ip_filter]"),
        ("RequestDroppedAlert", BLOCK, "peer dropped block (piece: 9 block: 5)"),
        ("BlockTimeoutAlert", BLOCK, "peer timed out request (piece: 9 block: 5)"),
        ("BlockFinishedAlert", BLOCK, "block finished downloading (piece: 9 block: 5)"),
        ("BlockDownloadingAlert", BLOCK, "requested block (piece: 9 block: 5)"),
        ("UnwantedBlockAlert", BLOCK, "received block not in download queue (piece: 9 block: 5)"),
        ("BlockUploadedAlert", BLOCK, "block uploaded to a peer (piece: 9 block: 5)"),
        ("PeerLogAlert", ["HANDSHAKE", "hello"], "[HANDSHAKE] hello"),
        ("PickerLogAlert", [8, ((1, 2), (3, 4))], "picker_log [ 0x8 ] (1, 2) (3, 4)"),
    ],
)
def test_message(kind, fields, message):
    alert = getattr(alerts, kind)(None, ("::1", 6881), None, *fields, torrent_name="x")
    said = alert.message()
    assert said.startswith("x peer [::1]:6881")
    assert said.removeprefix("x peer [::1]:6881").lstrip(": ") == message


def test_log_message_is_the_bare_line():
    assert alerts.PeerLogAlert(None, ("::1", 1), None, "E", "hello").log_message() == "hello"
