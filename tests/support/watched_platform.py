"""A platform that writes down every name looked up and every socket opened."""

from __future__ import annotations

from typing import Any


class WatchedPlatform:
    """The system's, watched."""

    def __init__(self, platform: Any, names: dict[str, str] | None = None) -> None:
        self.platform = platform
        self._names = names or {}
        """What to look up in place of a name."""
        self.names: list[str] = []
        """Names looked up."""
        self.num_stream_sockets = 0
        self.connected: list[tuple[str, int]] = []
        """Where stream sockets were connected to."""
        self.num_datagram_sockets = 0
        self.sent_to: set[tuple[str, int]] = set()
        """Where datagrams were sent to."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.platform, name)

    def resolve(self, base: Any, host: str, port: int, callback: Any, **options: Any) -> Any:
        self.names.append(host)
        return self.platform.resolve(base, self._names.get(host, host), port, callback, **options)

    def stream_socket(self, *arguments: Any, **options: Any) -> Any:
        self.num_stream_sockets += 1
        return _Watched(self, self.platform.stream_socket(*arguments, **options))

    def datagram_socket(self, *arguments: Any, **options: Any) -> Any:
        self.num_datagram_sockets += 1
        return _WatchedDatagrams(self, self.platform.datagram_socket(*arguments, **options))

    def connect_error(self, sock: Any) -> Any:
        return self.platform.connect_error(sock.sock)


class _Watched:
    def __init__(self, platform: WatchedPlatform, sock: Any) -> None:
        self.platform, self.sock = platform, sock

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sock, name)

    def connect_ex(self, address: Any) -> int:
        self.platform.connected.append(address[:2])
        code: int = self.sock.connect_ex(address)
        return code


class _WatchedDatagrams:
    def __init__(self, platform: WatchedPlatform, sock: Any) -> None:
        self.platform, self.sock = platform, sock

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sock, name)

    def sendto(self, data: Any, address: Any) -> int:
        self.platform.sent_to.add(address[:2])
        count: int = self.sock.sendto(data, address)
        return count

    def sendmsg(self, buffers: Any, ancillary: Any, flags: int, address: Any) -> int:
        self.platform.sent_to.add(address[:2])
        count: int = self.sock.sendmsg(buffers, ancillary, flags, address)
        return count
