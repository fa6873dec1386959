from __future__ import annotations

import pytest
from evtorrent.protocols.errors import RemoteProtocolError
from evtorrent.protocols.sam import errors
from evtorrent.protocols.sam.errors import SamRefused, refusal


@pytest.mark.parametrize(
    ("result", "kind"),
    [
        ("ALREADY_ACCEPTING", errors.AlreadyAccepting),
        ("CANT_REACH_PEER", errors.CantReachPeer),
        ("DUPLICATED_DEST", errors.DuplicatedDestination),
        ("DUPLICATED_ID", errors.DuplicatedId),
        ("I2P_ERROR", errors.RouterError),
        ("INVALID_ID", errors.InvalidId),
        ("INVALID_KEY", errors.InvalidKey),
        ("KEY_NOT_FOUND", errors.KeyNotFound),
        ("LEASESET_NOT_FOUND", errors.LeasesetNotFound),
        ("NOVERSION", errors.NoVersion),
        ("PEER_NOT_FOUND", errors.PeerNotFound),
        ("TIMEOUT", errors.TimedOut),
        ("SOMETHING_NEW", SamRefused),
    ],
)
def test_every_result_has_its_error(result: str, kind: type[SamRefused]) -> None:
    error = refusal(result, "why")
    assert type(error) is kind
    assert isinstance(error, RemoteProtocolError)
    assert (error.result, error.message) == (result, "why")
    assert str(error) == f"{result.replace('_', ' ').lower()}, says the bridge: why"


def test_without_words() -> None:
    assert str(refusal("TIMEOUT")) == "timeout, says the bridge"
