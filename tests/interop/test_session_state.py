"""Saved sessions: what libtorrent wrote is read here and written back with nothing lost, and the other way round."""

from __future__ import annotations

from typing import Any

import pytest
from evtorrent.protocols.dht import DhtState, NodeId
from evtorrent.session import (
    SaveStateFlags,
    Session,
    SessionParams,
    SessionPlugin,
    SettingsError,
    read_session_params,
    write_session_params_buf,
)
from evtorrent.session.core.ip_filter import IpFilter
from evtorrent.session.settings import DEFAULTS, SettingValue
from support.sessions import LOOPBACK

pytestmark = pytest.mark.interop

DHT_STATE = DhtState(
    node_ids=[("10.0.0.1", NodeId(b"x" * 20)), ("2001:db8::1", NodeId(b"y" * 20))],
    nodes=[("10.0.0.2", 6881), ("10.0.0.3", 1)],
    nodes6=[("2001:db8::2", 6882)],
)
RULES = [
    ("10.0.0.0", "10.0.0.255"),
    ("1.2.3.4", "1.2.3.4"),
    ("255.255.255.255", "255.255.255.255"),
    ("2001:db8::", "2001:db8::ff"),
]


@pytest.fixture
def lt(require_peer: Any) -> Any:
    return require_peer("libtorrent")


def other(value: SettingValue) -> SettingValue:
    """Not the default."""
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int) else value + "ä"


def rewritten(lt: Any, data: bytes) -> dict[bytes, Any]:
    """The state as libtorrent writes it after it read it."""
    table: dict[bytes, Any] = lt.bdecode(bytes(lt.write_session_params_buf(lt.read_session_params(data))))
    table.pop(b"dht", None)  # What older versions of it want: all of it is among the settings.
    return table


def test_every_setting_of_libtorrent_survives(lt: Any) -> None:
    params = lt.session_params()
    params.settings = {name: other(value) for name, value in DEFAULTS.items()}
    data = bytes(lt.write_session_params_buf(params))
    ours = read_session_params(data)
    assert ours.settings["upload_rate_limit"] == 1
    assert ours.settings["proxy_hostname"] == "ä"
    assert ours.unsupported_settings["anonymous_mode"] is True, "not acted on, and not lost"
    again = write_session_params_buf(ours)
    assert lt.bdecode(again)[b"settings"] == lt.bdecode(data)[b"settings"]
    assert lt.read_session_params(again).settings == lt.read_session_params(data).settings


def test_every_setting_of_ours_survives(lt: Any) -> None:
    ours = SessionParams()
    names = DEFAULTS.keys() - {"peer_tos"}  # The old name of peer_dscp, which libtorrent does not read.
    for name in names:
        value = DEFAULTS[name]
        try:
            ours.settings[name] = other(value)
        except SettingsError:
            ours.settings[name] = value  # Set, and saved, all the same.
    data = write_session_params_buf(ours)
    assert len(ours.settings.explicit()) == len(names)
    assert read_session_params(rewritten(lt, data)).settings.explicit() == ours.settings.explicit()


def test_the_filter_the_dht_and_plug_ins_survive_in_libtorrent(lt: Any) -> None:
    ours = SessionParams()
    ours.ip_filter = IpFilter()
    for first, last in RULES:
        ours.ip_filter.add_rule(first, last, 1)
    ours.dht_state = DHT_STATE
    ours.ext_state = {"plug-in": b"\x00\xff", "another": b""}
    theirs = lt.read_session_params(write_session_params_buf(ours))
    for first, last in RULES:
        assert theirs.ip_filter.access(first) == theirs.ip_filter.access(last) == 1
    assert theirs.ip_filter.access("10.0.1.0") == theirs.ip_filter.access("2001:db8::100") == 0
    back = read_session_params(rewritten(lt, write_session_params_buf(ours)))
    assert back.ip_filter is not None
    assert back.ip_filter.export_filter() == ours.ip_filter.export_filter()
    assert back.dht_state == DHT_STATE
    assert back.ext_state == ours.ext_state


def test_the_filter_the_dht_and_plug_ins_of_libtorrent_survive_here(lt: Any) -> None:
    params = lt.session_params()
    for first, last in RULES:
        params.ip_filter.add_rule(first, last, 1)
    table = lt.bdecode(bytes(lt.write_session_params_buf(params)))
    # Its binding cannot set a DHT's state: this is what it writes of ours.
    table[b"dht state"] = rewritten(lt, lt.bencode({b"dht state": DHT_STATE.to_table()}))[b"dht state"]
    table[b"extensions"] = {b"plug-in": b"\x00\xff"}
    data = lt.bencode(table)
    ours = read_session_params(data)
    assert ours.dht_state == DHT_STATE
    assert ours.ext_state == {"plug-in": b"\x00\xff"}
    assert ours.ip_filter is not None
    assert all(ours.ip_filter.is_blocked(host) for rule in RULES for host in rule)
    assert not ours.ip_filter.is_blocked("10.0.1.0")
    assert rewritten(lt, write_session_params_buf(ours)) == rewritten(lt, data)


class Keeper(SessionPlugin):
    """A plug-in that has something to find again."""

    def __init__(self) -> None:
        self.found: bytes | None = None

    def load_state(self, state: Any) -> None:
        self.found = state.get("keeper")

    def save_state(self) -> dict[str, bytes]:
        return {"keeper": b"kept"}


def test_from_session_to_session(lt: Any) -> None:
    """Ours → libtorrent's → ours, each of them running."""
    blocked = IpFilter()
    blocked.add_rule("10.0.0.0", "10.0.0.255", 1)
    begun = {**LOOPBACK, "user_agent": "me/1", "num_want": 33, "allow_multiple_connections_per_ip": True}
    with Session(SessionParams(begun, extensions=[Keeper()], ip_filter=blocked)) as session:
        data = write_session_params_buf(session.session_state())
    params = lt.read_session_params(data)
    params.settings = {**params.settings, "num_want": 34, "webtorrent_stun_server": "nowhere"}
    theirs = lt.session(params)
    now = theirs.get_settings()
    assert (now["user_agent"], now["num_want"], now["allow_multiple_connections_per_ip"]) == (
        "me/1",
        34,
        True,
    )
    assert theirs.get_ip_filter().access("10.0.0.7") == 1
    state = lt.bdecode(bytes(lt.write_session_params_buf(theirs.session_state())))
    # A session keeps no state of plug-ins that it has not; its parameters do.
    state[b"extensions"] = lt.bdecode(bytes(lt.write_session_params_buf(params)))[b"extensions"]
    del theirs
    keeper = Keeper()
    again = read_session_params(state)
    again.extensions = [keeper]
    with Session(again) as session:
        assert keeper.found == b"kept"
        settings = session.get_settings()
        assert (settings["user_agent"], settings["num_want"]) == ("me/1", 34)
        assert session.get_ip_filter().is_blocked("10.0.0.7")
        last = session.session_state()
        assert last.unsupported_settings["webtorrent_stun_server"] == "nowhere"
        only = session.session_state(SaveStateFlags.save_ip_filter)
        assert (only.unsupported_settings, only.ext_state, only.dht_state) == ({}, {}, None)
        assert only.ip_filter is not None
