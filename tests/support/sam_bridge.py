"""A SAM bridge on loopback: streams between the sessions made with it, by destination, and to servers it has names for.

A thread for each connection.  It is honest: a destination nobody has cannot be reached, a session ends with its connection, and
so do its streams.  What goes wrong is what a test asks for.
"""

from __future__ import annotations

import socket
import socketserver
import threading
from typing import Any, Self

from evtorrent.protocols.sam import Destination, parse_destination
from evtorrent.protocols.sam.line import SamLine, parse_line
from support.sam_kit import destination, private_keys
from support.waiting import PATIENCE, wait_for


class SamBridge:
    """Use as a context manager.  May be left and entered again: it then listens at the same port."""

    def __init__(self, *, version: str = "3.1") -> None:
        self.version = version
        self.asked: list[str] = []
        """Every line it was sent, of all connections."""
        self.streams: list[tuple[str, str]] = []
        """(from, to) of every stream it made, as names."""
        self.answers: dict[str, bytes] = {}
        """Beginning of a line → what is said in place of the right answer."""
        self.names: dict[str, Destination] = {}
        """What it can look up, beside the destinations of sessions."""
        self.sessions: dict[str, BridgeSession] = {}
        self.destinations: dict[str, Destination] = {}
        """Every destination there ever was, by its name."""
        self.lock = threading.Condition()
        self._servers: dict[str, tuple[str, int]] = {}
        self._numbers = iter(range(1000, 10_000))
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self.address: tuple[str, int] = ("127.0.0.1", 0)

    def __enter__(self) -> Self:
        self._server = _Server(self.address, _Connection)
        self._server.bridge = self
        self.address = self._server.server_address[:2]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), name="bridge")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server is not None and self._thread is not None
        self._server.shutdown()
        self.kill()
        self._server.server_close()
        self._thread.join()

    @property
    def settings(self) -> dict[str, Any]:
        """What tells a session of it."""
        return {"i2p_hostname": self.address[0], "i2p_port": self.address[1]}

    def offer(self, name: str, address: tuple[str, int]) -> str:
        """Let `name` lead to a server; gives its short name."""
        dest = self.new_destination()
        self.names[name] = self.names[dest.name] = dest
        self._servers[dest.name] = address
        return dest.name

    def kill(self) -> None:
        """Reset every connection, as when a router dies."""
        assert self._server is not None
        with self.lock:
            self.sessions.clear()
            for sock in list(self._server.open):
                _shut(sock)
            self.lock.notify_all()

    def count(self, beginning: str) -> int:
        """How many lines began like that."""
        return sum(line.startswith(beginning) for line in self.asked)

    def wait_for_sessions(self, count: int = 1) -> list[str]:
        """The names of so many sessions in the order in which they were made, once each waits for callers."""

        def are_waiting() -> bool:
            with self.lock:
                return sum(bool(session.waiting) for session in self.sessions.values()) >= count

        wait_for(are_waiting, lambda: f"sessions wait for callers: {self.asked}")
        return [session.destination.name for session in self.sessions.values()]

    def new_destination(self) -> Destination:
        dest = destination(next(self._numbers))
        self.destinations[dest.name] = dest
        return dest

    def find(self, name: str) -> Destination | None:
        """Whom a name means; whole destinations are names, too, as with I2P's own router."""
        if len(name) >= 516:
            return parse_destination(name.removesuffix(".i2p"))
        with self.lock:
            known = {session.destination.name: session.destination for session in self.sessions.values()}
            return self.names.get(name) or known.get(name)

    def connect(self, caller: BridgeSession, target: str) -> socket.socket | None:
        """The socket of somebody at `target` who waits for callers, or of the server there."""
        with self.lock:
            server = next((at for name, at in self._servers.items() if str(self.names[name]) == target), None)
            if server is None:
                called = next((s for s in self.sessions.values() if str(s.destination) == target), None)
                waiting = called.next_waiting(self.lock) if called is not None else None
                if waiting is None or called is None:
                    return None
                self.streams.append((caller.destination.name, called.destination.name))
                ports = b" FROM_PORT=0 TO_PORT=0" if self.version >= "3.2" else b""
                waiting.sendall(str(caller.destination).encode() + ports + b"\n")
                called.sockets.add(waiting)
                return waiting
        self.streams.append((caller.destination.name, parse_destination(target).name))
        return socket.create_connection(server, PATIENCE)


class BridgeSession:
    """A session somebody made."""

    def __init__(self, dest: Destination, control: socket.socket | None = None) -> None:
        self.destination = dest
        self.control = control
        """Its own connection."""
        self.waiting: list[socket.socket] = []
        """Those that wait for callers."""
        self.sockets: set[socket.socket] = set()
        """Those of its streams."""

    def next_waiting(self, lock: threading.Condition) -> socket.socket | None:
        """One that is still there; it may take a moment until the next one waits."""
        lock.wait_for(self._has_waiting, PATIENCE)
        return self.waiting.pop(0) if self.waiting else None

    def _has_waiting(self) -> bool:
        self.waiting = [sock for sock in self.waiting if _is_alive(sock)]
        return bool(self.waiting)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = False
    block_on_close = True
    allow_reuse_address = True
    bridge: SamBridge

    def __init__(self, *arguments: Any) -> None:
        self.open: set[socket.socket] = set()
        super().__init__(*arguments)


