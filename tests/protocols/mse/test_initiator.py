"""The dialling side against wrong answers."""

from __future__ import annotations

from hashlib import sha1

import pytest
from evtorrent.protocols.errors import LocalProtocolError
from evtorrent.protocols.mse import Initiator, Method, MseError
from evtorrent.protocols.mse.handshake import MAX_INITIAL_PAYLOAD, MAX_PAD, VC
from evtorrent.protocols.mse.key_exchange import KEY_LENGTH, KeyPair, stream_ciphers
from evtorrent.protocols.mse.rc4 import Rc4
from support.feeding import check_one_way, ways_to_cut
from support.mse_kit import SKEY, initiator, keys_of

OURS = KeyPair(keys_of(9))


def answer_to(machine: Initiator) -> Rc4:
    """Play the responder up to step 3; gives the cipher of its answers."""
    hello = machine.data_to_send()
    machine.receive_data(OURS.public)
    secret = OURS.secret_with(hello[:KEY_LENGTH])
    assert machine.data_to_send().startswith(sha1(b"req1" + secret).digest())
    return stream_ciphers(secret, SKEY)[1]


def select(number: int, pad: int = 0) -> bytes:
    return VC + number.to_bytes(4, "big") + pad.to_bytes(2, "big") + bytes(min(pad, MAX_PAD))


def after(machine: Initiator, data: bytes) -> Initiator:
    machine.receive_data(data)
    return machine


def test_a_pad_before_the_answer_is_skipped() -> None:
    for noise in (0, 1, MAX_PAD):
        machine = initiator()
        cipher = answer_to(machine)
        machine.receive_data(bytes([7]) * noise + cipher.apply(select(2, MAX_PAD)))
        assert machine.is_done
        assert machine.agreed is not None and machine.agreed.method is Method.RC4


@pytest.mark.parametrize(
    ("noise", "answer", "reason"),
    [
        (MAX_PAD + 1, select(1), "invalid_encryption_constant"),
        (2000, b"", "invalid_encryption_constant"),
        (0, select(0), "unsupported_encryption_mode_selected"),
        (0, select(3), "unsupported_encryption_mode_selected"),
        (0, select(4), "unsupported_encryption_mode_selected"),
        (0, select(1, MAX_PAD + 1), "invalid_pad_size"),
    ],
)
def test_wrong_answers(noise: int, answer: bytes, reason: str) -> None:
    cipher = answer_to(initiator())
    data = bytes([7]) * noise + cipher.apply(answer)

    def make() -> Initiator:
        machine = initiator()
        answer_to(machine)
        machine.next_event = lambda: None  # type: ignore[attr-defined]
        return machine

    for how, chunks in ways_to_cut(data, 5):
        check_one_way(make, chunks, MseError, how)
    with pytest.raises(MseError) as caught:
        make().receive_data(data)
    assert caught.value.reason == reason


def test_a_method_that_was_not_provided() -> None:
    machine = initiator(methods=Method.RC4)
    cipher = answer_to(machine)
    with pytest.raises(MseError, match="0x1 selected, 0x2 provided"):
        machine.receive_data(cipher.apply(select(1)))


def test_a_degenerate_key() -> None:
    machine = initiator()
    with pytest.raises(MseError, match="degenerate"):
        machine.receive_data(bytes(KEY_LENGTH))


def test_what_it_cannot_be_asked_for() -> None:
    with pytest.raises(LocalProtocolError, match="method"):
        Initiator(SKEY, keys_of(1), methods=Method.NONE)
    with pytest.raises(LocalProtocolError, match="initial payload"):
        Initiator(SKEY, keys_of(1), initial_payload=bytes(MAX_INITIAL_PAYLOAD + 1))
