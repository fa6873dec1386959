"""Alerts about one peer."""

from __future__ import annotations

from enum import IntEnum

from ..close_reason import CloseReason
from ..errors import ErrorCode, Operation
from ..flags import AlertCategory, SocketType
from ..status import PeerRequest
from .base import PeerAlert, alert

__all__ = [
    "BlockDownloadingAlert",
    "BlockFinishedAlert",
    "BlockTimeoutAlert",
    "BlockUploadedAlert",
    "BlockedReason",
    "IncomingRequestAlert",
    "InvalidRequestAlert",
    "LsdPeerAlert",
    "PeerBanAlert",
    "PeerBlockedAlert",
    "PeerConnectAlert",
    "PeerDirection",
    "PeerDisconnectedAlert",
    "PeerErrorAlert",
    "PeerLogAlert",
    "PeerSnubbedAlert",
    "PeerUnsnubbedAlert",
    "PickerLogAlert",
    "RequestDroppedAlert",
    "UnwantedBlockAlert",
]


class PeerDirection(IntEnum):
    """Who connected."""

    incoming = 0
    outgoing = 1


@alert(23, AlertCategory.connect)
class PeerConnectAlert(PeerAlert):
    """A connection was established."""

    direction: PeerDirection = PeerDirection.outgoing
    socket_type: SocketType = SocketType.tcp

    def message(self) -> str:
        return f"{self._peer()} {self.direction.name} connection to peer ({self.socket_type.name})"


@alert(24, AlertCategory.connect)
class PeerDisconnectedAlert(PeerAlert):
    """A connection ended, for whatever reason."""

    op: Operation
    """What was being done."""
    error: ErrorCode
    reason: CloseReason = CloseReason.none
    """What the other end was, or would have been, told."""
    socket_type: SocketType = SocketType.tcp

    def message(self) -> str:
        return (
            f"{self._peer()} disconnecting ({self.socket_type.name}) [{self.op.name}] [{self.error.category}]: "
            f"{self.error} (reason: {int(self.reason)})"
        )


@alert(22, AlertCategory.peer)
class PeerErrorAlert(PeerAlert):
    """The peer broke the protocol, or the connection broke."""

    op: Operation
    error: ErrorCode

    def message(self) -> str:
        return f"{self._peer()} peer error [{self.op.name}] [{self.error.category}]: {self.error}"


@alert(60, AlertCategory.peer)
class LsdPeerAlert(PeerAlert):
    """A peer was heard of on the local network (BEP 14)."""

    def message(self) -> str:
        return f"{self._peer()}: received peer from local service discovery"


@alert(19, AlertCategory.peer)
class PeerBanAlert(PeerAlert):
    """The peer sent bad data and is banned."""

    def message(self) -> str:
        return f"{self._peer()} banned peer"


@alert(21, AlertCategory.peer)
class PeerSnubbedAlert(PeerAlert):
    """The peer let requests time out."""

    def message(self) -> str:
        return f"{self._peer()} peer snubbed"


@alert(20, AlertCategory.peer)
class PeerUnsnubbedAlert(PeerAlert):
    """The peer sends again."""

    def message(self) -> str:
        return f"{self._peer()} peer unsnubbed"


@alert(25, AlertCategory.peer)
class InvalidRequestAlert(PeerAlert):
    """The peer asked for what it cannot have."""

    request: PeerRequest
    we_have: bool = True
    """We have that piece."""
    peer_interested: bool = True
    """It had said it was interested."""
    withheld: bool = False
    """We have not told it of that piece (super seeding)."""

    def message(self) -> str:
        why = ""
        if self.withheld:
            why = ": super seeding withheld piece"
        elif not self.we_have:
            why = ": we don't have piece"
        elif not self.peer_interested:
            why = ": peer is not interested"
        r = self.request
        return (
            f"{self._peer()} peer sent an invalid piece request "
            f"(piece: {r.piece} start: {r.start} len: {r.length}){why}"
        )


@alert(84, AlertCategory.incoming_request)
class IncomingRequestAlert(PeerAlert):
    """The peer asked for a block."""

    req: PeerRequest

    def message(self) -> str:
        r = self.req
        return f"{self._peer()}: incoming request [ piece: {r.piece} start: {r.start} length: {r.length} ]"


class BlockedReason(IntEnum):
    """Why a peer may not connect."""

    ip_filter = 0
    port_filter = 1
    i2p_mixed = 2
    privileged_ports = 3
    utp_disabled = 4
    tcp_disabled = 5
    invalid_local_interface = 6
    ssrf_mitigation = 7


@alert(54, AlertCategory.ip_block)
class PeerBlockedAlert(PeerAlert):
    """A peer was not connected, or not let in."""

    reason: BlockedReason

    def message(self) -> str:
        return f"{self._peer()}: blocked peer [{self.reason.name}]"


@alert(28, AlertCategory.block_progress | AlertCategory.peer)
class RequestDroppedAlert(PeerAlert):
    """The peer rejected a request, or dropped it silently."""

    block_index: int
    piece_index: int

    def message(self) -> str:
        return f"{self._peer()} peer dropped block (piece: {self.piece_index} block: {self.block_index})"


@alert(29, AlertCategory.block_progress | AlertCategory.peer)
class BlockTimeoutAlert(PeerAlert):
    """The peer let a request time out."""

    block_index: int
    piece_index: int

    def message(self) -> str:
        return f"{self._peer()} peer timed out request (piece: {self.piece_index} block: {self.block_index})"


@alert(30, AlertCategory.block_progress)
class BlockFinishedAlert(PeerAlert):
    """A block came."""

    block_index: int
    piece_index: int

    def message(self) -> str:
        return (
            f"{self._peer()} block finished downloading (piece: {self.piece_index} block: {self.block_index})"
        )


@alert(31, AlertCategory.block_progress)
class BlockDownloadingAlert(PeerAlert):
    """A block was asked for."""

    block_index: int
    piece_index: int

    def message(self) -> str:
        return f"{self._peer()} requested block (piece: {self.piece_index} block: {self.block_index})"


@alert(32, AlertCategory.peer)
class UnwantedBlockAlert(PeerAlert):
    """A block came that nobody asked for."""

    block_index: int
    piece_index: int

    def message(self) -> str:
        return (
            f"{self._peer()} received block not in download queue "
            f"(piece: {self.piece_index} block: {self.block_index})"
        )


@alert(94, AlertCategory.upload)
class BlockUploadedAlert(PeerAlert):
    """A block was handed to the socket."""

    block_index: int
    piece_index: int

    def message(self) -> str:
        return (
            f"{self._peer()} block uploaded to a peer (piece: {self.piece_index} block: {self.block_index})"
        )


@alert(81, AlertCategory.peer_log)
class PeerLogAlert(PeerAlert):
    """A line for whoever debugs."""

    event_type: str
    """What it is about: "HANDSHAKE", "REQUEST", …"""
    text: str

    def log_message(self) -> str:
        """The line without torrent and peer."""
        return self.text

    def message(self) -> str:
        return f"{self._peer()} [{self.event_type}] {self.text}"


@alert(89, AlertCategory.picker_log)
class PickerLogAlert(PeerAlert):
    """Which blocks were picked, and how."""

    picker_flags: int
    blocks: tuple[tuple[int, int], ...] = ()
    """(piece, block) in the order picked."""

    def message(self) -> str:
        picked = " ".join(f"({piece}, {block})" for piece, block in self.blocks)
        return f"{self._peer()} picker_log [ {self.picker_flags:#x} ] {picked}"
