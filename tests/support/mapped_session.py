"""A session that does what it is told: a JSON list a line on standard input, alerts as JSON lines on standard output.

Started by `support.router` inside a network namespace.
"""

from __future__ import annotations

import json
import sys
import threading
from typing import Any

from evtorrent.session import (
    AlertCategory,
    ExternalIpAlert,
    ListenSucceededAlert,
    PortmapAlert,
    PortmapErrorAlert,
    PortmapProtocol,
    ReopenNetworkFlags,
    Session,
)


def tell(what: str, **fields: Any) -> None:
    print(json.dumps({"what": what, **fields}), flush=True)


def tell_alerts(session: Session) -> None:
    for alert in session.pop_alerts():
        if isinstance(alert, PortmapAlert):
            tell(
                "mapped",
                id=alert.mapping,
                port=alert.external_port,
                protocol=alert.map_protocol.name,
                by=alert.map_transport.name,
                local=alert.local_address,
            )
        elif isinstance(alert, PortmapErrorAlert):
            tell("failed", id=alert.mapping, by=alert.map_transport.name, error=alert.message())
        elif isinstance(alert, ExternalIpAlert):
            tell("external", address=alert.external_address)
        elif isinstance(alert, ListenSucceededAlert):
            tell("listening", address=alert.address, port=alert.port)


def main() -> None:
    settings = json.loads(sys.argv[1])
    mask = AlertCategory.port_mapping | AlertCategory.status | AlertCategory.error
    session = Session({**settings, "alert_mask": int(mask)})
    lock = threading.Lock()

    def on_alerts() -> None:
        with lock:
            tell_alerts(session)

    session.set_alert_notify(on_alerts)
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        if name == "add":
            protocol, external_port, local_port = arguments
            ids = session.add_port_mapping(PortmapProtocol[protocol], external_port, local_port)
            tell("added", ids=ids)
        elif name == "delete":
            session.delete_port_mapping(arguments[0])
        elif name == "reopen":
            session.reopen_network_sockets(ReopenNetworkFlags(arguments[0]))
        elif name == "apply":
            session.apply_settings(arguments[0])
        else:
            break
    tell("closed", in_time=session.close())


main()
