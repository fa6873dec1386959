from __future__ import annotations

import socket

import pytest
from evtorrent.session.cli.exit_status import CommandFailed, ExitStatus
from evtorrent.session.cli.opening import SessionOptions, open_session
from evtorrent.session.cli.reporters import JsonLines
from support.command_line import event, wait_until


@pytest.fixture
def taken():
    """A port somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_options_become_settings(capsys):
    with open_session(SessionOptions("127.0.0.1:0", 1000, 2000), JsonLines()) as session:
        settings = session.get_settings()
        assert (settings["download_rate_limit"], settings["upload_rate_limit"]) == (1000, 2000)
        assert event(capsys.readouterr().out, "listening")["port"] == session.listen_port()


def test_the_dht_may_be_left_out_or_begin_elsewhere(capsys):
    with open_session(SessionOptions("127.0.0.1:0", has_dht=False), JsonLines()) as session:
        assert not session.is_dht_running()
    with open_session(SessionOptions("127.0.0.1:0"), JsonLines()) as session:
        assert session.is_dht_running()
        assert session.get_settings()["dht_bootstrap_nodes"]
        node = ("127.0.0.1", session.listen_port())
        options = SessionOptions("127.0.0.2:0", dht_nodes=(node,))
        with open_session(options, JsonLines()) as other:
            assert other.get_settings()["dht_bootstrap_nodes"] == ""
            wait_until(lambda: other.session_stats()["dht.dht_nodes"] == 1)


def test_the_port_asked_for_or_none(taken):
    with pytest.raises(
        CommandFailed, match=f"cannot listen on 127.0.0.1:{taken}: Address already in use"
    ) as failure:
        open_session(SessionOptions(f"127.0.0.1:{taken}"), JsonLines())
    assert failure.value.status == ExitStatus.CANNOT_LISTEN


def test_one_of_two_is_enough_and_the_other_is_told(taken, capsys):
    with open_session(SessionOptions(f"127.0.0.1:0,192.0.2.1:{taken}"), JsonLines()) as session:
        assert session.is_listening()
    assert "cannot listen on 192.0.2.1" in capsys.readouterr().err


@pytest.mark.parametrize("listen", ["192.0.2.1:0", "nonsense", ""])
def test_an_address_that_is_not_ours(listen):
    with pytest.raises(CommandFailed, match="listen"):
        open_session(SessionOptions(listen), JsonLines())


def test_a_setting_out_of_range_is_wrong_usage():
    with pytest.raises(CommandFailed) as failure:
        open_session(SessionOptions("127.0.0.1:0", limit_down=-5), JsonLines())
    assert failure.value.status == ExitStatus.USAGE


def test_an_address_is_told_once_though_it_has_two_sockets(capsys):
    with open_session(SessionOptions("127.0.0.1:0"), JsonLines()):
        told = [line for line in capsys.readouterr().out.splitlines() if '"listening"' in line]
    assert len(told) == 1


@pytest.mark.parametrize("lsd", [True, False])
def test_local_discovery_is_as_asked_for(lsd):
    with open_session(SessionOptions("127.0.0.1:0", lsd=lsd), JsonLines()) as session:
        assert session.get_settings()["enable_lsd"] is lsd


def test_other_settings_and_an_interface_that_is_not_there(capsys):
    options = SessionOptions(settings={"listen_interfaces": "127.0.0.1:0", "connections_limit": 7})
    with open_session(options, JsonLines()) as session:
        assert session.get_settings()["connections_limit"] == 7
        assert event(capsys.readouterr().out, "listening")["address"] == "127.0.0.1"
    with pytest.raises(CommandFailed) as failure:
        open_session(SessionOptions(settings={"listen_interfaces": "nosuchdevice0:0"}), JsonLines())
    assert failure.value.status == ExitStatus.CANNOT_LISTEN