class _Connection(socketserver.StreamRequestHandler):
    rbufsize = 0
    server: _Server

    def setup(self) -> None:
        super().setup()
        self._bridge = self.server.bridge
        self._sid = ""
        self.server.open.add(self.connection)

    def handle(self) -> None:
        try:
            while self._answer(self._line()):
                pass
        except OSError:
            pass

    def finish(self) -> None:
        bridge = self._bridge
        with bridge.lock:
            self.server.open.discard(self.connection)
            session = bridge.sessions.pop(self._sid, None)
            for sock in [*session.sockets, *session.waiting] if session is not None else ():
                _shut(sock)
            bridge.lock.notify_all()
        super().finish()

    def _answer(self, text: str) -> bool:
        """False when the connection is over."""
        self._bridge.asked.append(text)
        for beginning, answer in self._bridge.answers.items():
            if text.startswith(beginning):
                self.wfile.write(answer)
                return True
        if text.startswith("PONG"):
            return True
        line = parse_line(text.encode())
        return bool(getattr(self, f"_{line.topic}_{line.opcode}".lower())(line))

    def _hello_version(self, line: SamLine) -> bool:
        low, high = line.options["MIN"], line.options["MAX"]
        if not low <= self._bridge.version <= high:
            return self._say("HELLO REPLY RESULT=NOVERSION")
        return self._say(f"HELLO REPLY RESULT=OK VERSION={self._bridge.version}")

    def _session_create(self, line: SamLine) -> bool:
        sid = line.options["ID"]
        with self._bridge.lock:
            if sid in self._bridge.sessions:
                return self._say("SESSION STATUS RESULT=DUPLICATED_ID")
            assert line.options["DESTINATION"] == "TRANSIENT" and line.options["STYLE"] == "STREAM"
            dest = self._bridge.new_destination()
            self._bridge.sessions[sid] = BridgeSession(dest, self.connection)
            self._sid = sid
        return self._say(f"SESSION STATUS RESULT=OK DESTINATION={private_keys(dest)}")

    def _naming_lookup(self, line: SamLine) -> bool:
        name = line.options["NAME"]
        session = self._bridge.sessions.get(self._sid)
        dest = session.destination if name == "ME" and session is not None else self._bridge.find(name)
        if dest is None:
            return self._say(f"NAMING REPLY RESULT=KEY_NOT_FOUND NAME={name}")
        return self._say(f"NAMING REPLY RESULT=OK NAME={name} VALUE={dest}")

    def _stream_connect(self, line: SamLine) -> bool:
        session = self._bridge.sessions.get(line.options["ID"])
        if session is None:
            self._say("STREAM STATUS RESULT=INVALID_ID")
            return False
        far = self._bridge.connect(session, line.options["DESTINATION"])
        if far is None:
            self._say('STREAM STATUS RESULT=CANT_REACH_PEER MESSAGE="nobody is there"')
            return False
        self._say("STREAM STATUS RESULT=OK")
        session.sockets.add(self.connection)
        back = threading.Thread(target=_pour, args=(far, self.connection), name="bridge-back")
        back.start()
        _pour(self.connection, far)
        back.join()
        session.sockets.discard(self.connection)
        with self._bridge.lock:
            self._bridge.lock.notify_all()
        if far not in self.server.open:
            far.close()
        else:
            _shut(far)
        return False

    def _stream_accept(self, line: SamLine) -> bool:
        bridge = self._bridge
        with bridge.lock:
            session = bridge.sessions.get(line.options["ID"])
            if session is None:
                self._say("STREAM STATUS RESULT=INVALID_ID")
                return False
            if bridge.version < "3.2" and session._has_waiting():
                self._say("STREAM STATUS RESULT=ALREADY_ACCEPTING")
                return False
            self._say("STREAM STATUS RESULT=OK")
            session.waiting.append(self.connection)
            bridge.lock.notify_all()
            # Whoever calls carries the stream; here it is only kept.
            while _is_open(self.connection) and session in bridge.sessions.values():
                bridge.lock.wait(0.02)
        return False

    def _dest_generate(self, line: SamLine) -> bool:
        dest = self._bridge.new_destination()
        return self._say(f"DEST REPLY PUB={dest} PRIV={private_keys(dest)}")

    def _say(self, text: str) -> bool:
        self.wfile.write(text.encode() + b"\n")
        return True

    def _line(self) -> str:
        data = b""
        while not data.endswith(b"\n"):
            part = self.connection.recv(1)
            if not part:
                raise ConnectionResetError
            data += part
        return data.decode().strip()


def _is_open(sock: socket.socket) -> bool:
    """It was not shut down here, and is not at its end."""
    try:
        sock.getpeername()
    except OSError:
        return False
    return _is_alive(sock)


def _is_alive(sock: socket.socket) -> bool:
    try:
        return sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def _shut(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def _pour(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65_536):
            target.sendall(data)
    except OSError:
        pass
    _shut(source)
    _shut(target)
