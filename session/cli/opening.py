"""Starting a session as the options say, and saying so when it cannot listen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .. import (
    AlertCategory,
    ListenFailedAlert,
    ListenSucceededAlert,
    Session,
    SettingsError,
    SocketType,
    global_peer_class_filter,
)
from .exit_status import CommandFailed, ExitStatus
from .reporters import Reporter

__all__ = ["SessionOptions", "open_session"]

_MASK = AlertCategory.error | AlertCategory.status | AlertCategory.storage | AlertCategory.tracker
_DATAGRAMS = (SocketType.utp, SocketType.utp_ssl)


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """What the command line says of the session."""

    listen: str | None = None
    """`listen_interfaces`; None for the default, which need not succeed."""
    limit_down: int = 0
    """Bytes per second; 0 is no limit."""
    limit_up: int = 0
    lsd: bool = False
    """Find peers on the local network."""
    has_dht: bool = True
    """Take part in the DHT."""
    dht_nodes: tuple[tuple[str, int], ...] = ()
    """Nodes of the DHT to begin with, instead of the routers of the settings."""
    settings: Mapping[str, int | bool | str] = field(default_factory=dict)
    """Whatever else; with `listen_interfaces` one of them must be had."""

    @property
    def must_listen(self) -> bool:
        """Somebody said where."""
        return self.listen is not None or "listen_interfaces" in self.settings


def open_session(options: SessionOptions, reporter: Reporter) -> Session:
    """A running session.  CommandFailed when the port asked for cannot be had, or a setting is refused."""
    settings: dict[str, int | bool | str] = {
        "enable_lsd": options.lsd,
        "alert_mask": int(_MASK),
        "download_rate_limit": options.limit_down,
        "upload_rate_limit": options.limit_up,
        "enable_dht": options.has_dht,
    }
    if options.dht_nodes:
        settings["dht_bootstrap_nodes"] = ""
    if options.listen is not None:
        settings["listen_interfaces"] = options.listen
        settings["max_retry_port_bind"] = 0  # this port and no other
        settings["listen_system_port_fallback"] = False
    settings |= options.settings
    try:
        session = Session(settings)
        session.set_peer_class_filter(global_peer_class_filter())  # What is typed holds for local peers, too.
    except SettingsError as error:
        raise CommandFailed(str(error), ExitStatus.USAGE) from None
    try:
        for node in options.dht_nodes:
            session.add_dht_node(node)
        _report_listening(session, options, reporter)
    except BaseException:
        session.close()
        raise
    return session


def _report_listening(session: Session, options: SessionOptions, reporter: Reporter) -> None:
    failures: list[str] = []
    succeeded = 0
    for alert in session.pop_alerts():
        if isinstance(alert, ListenFailedAlert):
            failures.append(f"cannot listen on {_endpoint(alert.address, alert.port)}: {alert.error}")
        elif isinstance(alert, ListenSucceededAlert) and alert.socket_type not in _DATAGRAMS:
            succeeded += 1  # The UDP socket beside it has the same address.
            reporter.event(
                "listening",
                f"listening on {_endpoint(alert.address, alert.port)}",
                address=alert.address,
                port=alert.port,
            )
    if options.must_listen and not succeeded:
        where = options.settings.get("listen_interfaces", options.listen)
        raise CommandFailed(
            failures[0] if failures else f"nothing to listen on in {where!r}",
            ExitStatus.CANNOT_LISTEN,
        )
    if options.must_listen or not session.is_listening():
        for failure in failures:
            reporter.complain("warning", failure)


def _endpoint(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
