"""Which chain leads to a peer."""

from __future__ import annotations

import pytest
from evtorrent.protocols.peer.connection import PeerConnection
from evtorrent.protocols.peer.handshake import Handshake
from evtorrent.protocols.types import PeerId, Sha1Hash
from evtorrent.session import EncPolicy
from support.world import World


@pytest.mark.parametrize("policy", list(EncPolicy))
def test_the_chain_to_a_peer(policy):
    core = World().node(out_enc_policy=policy).core
    handshake = Handshake(Sha1Hash(bytes(20)), PeerId(bytes(20)))
    connection = PeerConnection(buffer=core.receive_buffer, local=handshake)
    chain, options = core.routes.to_peer("tcp", Sha1Hash(bytes(20)), connection, None)
    if policy is EncPolicy.disabled:
        assert (chain, options) == ("tcp", {})
        assert connection.has_data_to_send
    else:
        assert chain == "tcp+mse"
        assert options["mse"].initial_payload == handshake.pack()
        assert not connection.has_data_to_send
