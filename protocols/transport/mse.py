"""Message stream encryption over any transport: "tcp+mse", "utp+mse", "socks5+tcp+mse".

After the handshake a stream is either plain, and passes untouched, or RC4: input is decrypted where it was read, one call a
`recv_into`; output is encrypted out of the user's buffer, which stays as it is, into one of the filter's, one call for up to
SEND_SIZE bytes.  `send` takes what it has encrypted, whether or not it leaves at once, and nothing more while any of it is
left.  Buffers come from a pool and go back when they are empty, so only connections that are behind hold one.

An accepted connection without MSE passes as well, unless it is refused: the first bytes tell.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..dialogue import Dialogue
from ..engine.ports import Base
from ..errors import LocalProtocolError, TransportError
from ..mse import Initiator, Responder
from ..mse.agreement import ANY_METHOD, Agreed, Method
from ..mse.handshake import MseHandshake
from ..mse.key_exchange import RandomBytes
from ..mse.responder import FindSkey
from ..types import Buffer
from .base import Transport
from .chain import ChainContext
from .handshaking import HandshakeFilter

__all__ = ["HANDSHAKE_TIMEOUT", "SEND_SIZE", "CipherBuffers", "MseFilter", "MseOptions", "put_on_mse"]

HANDSHAKE_TIMEOUT = 10.0
"""Seconds that the handshake may take (libtorrent's `handshake_timeout`)."""
SEND_SIZE = 256 * 1024
"""Bytes that one `send` encrypts, and that a connection has unsent, at most."""

_Cipher = Callable[[Buffer, Buffer], int]


class CipherBuffers:
    """Buffers of SEND_SIZE to be used again; one pool may serve all connections of a loop."""

    __slots__ = ("_free", "_limit")

    def __init__(self, limit: int = 4) -> None:
        """`limit`: unused buffers that are kept."""
        self._free: list[memoryview] = []
        self._limit = limit

    def take(self) -> memoryview:
        """A buffer; what is in it means nothing."""
        return self._free.pop() if self._free else memoryview(bytearray(SEND_SIZE))

    def give_back(self, buffer: memoryview) -> None:
        """It is not needed any more."""
        if len(self._free) < self._limit:
            self._free.append(buffer)


def _nobody(_: bytes) -> None:
    return None


@dataclass(frozen=True, slots=True)
class MseOptions:
    """The option "mse" of a chain."""

    skey: bytes = b""
    """Dialling: the info-hash of the torrent."""
    find_skey: FindSkey = _nobody
    """Accepting: from `hash_of_skey(info_hash)` to an info-hash of ours."""
    methods: Method = ANY_METHOD
    """What is provided, or accepted."""
    prefer_rc4: bool = False
    """Accepting: of both methods take RC4."""
    takes_plain: bool = True
    """Accepting: without MSE, too."""
    takes_encrypted: bool = True
    """Accepting: with MSE, too."""
    initial_payload: bytes = b""
    """Dialling: the beginning of the stream, to be sent within the handshake."""
    timeout: float = HANDSHAKE_TIMEOUT
    """Seconds that the handshake may take."""
    random_bytes: RandomBytes | None = None
    """Where keys come from; without it the platform of the base."""
    buffers: CipherBuffers = field(default_factory=CipherBuffers)
    """Where to encrypt."""


def put_on_mse(below: Transport, context: ChainContext) -> MseFilter:
    """The "mse" of a chain.  Takes the option "mse", an `MseOptions`."""
    options = context.options.get("mse")
    if not isinstance(options, MseOptions):
        raise LocalProtocolError("mse takes the option mse, which says the info-hash")
    random_bytes = options.random_bytes or context.base.platform.random_bytes  # type: ignore[attr-defined]
    handshake: MseHandshake
    if context.is_inbound:
        handshake = Responder(
            options.find_skey,
            random_bytes,
            methods=options.methods,
            prefer_rc4=options.prefer_rc4,
            takes_plain=options.takes_plain,
            takes_encrypted=options.takes_encrypted,
        )
    else:
        handshake = Initiator(
            options.skey, random_bytes, methods=options.methods, initial_payload=options.initial_payload
        )
    return MseFilter(below, context.base, handshake, timeout=options.timeout, buffers=options.buffers)


class MseFilter(HandshakeFilter):
    """One encrypted, or recognised plain, connection."""

    name = "mse"
    operation = "mse"

    def __init__(
        self,
        below: Transport,
        base: Base,
        handshake: MseHandshake,
        *,
        timeout: float = HANDSHAKE_TIMEOUT,
        buffers: CipherBuffers,
    ) -> None:
        self._agreed: Agreed | None = None
        self._handshake = handshake
        self._encrypt: _Cipher | None = None
        self._decrypt: _Cipher | None = None
        self._buffers = buffers
        self._buffer: memoryview | None = None
        """The one that `_unsent` lies in."""
        dialogue: Dialogue = handshake
        super().__init__(below, base, dialogue, timeout=timeout)

    def recv_into(self, buffer: bytearray | memoryview) -> int:
        decrypt = self._decrypt
        if decrypt is None or self._held or not self._is_connected:
            return super().recv_into(buffer)
        try:
            count = self.below.recv_into(buffer)
        except TransportError as exc:
            self._end(exc)
            raise
        if count > 0:
            part = memoryview(buffer)[:count]
            decrypt(part, part)
        return count

    def send(self, data: Buffer) -> int:
        encrypt = self._encrypt
        if encrypt is None:
            return super().send(data)
        if not self._may_send() or not len(data):
            return 0
        count = min(len(data), SEND_SIZE)
        buffer = self._buffers.take()
        ready = buffer[:count]
        encrypt(memoryview(data)[:count], ready)
        try:
            sent = self.below.send(ready)
        except TransportError as exc:
            self._buffers.give_back(buffer)
            self._end(exc)
            raise
        if sent == count:
            self._buffers.give_back(buffer)
        else:
            self._buffer = buffer
            self._hold_unsent(ready[sent:])
        return count

    @property
    def is_encrypted(self) -> bool:  # type: ignore[override]
        return self._encrypt is not None

    def query(self, name: str) -> Any:
        """Knows "mse_method" (a `Method`; None before the handshake is done) and "mse_begun": it was connected below."""
        if name == "mse_method":
            return None if self._agreed is None else self._agreed.method
        if name == "mse_begun":
            return self._has_begun
        return super().query(name)

    def _opened(self) -> None:
        agreed = self._agreed = self._handshake.agreed
        if agreed is not None and agreed.encrypt is not None and agreed.decrypt is not None:
            self._encrypt, self._decrypt = agreed.encrypt.update_into, agreed.decrypt.update_into

    def _sent_all(self) -> None:
        if self._buffer is not None:
            self._buffers.give_back(self._buffer)
            self._buffer = None
