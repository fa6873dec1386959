from __future__ import annotations

from random import Random

import pytest
from evtorrent.protocols.errors import LocalProtocolError
from evtorrent.protocols.portmap.mapping import MapRequest, PortmapProtocol, unit_interval


def test_values_are_libtorrents() -> None:
    assert [(each.name, each.value) for each in PortmapProtocol] == [("none", 0), ("tcp", 1), ("udp", 2)]


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_ports_that_are_none(port: int) -> None:
    with pytest.raises(LocalProtocolError, match="port"):
        MapRequest(1, PortmapProtocol.tcp, port, 1)
    with pytest.raises(LocalProtocolError, match="port"):
        MapRequest(1, PortmapProtocol.tcp, 1, port)


def test_nothing_cannot_be_mapped() -> None:
    with pytest.raises(LocalProtocolError, match="none"):
        MapRequest(1, PortmapProtocol.none, 1, 1)
    assert MapRequest(1, PortmapProtocol.udp, 65535, 1).external_port == 65535


def test_unit_interval() -> None:
    rng = Random(1)
    drawn = [unit_interval(rng) for _ in range(1000)]
    assert 0.0 <= min(drawn) < 0.01 and 0.99 < max(drawn) < 1.0
