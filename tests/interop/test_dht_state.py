"""Saved sessions with a DHT: what libtorrent saved is our node, online at once, and the other way round."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from evtorrent.protocols.dht import DhtState
from evtorrent.session import Session, SessionParams, read_session_params, write_session_params_buf
from support.dht_loopback import LIBTORRENT_SETTINGS
from support.dht_thread import SETTINGS, DhtThreads
from support.real_peers import LibtorrentPeer
from support.sessions import LOOPBACK
from support.waiting import wait_for

pytestmark = pytest.mark.interop

HOST = "127.0.0.41"


@pytest.fixture
def network() -> Iterator[DhtThreads]:
    with DhtThreads(2) as network:
        yield network


def endpoints(network: DhtThreads) -> set[tuple[str, int]]:
    return {member.address for member in network.members}


def test_what_libtorrent_saved_is_our_node(network: DhtThreads, require_peer: Any) -> None:
    lt = require_peer("libtorrent")
    with LibtorrentPeer(lt, **LIBTORRENT_SETTINGS, listen_interfaces=f"{HOST}:0") as theirs:
        for address in endpoints(network):
            theirs.session.add_dht_node(address)

        def saved() -> bytes | None:
            data = bytes(lt.write_session_params_buf(theirs.session.session_state(), 4))
            state = read_session_params(data).dht_state or DhtState()
            return data if set(state.nodes) == endpoints(network) else None

        data = wait_for(saved, "both nodes in libtorrent's state")
    assert data is not None
    params = read_session_params(data)
    params.settings.apply({**LOOPBACK, **SETTINGS, "listen_interfaces": f"{HOST}:0"})
    with Session(params) as ours:
        wait_for(lambda: ours.session_stats()["dht.dht_nodes"] == 2)
        state = ours.session_state().dht_state or DhtState()
        assert params.dht_state is not None
        assert state.node_ids == params.dht_state.nids
        assert [host for host, _ in state.node_ids] == [HOST]


def test_what_we_saved_is_libtorrents_node(network: DhtThreads, require_peer: Any) -> None:
    lt = require_peer("libtorrent")
    params = SessionParams({**LOOPBACK, **SETTINGS, "listen_interfaces": f"{HOST}:0"})
    params.dht_state = DhtState(nodes=list(endpoints(network)))
    with Session(params) as ours:
        wait_for(lambda: ours.session_stats()["dht.dht_nodes"] == 2)
        saved = ours.session_state()
    state = saved.dht_state or DhtState()
    assert set(state.nodes) == endpoints(network)
    written = lt.bdecode(write_session_params_buf(saved))[b"dht state"]
    settings = {**LIBTORRENT_SETTINGS, "enable_dht": False, "listen_interfaces": f"{HOST}:0"}
    with LibtorrentPeer(lt, **settings) as theirs:
        # Not given to the constructor: libtorrent's Python binding does not pass on what a DHT knew, not even its own.
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            theirs.session.load_state({b"dht state": written}, 4)
        theirs.session.apply_settings({"enable_dht": True})

        def known() -> DhtState | None:
            data = bytes(lt.write_session_params_buf(theirs.session.session_state(), 4))
            now = read_session_params(data).dht_state or DhtState()
            return now if set(now.nodes) == endpoints(network) else None

        again = wait_for(known, "both nodes in libtorrent")
        assert again is not None
        assert dict(again.node_ids)[HOST] == dict(state.node_ids)[HOST]
