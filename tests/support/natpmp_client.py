"""One port mapped by NAT-PMP, told as JSON lines; removed when standard input says so.  Arguments: a JSON object of settings.

A session begins with PCP, which a router that knows it never refuses: so this asks the mapper itself.  Started by
`support.router` inside a network namespace.
"""

from __future__ import annotations

import json
import random
import sys
from typing import Any

from evtorrent.listener import list_gateways
from evtorrent.protocols.engine import Multi
from evtorrent.protocols.portmap import (
    ExternalAddress,
    GatewayMapper,
    Mapped,
    MapperService,
    MapRequest,
    PortmapEvent,
    PortmapProtocol,
)
from evtorrent.reactor import Reactor, drive


def tell(what: str, **fields: Any) -> None:
    print(json.dumps({"what": what, **fields}), flush=True)


def on_event(event: PortmapEvent) -> None:
    if isinstance(event, Mapped):
        tell("mapped", id=event.mapping_id, port=event.external_port, protocol=event.protocol.name)
    elif isinstance(event, ExternalAddress):
        tell("external", address=event.address)


def main() -> None:
    settings = json.loads(sys.argv[1])
    reactor = Reactor()
    multi = Multi()
    driver = drive(multi, reactor)
    gateway = next(each.address for each in list_gateways() if not each.is_ipv6)
    mapper = GatewayMapper(gateway, settings["local"], rng=random.Random(), begins_with_pcp=False)
    sock = multi.platform.datagram_socket(2, bind=(settings["local"], 0))
    service = MapperService(multi, mapper, sock, on_event)
    for number, protocol in enumerate((PortmapProtocol.tcp, PortmapProtocol.udp)):
        service.add(MapRequest(number, protocol, settings["port"], settings["port"]))

    def closed() -> None:
        tell("closed", dialect=mapper.dialect)
        reactor.stop()

    def on_command(_events: int) -> None:
        watch.close()
        sys.stdin.readline()
        service.close(closed)

    watch = reactor.watch(sys.stdin.fileno(), 0x02, on_command)
    reactor.run()
    driver.close()
    multi.close()
    multi.platform.close()  # type: ignore[attr-defined]
    reactor.close()


main()
