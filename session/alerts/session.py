"""Alerts about the session as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...protocols.types import Address
from ..errors import ErrorCode, Operation
from ..flags import AlertCategory, SocketType
from .base import NUM_ALERT_TYPES, Alert, AlertPriority, alert, endpoint_text

if TYPE_CHECKING:
    from ..status import TorrentStatus

__all__ = [
    "AlertsDroppedAlert",
    "ExternalIpAlert",
    "I2pAlert",
    "IncomingConnectionAlert",
    "IpBanAlert",
    "ListenFailedAlert",
    "ListenSucceededAlert",
    "LogAlert",
    "LsdErrorAlert",
    "SessionErrorAlert",
    "SessionStatsAlert",
    "SessionStatsHeaderAlert",
    "Socks5Alert",
    "StateUpdateAlert",
    "UdpErrorAlert",
]


@alert(49, AlertCategory.status, AlertPriority.critical)
class ListenSucceededAlert(Alert):
    """A listen socket is open."""

    address: str
    """Where it listens."""
    port: int
    """The port it has got, also where 0 was asked for."""
    socket_type: SocketType = SocketType.tcp

    @property
    def endpoint(self) -> Address:
        """Address and port."""
        return self.address, self.port

    def message(self) -> str:
        return f"successfully listening on [{self.socket_type.name}] {endpoint_text(self.endpoint)}"


@alert(48, AlertCategory.status | AlertCategory.error, AlertPriority.critical)
class ListenFailedAlert(Alert):
    """A listen socket could not be opened; the others are not affected."""

    listen_interface: str
    """The entry of `listen_interfaces`."""
    address: str
    port: int
    op: Operation
    error: ErrorCode
    socket_type: SocketType = SocketType.tcp

    @property
    def endpoint(self) -> Address:
        """Address and port."""
        return self.address, self.port

    def message(self) -> str:
        return (
            f"listening on {endpoint_text(self.endpoint)} (device: {self.listen_interface}) failed: "
            f"[{self.op.name}] [{self.socket_type.name}] {self.error}"
        )


@alert(77, AlertCategory.error)
class I2pAlert(Alert):
    """There is no session on I2P, or none any more; it is tried again."""

    error: ErrorCode
    """Category "i2p error" where the bridge said why."""

    def message(self) -> str:
        return f"i2p_error: [{self.error.category}] {self.error}"


@alert(66, AlertCategory.peer)
class IncomingConnectionAlert(Alert):
    """Somebody connected; of which torrent is not known yet."""

    endpoint: Address
    socket_type: SocketType = SocketType.tcp

    def message(self) -> str:
        return f"incoming connection from {endpoint_text(self.endpoint)} ({self.socket_type.name})"


@alert(68, AlertCategory.status, AlertPriority.high, mandatory=True)
class StateUpdateAlert(Alert):
    """The answer to `post_torrent_updates`: the torrents whose status changed since the last one."""

    status: list[TorrentStatus]

    def message(self) -> str:
        return f"state updates for {len(self.status)} torrents"


@alert(70, AlertCategory(0), AlertPriority.critical, mandatory=True)
class SessionStatsAlert(Alert):
    """The answer to `post_session_stats`."""

    values: dict[str, int]
    """Name of the metric → value; see `session_stats_metrics()`."""

    def message(self) -> str:
        return f"session stats ({len(self.values)} values): " + ", ".join(map(str, self.values.values()))


@alert(92, AlertCategory(0), mandatory=True)
class SessionStatsHeaderAlert(Alert):
    """Posted before the first `SessionStatsAlert`: the names in order, for logs read by scripts."""

    names: tuple[str, ...]

    def message(self) -> str:
        return "session stats header: " + ", ".join(self.names)


@alert(90, AlertCategory.error, mandatory=True)
class SessionErrorAlert(Alert):
    """The session as a whole failed and is paused."""

    error: ErrorCode
    text: str = ""

    def message(self) -> str:
        said = f" {self.text}" if self.text else ""
        return f"session error: ({self.error.value} {self.error}){said}"


@alert(46, AlertCategory.error)
class UdpErrorAlert(Alert):
    """A datagram could not be sent or received."""

    endpoint: Address
    operation: Operation
    error: ErrorCode

    def message(self) -> str:
        return f"UDP error: {self.error} from: {endpoint_text(self.endpoint)} op: {self.operation.name}"


@alert(47, AlertCategory.status)
class ExternalIpAlert(Alert):
    """Others see us at another address than before."""

    external_address: str

    def message(self) -> str:
        return f"external IP received: {self.external_address}"


@alert(82, AlertCategory.error)
class LsdErrorAlert(Alert):
    """Local discovery does not work on one interface; on the others it goes on."""

    error: ErrorCode
    local_address: str
    """The address of the interface."""

    def message(self) -> str:
        return f"Local Service Discovery startup error [{self.local_address}]: {self.error}"


@alert(96, AlertCategory.error)
class Socks5Alert(Alert):
    """Datagrams do not go through the SOCKS 5 proxy, or not any more; it is asked again some time later."""

    error: ErrorCode
    op: Operation
    ip: Address
    """Where the proxy is, as the settings say; its host may be a name."""

    def message(self) -> str:
        return f"SOCKS5 error. op: {self.op.name} ec: {self.error} ep: {endpoint_text(self.ip)}"


@alert(107, AlertCategory.ip_block)
class IpBanAlert(Alert):
    """An address was banned from the session."""

    banned_address: str

    def message(self) -> str:
        return f"banned {self.banned_address}"


@alert(79, AlertCategory.session_log)
class LogAlert(Alert):
    """A line for whoever debugs."""

    text: str

    def log_message(self) -> str:
        """The line."""
        return self.text

    def message(self) -> str:
        return self.text


@alert(95, AlertCategory.error, AlertPriority.meta, mandatory=True)
class AlertsDroppedAlert(Alert):
    """The queue was full: alerts were lost since the last `pop_alerts`."""

    counts: dict[str, int]
    """Name of the alert → how many were dropped."""
    types: frozenset[int]
    """The `alert_type`s of them."""

    @property
    def dropped_alerts(self) -> list[bool]:
        """Indexed by `alert_type`: at least one was dropped."""
        return [number in self.types for number in range(NUM_ALERT_TYPES)]

    def message(self) -> str:
        return "dropped alerts: " + ", ".join(f"{name} ({count})" for name, count in self.counts.items())
