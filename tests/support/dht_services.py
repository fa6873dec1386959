"""`Dht`s on engines whose sockets, clock and names a test holds: datagrams move when it says so."""

from __future__ import annotations

from typing import Any

from evtorrent.protocols.dht import Dht, DhtSettings
from support.http_world import Datagrams, World

Address = tuple[str, int]

SETTINGS = DhtSettings(block_ratelimit=100_000, upload_rate_limit=10_000_000)


class Port(Datagrams):
    """A bound socket of the net."""

    def __init__(self, fd: int, address: Address) -> None:
        super().__init__(fd)
        self.address = address

    def getsockname(self) -> Any:
        return (*self.address, 0, 0) if ":" in self.address[0] else self.address


class Net(World):
    """One engine, any number of ports."""

    def __init__(self) -> None:
        super().__init__()
        self.ports: dict[Address, Port] = {}
        self.taken: set[Address] = set()
        self._fd = 600

    def random_bytes(self, count: int) -> bytes:
        self.num_random += 1
        return (self.num_random * 0x9E3779B97F4A7C15F39CC0605CEDC8341082276BF3A27251).to_bytes(64, "big")[
            -count:
        ]

    def datagram_socket(self, family: int, *, bind: Any = None) -> Port:
        if bind in self.taken:
            raise OSError(98, "Address already in use")
        self._fd += 1
        self.ports[bind] = Port(self._fd, bind)
        return self.ports[bind]

    def add(self, *addresses: Address, **options: Any) -> Dht:
        return Dht(self.multi, bind=addresses, settings=options.pop("settings", SETTINGS), **options)

    def run(self) -> None:
        """Deliver everything, until nothing moves."""
        for _ in range(2000):
            moved = False
            for port in list(self.ports.values()):
                sent, port.sent[:] = list(port.sent), []
                for data, address in sent:
                    target = self.ports.get(address)
                    moved = True
                    if target is not None and not target.is_closed:
                        target.inbox.append((data, port.getsockname()))
            for port in list(self.ports.values()):
                if port.inbox and not port.is_closed:
                    moved = True
                    self.multi.socket_action(port.fd, self.multi.CSELECT_IN)
            self.multi.socket_action(self.multi.SOCKET_TIMEOUT, 0)
            if not moved and self.multi.timeout() != 0 and not any(p.sent for p in self.ports.values()):
                break
        else:
            raise AssertionError("it never comes to rest")
        if self.errors:
            raise self.errors[0]


def host(index: int) -> Address:
    return f"60.0.{index}.1", 6881


class Cluster(Net):
    """Some `Dht`s that know each other."""

    def __init__(self, count: int = 4, **options: Any) -> None:
        super().__init__()
        self.dhts = [self.add(host(n), **options) for n in range(count)]
        for dht in self.dhts[1:]:
            dht.bootstrap([host(0)])
        self.advance(10)
        assert all(len(dht.nodes()[0].live_nodes()) == count - 1 for dht in self.dhts)
        self.multi.info_read()
