"""Proxies on loopback: one of our own that tells what it was asked, and those of Debian."""

from __future__ import annotations

import base64
import select
import socket
import socketserver
import subprocess
import threading
from pathlib import Path
from typing import Any, Self

from evtorrent.protocols.proxy import unwrap_datagram, wrap_datagram
from support.waiting import wait_for

USER, PASSWORD = "me", "s3cret"


class LocalProxy:
    """SOCKS 4a, SOCKS 5 and HTTP CONNECT on one port, a thread for each connection.  Use as a context manager."""

    def __init__(self, *, password: str = "", names: dict[str, str] | None = None) -> None:
        """`password` is demanded of USER; `names` are those that only the proxy can look up."""
        self.password, self.names = password, names or {}
        self.asked: list[tuple[str, int]] = []
        """Hosts and ports, as they were asked for."""
        self.asked_over_udp: list[tuple[str, int]] = []
        """The same of datagrams."""
        self.relay_host = "127.0.0.1"
        """What it calls the host of its relay for datagrams."""
        self.has_datagrams = True
        """It takes UDP ASSOCIATE."""
        self.reached_from: list[tuple[str, int]] = []
        """Where the datagrams of each association seem to come from."""
        self.clients: list[tuple[socket.socket, tuple[str, int]]] = []
        """The relay's socket and whom it serves, of each association that was used."""
        self.associations: list[socket.socket] = []
        """The connections that keep them."""
        self._server = _Server(("127.0.0.1", 0), _Tunnel)
        self._server.proxy = self
        self.address: tuple[str, int] = self._server.server_address[:2]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), name="proxy")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        for sock in list(self._server.open):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self._server.server_close()
        self._thread.join()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = False
    block_on_close = True
    proxy: LocalProxy

    def __init__(self, *arguments: Any) -> None:
        self.open: set[socket.socket] = set()
        super().__init__(*arguments)


