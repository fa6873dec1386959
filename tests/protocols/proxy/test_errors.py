from __future__ import annotations

from evtorrent.protocols.errors import RemoteProtocolError
from evtorrent.protocols.proxy import ProxyError


def test_it_is_the_other_sides_fault() -> None:
    assert issubclass(ProxyError, RemoteProtocolError)
    assert str(ProxyError("refused")) == "refused"
