"""Ed25519 as BEP 44 needs it: PyNaCl (libsodium), and keys in all three forms that are in use.

* 32 bytes: a seed, as in RFC 8032;
* 64 bytes, seed and public key: libsodium's form of a secret key;
* 64 bytes, the seed's hash, clamped: an *expanded* key, which is what libtorrent keeps and BEP 44's test vectors show.  The
  seed cannot be had from it, so it is signed with here by the formula of RFC 8032, section 5.1.6.
"""

from __future__ import annotations

from hashlib import sha512
from typing import Final

from nacl.bindings import (
    crypto_core_ed25519_scalar_add,
    crypto_core_ed25519_scalar_mul,
    crypto_core_ed25519_scalar_reduce,
    crypto_scalarmult_ed25519_base,
    crypto_scalarmult_ed25519_base_noclamp,
)
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from .errors import ItemError

__all__ = ["PUBLIC_KEY_SIZE", "SIGNATURE_SIZE", "public_key_of", "sign", "verify"]

PUBLIC_KEY_SIZE: Final = 32
SEED_SIZE: Final = 32
SECRET_SIZE: Final = 64
SIGNATURE_SIZE: Final = 64


def public_key_of(secret_key: bytes) -> bytes:
    """The public key of a secret one in any form.  ItemError for another length."""
    signing = _signing_key(secret_key)
    if signing is not None:
        return bytes(signing.verify_key)
    return crypto_scalarmult_ed25519_base(secret_key[:SEED_SIZE])


def sign(message: bytes, secret_key: bytes) -> bytes:
    """The signature by a secret key in any form.  ItemError for another length."""
    signing = _signing_key(secret_key)
    if signing is not None:
        return signing.sign(message).signature
    scalar, prefix = secret_key[:SEED_SIZE], secret_key[SEED_SIZE:]
    nonce = crypto_core_ed25519_scalar_reduce(sha512(prefix + message).digest())
    point = crypto_scalarmult_ed25519_base_noclamp(nonce)
    challenge = crypto_core_ed25519_scalar_reduce(
        sha512(point + public_key_of(secret_key) + message).digest()
    )
    return point + crypto_core_ed25519_scalar_add(crypto_core_ed25519_scalar_mul(challenge, scalar), nonce)


def verify(message: bytes, signature: bytes, public_key: bytes) -> bool:
    """The owner of `public_key` signed `message`.  False for keys and signatures of another length, too."""
    if len(public_key) != PUBLIC_KEY_SIZE or len(signature) != SIGNATURE_SIZE:
        return False
    try:
        VerifyKey(public_key).verify(message, signature)
    except BadSignatureError:
        return False
    return True


def _signing_key(secret_key: bytes) -> SigningKey | None:
    """What PyNaCl signs with; None for an expanded key."""
    if len(secret_key) not in (SEED_SIZE, SECRET_SIZE):
        raise ItemError(f"a secret key has {SEED_SIZE} or {SECRET_SIZE} bytes, not {len(secret_key)}")
    key = SigningKey(secret_key[:SEED_SIZE])
    if len(secret_key) == SECRET_SIZE and bytes(key.verify_key) != secret_key[SEED_SIZE:]:
        return None
    return key
