"""The called side against callers of every kind."""

from __future__ import annotations

from hashlib import sha1

import pytest
from evtorrent.protocols.errors import LocalProtocolError
from evtorrent.protocols.mse import Method, MseError, Responder
from evtorrent.protocols.mse.handshake import MAX_PAD, VC, blurred_skey
from evtorrent.protocols.mse.key_exchange import KEY_LENGTH, KeyPair, hash_of_skey, stream_ciphers
from support.feeding import ways_to_cut
from support.mse_kit import SKEY, find_skey, keys_of, responder

OURS = KeyPair(keys_of(9))
PLAIN = b"\x13BitTorrent protocol" + bytes(range(48))


def call(
    machine: Responder,
    *,
    noise: int = 0,
    skey: bytes = SKEY,
    vc: bytes = VC,
    provide: int = 3,
    pad: int = 0,
    rest: bytes = bytes(2),
) -> None:
    """A whole call by hand."""
    machine.receive_data(OURS.public)
    secret = OURS.secret_with(machine.data_to_send()[:KEY_LENGTH])
    cipher = stream_ciphers(secret, skey)[0]
    machine.receive_data(
        bytes([7]) * noise
        + sha1(b"req1" + secret).digest()
        + blurred_skey(hash_of_skey(skey), secret)
        + cipher.apply(
            vc + provide.to_bytes(4, "big") + pad.to_bytes(2, "big") + bytes(min(pad, MAX_PAD)) + rest
        )
    )


@pytest.mark.parametrize("noise", [0, 1, MAX_PAD])
def test_a_good_call(noise: int) -> None:
    machine = responder()
    call(machine, noise=noise, pad=MAX_PAD)
    assert machine.is_done
    assert machine.agreed is not None and machine.agreed.method is Method.PLAINTEXT


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"noise": MAX_PAD + 1}, "sync_hash_not_found"),
        ({"skey": bytes(20)}, "invalid_info_hash"),
        ({"vc": b"notnull!"}, "invalid_encryption_constant"),
        ({"provide": 0}, "unsupported_encryption_mode"),
        ({"provide": 8}, "unsupported_encryption_mode"),
        ({"pad": MAX_PAD + 1}, "invalid_pad_size"),
    ],
)
def test_wrong_calls(wrong: dict[str, object], reason: str) -> None:
    with pytest.raises(MseError) as caught:
        call(responder(), **wrong)  # type: ignore[arg-type]
    assert caught.value.reason == reason
    assert str(caught.value)


def test_a_degenerate_key_gets_no_answer() -> None:
    machine = responder()
    with pytest.raises(MseError, match="degenerate"):
        machine.receive_data(bytes(KEY_LENGTH))
    assert machine.data_to_send() == b""


def test_a_plain_handshake_passes_whole() -> None:
    for how, chunks in ways_to_cut(PLAIN):
        machine, left = responder(), b""
        for chunk in chunks:
            if machine.is_done:
                left += chunk
            else:
                machine.receive_data(chunk)
        assert machine.agreed is not None and machine.agreed.method is Method.NONE
        assert machine.take_rest() + left == PLAIN, how
        assert machine.data_to_send() == b""


def test_a_key_that_begins_like_a_handshake_is_a_key() -> None:
    machine = responder()
    machine.receive_data(b"\x13BitTorrent protocox" + bytes(75))
    assert not machine.is_done
    machine.receive_data(b"\x01")
    assert len(machine.data_to_send()) >= KEY_LENGTH


def test_plain_connections_may_be_unwelcome() -> None:
    with pytest.raises(MseError) as caught:
        responder(takes_plain=False).receive_data(PLAIN)
    assert caught.value.reason == "no_incoming_regular"


def test_encrypted_ones_may_be_unwelcome() -> None:
    with pytest.raises(MseError) as caught:
        responder(takes_encrypted=False).receive_data(b"\x14")
    assert caught.value.reason == "no_incoming_encrypted"


def test_without_a_method_nothing_can_be_accepted() -> None:
    with pytest.raises(LocalProtocolError, match="method"):
        Responder(find_skey, keys_of(1), methods=Method.NONE)