class _Tunnel(socketserver.StreamRequestHandler):
    rbufsize = 0
    server: _Server

    def handle(self) -> None:
        self.server.open.add(self.connection)
        far = None
        try:
            far = self._reach()
            if far is not None:
                self._carry(far)
        except OSError:
            pass
        finally:
            self.server.open.discard(self.connection)
            if far is not None:
                self.server.open.discard(far)
                far.close()

    def _reach(self) -> socket.socket | None:
        first = self._take(1)
        if first == b"\x05":
            return self._socks5()
        return self._socks4() if first == b"\x04" else self._http(first)

    def _socks5(self) -> socket.socket | None:
        methods = self._take(self._take(1)[0])
        wanted = 2 if self.server.proxy.password else 0
        if wanted not in methods:
            self.wfile.write(b"\x05\xff")
            return None
        self.wfile.write(bytes((5, wanted)))
        if wanted:
            self._take(1)
            user = self._take(self._take(1)[0])
            password = self._take(self._take(1)[0])
            good = (user, password) == (USER.encode(), self.server.proxy.password.encode())
            self.wfile.write(bytes((1, not good)))
            if not good:
                return None
        command, _, kind = self._take(4)[1:]
        host = (
            self._take(self._take(1)[0]).decode()
            if kind == 3
            else socket.inet_ntop(
                *((socket.AF_INET, self._take(4)) if kind == 1 else (socket.AF_INET6, self._take(16)))
            )
        )
        port = int.from_bytes(self._take(2), "big")
        if command == 3:
            self._relay()
            return None
        far = self._connect(host, port)
        self.wfile.write(bytes((5, 0 if far else 5, 0, 1)) + bytes(6))
        return far

    def _relay(self) -> None:
        """Carry datagrams until the connection ends."""
        proxy = self.server.proxy
        if not proxy.has_datagrams:
            self.wfile.write(bytes((5, 7, 0, 1)) + bytes(6))
            return
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as near,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far,
        ):
            for sock in (near, far):
                sock.bind(("127.0.0.1", 0))
            where = socket.inet_aton(proxy.relay_host) + near.getsockname()[1].to_bytes(2, "big")
            proxy.reached_from.append(far.getsockname())
            proxy.associations.append(self.connection)
            self.wfile.write(bytes((5, 0, 0, 1)) + where)
            client = None
            while True:
                ready, _, _ = select.select([self.connection, near, far], [], [])
                if self.connection in ready and not self.connection.recv(100):
                    return
                if near in ready:
                    datagram, source = near.recvfrom(65_536)
                    if source != client:
                        client = source
                        proxy.clients.append((near, client))
                    data, (host, port) = unwrap_datagram(datagram)
                    proxy.asked_over_udp.append((host, port))
                    if ":" not in host:  # as one that has IPv4 only
                        far.sendto(data, (proxy.names.get(host, host), port))
                if far in ready and client is not None:
                    near.sendto(wrap_datagram(*far.recvfrom(65_536)), client)

    def _socks4(self) -> socket.socket | None:
        head = self._take(7)
        self._line(b"\0")
        host = self._line(b"\0").decode() if head[3:6] == bytes(3) else socket.inet_ntoa(head[3:])
        far = self._connect(host, int.from_bytes(head[1:3], "big"))
        self.wfile.write(bytes((0, 90 if far else 91)) + bytes(6))
        return far

    def _http(self, first: bytes) -> socket.socket | None:
        head = (first + self._line(b"\r\n\r\n")).decode()
        password = self.server.proxy.password
        token = base64.b64encode(f"{USER}:{password}".encode()).decode()
        if password and f"Proxy-Authorization: Basic {token}" not in head:
            self.wfile.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            return None
        host, _, port = head.split()[1].rpartition(":")
        far = self._connect(host.strip("[]"), int(port))
        self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n" if far else b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
        return far

    def _connect(self, host: str, port: int) -> socket.socket | None:
        proxy = self.server.proxy
        proxy.asked.append((host, port))
        try:
            far = socket.create_connection((proxy.names.get(host, host), port), 5)
        except OSError:
            return None
        far.settimeout(None)
        self.server.open.add(far)
        return far

    def _carry(self, far: socket.socket) -> None:
        back = threading.Thread(target=_pour, args=(far, self.connection), name="proxy-back")
        back.start()
        _pour(self.connection, far)
        back.join()

    def _take(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = self.connection.recv(count - len(data))
            if not part:
                raise ConnectionResetError
            data += part
        return data

    def _line(self, end: bytes) -> bytes:
        data = b""
        while not data.endswith(end):
            data += self._take(1)
        return data.removesuffix(end)


def _pour(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65_536):
            target.sendall(data)
    except OSError:
        pass
    for sock in (source, target):
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


class RealProxy:
    """`microsocks`, `danted` or `tinyproxy`, demanding USER and PASSWORD where they can.  Use as a context manager."""

    def __init__(self, name: str, program: str, folder: Path) -> None:
        self.name, self._program, self._folder = name, program, folder
        self.address = ("127.0.0.1", 0)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = free.getsockname()
        self._process = subprocess.Popen(
            getattr(self, f"_{self.name}")(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for(self._listens, lambda: f"{self.name} listens")
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait()

    def _listens(self) -> bool:
        assert self._process is not None and self._process.poll() is None, f"{self.name} ended"
        with socket.socket() as probe:
            return probe.connect_ex(self.address) == 0

    def _microsocks(self) -> list[str]:
        port = str(self.address[1])
        return [self._program, "-i", "127.0.0.1", "-p", port, "-u", USER, "-P", PASSWORD]

    def _tinyproxy(self) -> list[str]:
        config = self._folder / "tinyproxy.conf"
        config.write_text(
            f"Port {self.address[1]}\nListen 127.0.0.1\nTimeout 60\nBasicAuth {USER} {PASSWORD}\n"
            f'LogFile "{self._folder}/tinyproxy.log"\nPidFile "{self._folder}/tinyproxy.pid"\n'
        )
        return [self._program, "-d", "-c", str(config)]

    def _dante(self) -> list[str]:
        config = self._folder / "danted.conf"
        config.write_text(
            f"logoutput: {self._folder}/danted.log\ninternal: 127.0.0.1 port = {self.address[1]}\n"
            "external: 127.0.0.1\nsocksmethod: none\nclientmethod: none\n"
            "client pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }\nsocks pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }\n"
        )
        return [self._program, "-f", str(config), "-p", str(self._folder / "danted.pid")]
