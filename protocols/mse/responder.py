"""The side that is called: it tells a BitTorrent handshake from MSE by the first bytes, and finds the torrent by SKEY."""

from __future__ import annotations

from collections.abc import Callable, Generator
from hashlib import sha1

from ..dialogue import Script
from ..errors import LocalProtocolError
from ..peer.handshake import PROTOCOL
from .agreement import ANY_METHOD, Agreed, Method, MseError, choose_method
from .handshake import MAX_PAD, VC, MseHandshake, blurred_skey
from .key_exchange import KEY_LENGTH, KeyPair, RandomBytes, stream_ciphers

__all__ = ["FindSkey", "Responder"]

FindSkey = Callable[[bytes], "bytes | None"]
"""From `hash_of_skey(skey)` to the skey, which is an info-hash; None when it is not one of ours."""


class Responder(MseHandshake):
    """Answers.  A connection that begins with a BitTorrent handshake is done as soon as that is plain, with everything
    left for `take_rest`.
    """

    def __init__(
        self,
        find_skey: FindSkey,
        random_bytes: RandomBytes,
        *,
        methods: Method = ANY_METHOD,
        prefer_rc4: bool = False,
        takes_plain: bool = True,
        takes_encrypted: bool = True,
    ) -> None:
        """`takes_plain`: connections without MSE are welcome; `takes_encrypted`: those with it are."""
        if not methods & ANY_METHOD:
            raise LocalProtocolError("MSE without a method to accept")
        self._find_skey = find_skey
        self._methods = methods & ANY_METHOD
        self._prefer_rc4 = prefer_rc4
        self._takes_plain = takes_plain
        self._takes_encrypted = takes_encrypted
        super().__init__(random_bytes)

    def _talk(self) -> Script:
        if (yield from self._is_plain()):
            if not self._takes_plain:
                raise MseError("no_incoming_regular", "connections without encryption are not accepted")
            self.agreed = Agreed(Method.NONE)
        elif self._takes_encrypted:
            yield from self._answer()
        else:
            raise MseError("no_incoming_encrypted", "not a BitTorrent handshake, and encryption is disabled")

    def _is_plain(self) -> Generator[None, None, bool]:
        while True:
            start = self._input[: len(PROTOCOL)]
            if start != PROTOCOL[: len(start)]:
                return False
            if len(start) == len(PROTOCOL):
                return True
            yield

    def _answer(self) -> Script:
        their_key = yield from self._take(KEY_LENGTH)
        keys = KeyPair(self._random_bytes)
        secret = keys.secret_with(their_key)
        self._output += keys.public + self._pad()
        if not (yield from self._skip_to(sha1(b"req1" + secret).digest(), MAX_PAD)):
            raise MseError("sync_hash_not_found", f"no hash of the key within {MAX_PAD} bytes of padding")
        skey = self._find_skey(blurred_skey((yield from self._take(20)), secret))
        if skey is None:
            raise MseError("invalid_info_hash", "the encrypted handshake names no torrent of ours")
        decrypt, encrypt = stream_ciphers(secret, skey)
        if (yield from self._take_decrypted(decrypt, len(VC))) != VC:
            raise MseError("invalid_encryption_constant", "the verification constant is wrong")
        offered = yield from self._take_number(decrypt, 4)
        selected = choose_method(offered, self._methods, prefer_rc4=self._prefer_rc4)
        yield from self._take_pad(decrypt)
        length = yield from self._take_number(decrypt, 2)
        payload = yield from self._take_decrypted(decrypt, length)
        pad = self._pad()
        self._output += encrypt.apply(VC + selected.to_bytes(4, "big") + len(pad).to_bytes(2, "big") + pad)
        if selected == Method.PLAINTEXT:
            self._input[:0] = payload
            self.agreed = Agreed(Method.PLAINTEXT, skey)
        else:
            self._input[:] = payload + decrypt.apply(self._input)
            self.agreed = Agreed(Method.RC4, skey, encrypt, decrypt)
