from __future__ import annotations

import pytest
from evtorrent.protocols import bencode
from evtorrent.protocols.dht import DhtState, NodeId
from evtorrent.session import state
from evtorrent.session.core.ip_filter import IpFilter
from evtorrent.session.errors import StateDataError, TorrentErrc
from evtorrent.session.flags import SaveStateFlags
from evtorrent.session.params import SessionParams
from evtorrent.session.state import read_session_params, write_session_params, write_session_params_buf
from hypothesis import given
from hypothesis import strategies as st

DHT_STATE = DhtState(
    node_ids=[("10.0.0.1", NodeId(b"x" * 20)), ("2001:db8::1", NodeId(b"y" * 20))],
    nodes=[("10.0.0.2", 6881)],
    nodes6=[("2001:db8::2", 6882)],
)


def full() -> SessionParams:
    ip_filter = IpFilter()
    ip_filter.add_rule("10.0.0.0", "10.0.0.255", 1)
    ip_filter.add_rule("2001:db8::", "2001:db8::ff", 1)
    params = SessionParams(
        {"num_want": 33, "ssrf_mitigation": False, "user_agent": "me"}, ip_filter=ip_filter
    )
    params.ext_state = {"plug-in": b"\x00\x01"}
    params.dht_state = DHT_STATE
    params.unsupported_settings = {"max_webtorrent_offers": 11, "webtorrent_stun_server": "p"}
    return params


def test_everything_survives():
    again = read_session_params(write_session_params_buf(full()))
    assert again.settings.explicit() == full().settings.explicit()
    assert again.unsupported_settings == full().unsupported_settings
    assert again.ext_state == full().ext_state
    assert again.dht_state == full().dht_state
    assert again.ip_filter is not None
    assert again.ip_filter.export_filter() == full().ip_filter.export_filter()


def test_a_dictionary_is_taken_too():
    assert read_session_params(write_session_params(SessionParams())).ip_filter is None
    table = bencode.decode(write_session_params_buf(full()))
    assert read_session_params(table).settings["num_want"] == 33


@pytest.mark.parametrize(
    ("flag", "key"),
    [
        (SaveStateFlags.save_settings, b"settings"),
        (SaveStateFlags.save_dht_state, b"dht state"),
        (SaveStateFlags.save_extension_state, b"extensions"),
        (SaveStateFlags.save_ip_filter, b"ip_filter4"),
    ],
)
def test_flags_choose_parts(flag, key):
    assert key in write_session_params(full(), flag)
    assert key not in write_session_params(full(), ~flag)
    data = write_session_params_buf(full())
    kept = write_session_params(read_session_params(data, flag))
    assert key in kept
    left = write_session_params(read_session_params(data, ~flag))
    assert not left.get(key)


def test_wrong_values_leave_the_default():
    data = bencode.encode(
        {
            "settings": {
                "num_want": -1,
                "ssrf_mitigation": b"no",
                "user_agent": 5,
                "unheard_of": 1,
                "connections_limit": 99,
                "alert_mask": b"x",
            },
            "extensions": {"a": 5, "b": b"kept"},
            "ip_filter4": [b"short", b"\x0a\x00\x00\x02" + b"\x0a\x00\x00\x01" + b"\x00\x00\x00\x01", 5],
            "ip_filter6": 5,
            "dht state": b"no dictionary",
        }
    )
    params = read_session_params(data)
    assert params.settings.explicit() == {"connections_limit": 99}
    assert params.unsupported_settings == {"num_want": -1}, "refused, and not lost"
    assert params.ext_state == {"b": b"kept"}
    assert params.ip_filter is None
    assert params.dht_state is None


def test_old_settings_of_the_dht():
    old = {b"dht": {b"max_peers": 7, b"read_only": 1, b"max_torrents": b"x", b"unheard_of": 1}}
    params = read_session_params(old)
    assert params.settings.explicit() == {"dht_max_peers": 7, "dht_read_only": True}
    assert read_session_params({**old, b"settings": {b"num_want": 5}}).settings.explicit() == {"num_want": 5}
    assert not read_session_params(old, ~SaveStateFlags.save_settings).settings.explicit()


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"le", TorrentErrc.not_a_dictionary),
        (b"d", TorrentErrc.invalid_bencoding),
        (b"", TorrentErrc.invalid_bencoding),
    ],
)
def test_what_is_no_state_is_refused(data, value):
    with pytest.raises(StateDataError) as caught:
        read_session_params(data)
    assert caught.value.code.value == value


def test_limits(monkeypatch):
    data = write_session_params_buf(full())
    monkeypatch.setattr(state, "MAX_SESSION_STATE", len(data))
    read_session_params(data)
    monkeypatch.setattr(state, "MAX_SESSION_STATE", len(data) - 1)
    with pytest.raises(StateDataError):
        read_session_params(data)
    monkeypatch.undo()
    monkeypatch.setattr(state, "MAX_STATE_ITEMS", 3)
    with pytest.raises(StateDataError):
        read_session_params(data)


@given(
    st.binary(max_size=60)
    | st.dictionaries(
        st.sampled_from([b"settings", b"extensions", b"ip_filter4", b"ip_filter6", b"dht state"]),
        st.recursive(
            st.integers(-(2**40), 2**40) | st.binary(max_size=40),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.binary(max_size=9), inner, max_size=3)
            ),
            max_leaves=6,
        ),
    ).map(bencode.encode)
)
def test_any_input_is_read_or_refused(data):
    try:
        params = read_session_params(data)
    except StateDataError:
        return
    again = read_session_params(write_session_params_buf(params))
    assert again.ext_state == params.ext_state
    assert again.dht_state == params.dht_state


@pytest.mark.interop
def test_state_travels_both_ways(require_peer):
    lt = require_peer("libtorrent")
    theirs = lt.read_session_params(write_session_params_buf(full()))
    assert theirs.settings["num_want"] == 33
    assert theirs.settings["ssrf_mitigation"] is False
    assert theirs.settings["max_webtorrent_offers"] == 11
    assert theirs.ip_filter.access("10.0.0.7") == 1
    assert theirs.ip_filter.access("10.0.1.0") == 0
    again = read_session_params(lt.write_session_params_buf(theirs))
    assert again.settings["num_want"] == 33
    assert again.settings["user_agent"] == "me"
    assert again.unsupported_settings["max_webtorrent_offers"] == 11
    assert again.dht_state == DHT_STATE
    assert again.ip_filter is not None
    assert again.ip_filter.access("2001:db8::7") == 1
