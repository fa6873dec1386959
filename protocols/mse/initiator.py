"""The side that opens the connection."""

from __future__ import annotations

from hashlib import sha1

from ..dialogue import Script
from ..errors import LocalProtocolError
from .agreement import ANY_METHOD, Agreed, Method, MseError
from .handshake import MAX_INITIAL_PAYLOAD, MAX_PAD, VC, MseHandshake, blurred_skey
from .key_exchange import KEY_LENGTH, KeyPair, RandomBytes, hash_of_skey, stream_ciphers

__all__ = ["Initiator"]


class Initiator(MseHandshake):
    """Says first who it is; the other side chooses among the methods it provides."""

    def __init__(
        self,
        skey: bytes,
        random_bytes: RandomBytes,
        *,
        methods: Method = ANY_METHOD,
        initial_payload: bytes = b"",
    ) -> None:
        """`initial_payload` (IA) is the beginning of our stream: sent here it spares a round trip."""
        if not methods & ANY_METHOD:
            raise LocalProtocolError("MSE without a method to provide")
        if len(initial_payload) > MAX_INITIAL_PAYLOAD:
            raise LocalProtocolError(f"an initial payload of {len(initial_payload)} bytes")
        self._skey = skey
        self._methods = methods & ANY_METHOD
        self._initial_payload = initial_payload
        super().__init__(random_bytes)

    def _talk(self) -> Script:
        keys = KeyPair(self._random_bytes)
        self._output += keys.public + self._pad()
        secret = keys.secret_with((yield from self._take(KEY_LENGTH)))
        encrypt, decrypt = stream_ciphers(secret, self._skey)
        pad, payload = self._pad(), self._initial_payload
        self._output += sha1(b"req1" + secret).digest()
        self._output += blurred_skey(hash_of_skey(self._skey), secret)
        self._output += encrypt.apply(
            VC
            + self._methods.to_bytes(4, "big")
            + len(pad).to_bytes(2, "big")
            + pad
            + len(payload).to_bytes(2, "big")
            + payload
        )
        if not (yield from self._skip_to(decrypt.apply(VC), MAX_PAD)):
            raise MseError("invalid_encryption_constant", f"no answer within {MAX_PAD} bytes of padding")
        selected = yield from self._take_number(decrypt, 4)
        if selected not in (Method.PLAINTEXT, Method.RC4) or not selected & self._methods:
            raise MseError(
                "unsupported_encryption_mode_selected",
                f"method {selected:#x} selected, {self._methods.value:#x} provided",
            )
        yield from self._take_pad(decrypt)
        if selected == Method.PLAINTEXT:
            self.agreed = Agreed(Method.PLAINTEXT, self._skey)
        else:
            self._input[:] = decrypt.apply(self._input)
            self.agreed = Agreed(Method.RC4, self._skey, encrypt, decrypt)
