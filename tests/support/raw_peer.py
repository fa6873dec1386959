"""A peer made of a blocking socket, which does what the test says: also what no honest peer does."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from typing import Self

from evtorrent.protocols.peer.messages import MessageId
from support.sessions import Content, Member

PREFIX = b"\x13BitTorrent protocol"
FAST, EXTENSION = bytes(7) + b"\x04", bytes(5) + b"\x10" + bytes(2)
FAST_AND_EXTENSION = bytes(5) + b"\x10\x00\x04"
PATIENCE = 10.0


def frame(kind: int, payload: bytes = b"") -> bytes:
    return struct.pack(">IB", 1 + len(payload), kind) + payload


def request(piece: int, begin: int, length: int = 16_384) -> bytes:
    return frame(MessageId.REQUEST, struct.pack(">III", piece, begin, length))


def block(piece: int, begin: int, data: bytes) -> bytes:
    return frame(MessageId.PIECE, struct.pack(">II", piece, begin) + data)


class RawPeer:
    """One connection to a session.  Use as a context manager."""

    def __init__(self, member: Member, content: Content, *, host: str = "127.0.0.1") -> None:
        """`host`: the loopback address it comes from."""
        self.info_hash = bytes(content.info.info_hashes.best())
        self.socket = socket.create_connection(member.address, PATIENCE, source_address=(host, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.address = self.socket.getsockname()
        self._input = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Send; that the other end has closed meanwhile is found out when reading."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def handshake_bytes(self, *, reserved: bytes = FAST_AND_EXTENSION, peer_id: bytes = b"") -> bytes:
        name = peer_id or f"-XX0001-{self.address[1]:012}".encode()
        return PREFIX + reserved + self.info_hash + name

    def shake_hands(self, *, reserved: bytes = FAST_AND_EXTENSION) -> bytes:
        """Send a handshake; gives the peer id of the answer."""
        self.send(self.handshake_bytes(reserved=reserved))
        return self.read_handshake()

    def read_handshake(self) -> bytes:
        """Wait for the session's; gives its peer id."""
        answer = self._read(68)
        assert answer[:20] == PREFIX
        assert answer[28:48] == self.info_hash
        return answer[48:]

    def read_message(self) -> tuple[int, bytes] | None:
        """The next message that is no keep-alive; None at the end of the connection."""
        while True:
            head = self._read(4, or_end=True)
            if len(head) < 4:
                return None
            body = self._read(int.from_bytes(head, "big"), or_end=True)
            if body:
                return body[0], body[1:]

    def read_until(self, kind: int) -> bytes:
        """Read and skip until a message of this kind."""
        while (message := self.read_message()) is not None:
            if message[0] == kind:
                return message[1]
        raise AssertionError(f"the connection ended without {MessageId(kind).name}")

    def get_block(self, piece: int, begin: int = 0, length: int = 16_384) -> bytes:
        """Ask for a block and wait for it."""
        self.send(request(piece, begin, length))
        return self.read_until(MessageId.PIECE)[8:]

    def read_to_end(self) -> bytes:
        """Everything until the session ends the connection; AssertionError when it does not."""
        while True:
            try:
                data = self.socket.recv(65_536)
            except ConnectionResetError:
                return self._input
            except TimeoutError:
                raise AssertionError("the session keeps the connection") from None
            if not data:
                return self._input
            self._input += data

    def _read(self, count: int, *, or_end: bool = False) -> bytes:
        while len(self._input) < count:
            try:
                data = self.socket.recv(65_536)
            except ConnectionResetError:
                data = b""
            if not data:
                assert or_end, "the connection ended"
                return b""
            self._input += data
        taken, self._input = self._input[:count], self._input[count:]
        return taken


class RawSeed(RawPeer):
    """Says it has everything and answers requests as `answer` tells, on a thread of its own."""

    def __init__(
        self,
        member: Member,
        content: Content,
        answer: Callable[[int, int, bytes], bytes | None] = lambda piece, begin, data: block(
            piece, begin, data
        ),
        *,
        host: str = "127.0.0.1",
        reserved: bytes = FAST_AND_EXTENSION,
    ) -> None:
        """`answer(piece, begin, the right data)` gives the bytes to send, or None for silence."""
        super().__init__(member, content, host=host)
        self._content, self._answer = content, answer
        self.num_requests = 0
        self.shake_hands(reserved=reserved)
        count = content.info.num_pieces
        bits = (((1 << count) - 1) << (-count % 8)).to_bytes((count + 7) // 8, "big")
        self.send(frame(MessageId.BITFIELD, bits) + frame(MessageId.UNCHOKE))
        self._thread = threading.Thread(target=self._serve, name="raw-seed")
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._thread.join()
        super().__exit__()

    def wait_for_end(self) -> None:
        """Until the session ends the connection."""
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "the session keeps the connection"

    def _serve(self) -> None:
        self.socket.settimeout(None)
        try:
            while (message := self.read_message()) is not None:
                if message[0] != MessageId.REQUEST:
                    continue
                self.num_requests += 1
                piece, begin, length = struct.unpack(">III", message[1])
                data = self._content.piece(piece)[begin : begin + length]
                answer = self._answer(piece, begin, data)
                if answer is not None:
                    self.socket.sendall(answer)
        except OSError:
            pass
