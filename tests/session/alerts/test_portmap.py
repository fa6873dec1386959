from __future__ import annotations

from evtorrent.protocols.portmap import PortmapProtocol
from evtorrent.session.alerts import PortmapAlert, PortmapErrorAlert, PortmapLogAlert
from evtorrent.session.errors import ErrorCode
from evtorrent.session.flags import PortmapTransport


def test_messages():
    mapped = PortmapAlert(3, 6882, PortmapProtocol.udp, PortmapTransport.natpmp, "10.0.0.2")
    assert mapped.message() == (
        "successfully mapped port using NAT-PMP. local: 10.0.0.2 external port: UDP/6882"
    )
    failed = PortmapErrorAlert(
        3, PortmapTransport.upnp, "10.0.0.2", ErrorCode(402, "upnp", "Invalid Arguments")
    )
    assert failed.message() == "could not map port using UPnP[10.0.0.2]: Invalid Arguments"
    line = PortmapLogAlert(PortmapTransport.upnp, "10.0.0.2", "hello")
    assert line.message() == "UPnP [10.0.0.2]: hello"
    assert line.log_message() == "hello"
