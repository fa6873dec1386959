"""Which chains lead to peers and which they come in by, with filters and bases of somebody else's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from evtorrent.protocols.engine import Multi
from evtorrent.protocols.errors import TransportBroken
from evtorrent.protocols.transport import (
    ChainContext,
    Filter,
    Transport,
    memory_pair,
    register_base,
    register_filter,
)
from evtorrent.session import ProxyType, Session, SessionParams
from evtorrent.session.alerts import ListenFailedAlert, PeerConnectAlert, PeerDisconnectedAlert
from evtorrent.session.core.peer_transports import parse_transports
from evtorrent.session.errors import InvalidSetting, SettingsError
from support.distributions import install
from support.sessions import LOOPBACK, Content
from support.trackers import run_until

TCP_ONLY = {"enable_outgoing_utp": False, "enable_incoming_utp": False}


class Marked(Filter):
    """Does nothing, under a name of its own."""

    name = "marked"


class Pipes:
    """A base whose connections are pairs in memory, between the sessions of one engine."""

    def __init__(self) -> None:
        self.listening: dict[tuple[str, int], Callable[[Transport, Any], object]] = {}
        self.num_dialled = 0
        self.seen: list[dict[str, Any]] = []

    def dial(self, context: ChainContext) -> Transport:
        self.num_dialled += 1
        self.seen.append(dict(context.options))
        accept = self.listening.get((context.host, context.port))
        if accept is None:
            raise TransportBroken("connect", "nobody is there")
        near, far = memory_pair(context.base)
        accept(far, ("127.0.0.9", 1))
        return near

    def listen(self, context: ChainContext, on_accept: Callable[[Transport, Any], object]) -> Any:
        address = context.host, context.port
        self.listening[address] = on_accept
        listening = self.listening

        class Open:
            def close(self) -> None:
                del listening[address]

        return Open()


class Fails:
    """A base that cannot."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def dial(self, context: ChainContext) -> Transport:
        raise self.error

    def listen(self, context: ChainContext, on_accept: object) -> Any:
        raise self.error


@pytest.fixture
def multi() -> Any:
    multi = Multi()
    yield multi
    multi.close()
    multi.platform.close()  # type: ignore[attr-defined]


def session(multi: Multi, *chains: str, options: dict[str, Any] | None = None, **settings: Any) -> Session:
    given = {**LOOPBACK, "out_enc_policy": 2, **settings}
    return Session(SessionParams(given, peer_transports=chains, transport_options=options), multi=multi)


def end(multi: Multi, *sessions: Session) -> None:
    for each in sessions:
        each.close()
    run_until(multi, lambda: all(each.is_closed for each in sessions))


def download(multi: Multi, seed: Session, leech: Session, folder: Path) -> Any:
    """Gives the leech's handle, with everything there."""
    content = Content(60_000)
    theirs = seed.add_torrent(content.params(content.write(folder / "seed")))
    run_until(multi, lambda: theirs.status().is_seeding)
    handle = leech.add_torrent(content.params(folder / "leech"))
    run_until(multi, lambda: handle.status().state >= 3)
    handle.connect_peer(("127.0.0.1", seed.listen_port()))
    run_until(multi, lambda: handle.status().is_seeding)
    content.assert_in(folder / "leech")
    return handle


def chains_of(handle: Any) -> set[str]:
    return {link.transport.query("chain") for link in handle._torrent.swarm.links}


@pytest.mark.parametrize("base", ["tcp", "utp"])
def test_a_filter_on_both_sides(multi: Multi, tmp_path: Path, base: str) -> None:
    register_filter("marked", lambda below, context: Marked(below))
    stay = {"close_redundant_connections": False}
    seed, leech = (session(multi, f"{base}+marked", **stay) for _ in range(2))
    handle = download(multi, seed, leech, tmp_path)
    assert {chain.removeprefix("race+") for chain in chains_of(handle)} <= {
        f"{base}+marked",
        f"{base}+marked+mse",
    }
    assert chains_of(handle)
    end(multi, seed, leech)


def test_what_settings_decide_is_put_on_top(multi: Multi, tmp_path: Path) -> None:
    register_filter("marked", lambda below, context: Marked(below))
    settings = {"close_redundant_connections": False, "out_enc_policy": 0, "in_enc_policy": 0}
    seed, leech = (session(multi, "tcp+marked", **settings) for _ in range(2))
    handle = download(multi, seed, leech, tmp_path)
    assert all(chain.endswith("marked+mse") for chain in chains_of(handle))
    end(multi, seed, leech)


def test_a_base_of_somebody_else(multi: Multi, tmp_path: Path) -> None:
    pipes = Pipes()
    register_base("pipes", pipes)  # type: ignore[arg-type]
    options = {"colour": "red"}
    seed, leech = (session(multi, "pipes", options=options) for _ in range(2))
    assert set(pipes.listening) == {("127.0.0.1", each.listen_port()) for each in (seed, leech)}
    download(multi, seed, leech, tmp_path)
    assert pipes.num_dialled == 1
    assert pipes.seen == [options]
    seed.pause()
    accept = pipes.listening["127.0.0.1", seed.listen_port()]
    near, far = memory_pair(multi)
    accept(far, ("127.0.0.8", 2))
    assert far.is_closed
    near.abort()
    seed.apply_settings({"listen_interfaces": ""})
    assert set(pipes.listening) == {("127.0.0.1", leech.listen_port())}
    end(multi, seed, leech)
    assert not pipes.listening


def test_nothing_of_it_with_a_proxy(multi: Multi, tmp_path: Path) -> None:
    pipes = Pipes()
    register_base("pipes2", pipes)  # type: ignore[arg-type]
    proxied = session(multi, "pipes2", proxy_type=ProxyType.socks5, proxy_hostname="127.0.0.1", proxy_port=9)
    assert not pipes.listening
    handle = proxied.add_torrent(Content(1000).params(tmp_path))
    run_until(multi, lambda: handle.status().state >= 3)
    handle.connect_peer(("127.0.0.1", 1234))
    assert not handle._torrent.swarm.links
    assert pipes.num_dialled == 0
    end(multi, proxied)


def test_a_proxy_does_not_allow_what_settings_forbid(multi: Multi) -> None:
    settings = {"proxy_type": ProxyType.socks5, "proxy_hostname": "127.0.0.1", "proxy_port": 9}
    one = session(multi, "utp", "tcp", **settings)
    transports = one._core.transports
    assert transports.to_dial(("10.0.0.1", 1)) == ["utp", "tcp"]
    one.apply_settings({"enable_outgoing_tcp": False})
    assert transports.to_dial(("10.0.0.1", 1)) == ["utp"]
    one.apply_settings({"enable_outgoing_utp": False})
    assert transports.to_dial(("10.0.0.1", 1)) == []
    one.apply_settings({"enable_outgoing_utp": True, "proxy_type": ProxyType.http})
    assert transports.to_dial(("10.0.0.1", 1)) == []
    one.apply_settings({"enable_outgoing_tcp": True})
    assert transports.to_dial(("2001:db8::1", 1)) == ["tcp"]
    end(multi, one)


@pytest.mark.parametrize(
    ("error", "text"),
    [(OSError(13, "Permission denied"), "Permission denied"), (KeyError("x"), "'fails' failed: KeyError")],
)
def test_a_base_that_cannot(multi: Multi, tmp_path: Path, error: Exception, text: str) -> None:
    register_base("fails", Fails(error))  # type: ignore[arg-type]
    one = session(multi, "fails")
    handle = one.add_torrent(Content(1000).params(tmp_path))
    run_until(multi, lambda: handle.status().state >= 3)
    handle.connect_peer(("127.0.0.1", 1234))
    alerts: list[Any] = []

    def ended() -> bool:
        alerts.extend(one.pop_alerts())
        return any(isinstance(alert, PeerDisconnectedAlert) for alert in alerts)

    run_until(multi, ended)
    (failed,) = [alert for alert in alerts if isinstance(alert, ListenFailedAlert)]
    assert text in failed.message()
    assert failed.listen_interface.startswith("fails 127.0.0.1")
    end(multi, one)


def test_a_filter_that_fails_ends_the_connection_and_nothing_else(multi: Multi, tmp_path: Path) -> None:
    def fails(below: Transport, context: ChainContext) -> Transport:
        raise KeyError("no key")

    register_filter("failing", fails)
    seed, leech = session(multi, "tcp"), session(multi, "tcp+failing")
    content = Content(1000)
    theirs = seed.add_torrent(content.params(content.write(tmp_path / "seed")))
    handle = leech.add_torrent(content.params(tmp_path / "leech"))
    run_until(multi, lambda: theirs.status().is_seeding and handle.status().state >= 3)
    alerts: list[Any] = []

    def ended() -> bool:
        alerts.extend(leech.pop_alerts())
        return any(isinstance(alert, PeerDisconnectedAlert) for alert in alerts)

    handle.connect_peer(("127.0.0.1", seed.listen_port()))
    run_until(multi, ended)
    (why,) = [alert.message() for alert in alerts if isinstance(alert, PeerDisconnectedAlert)]
    assert "'failing' failed: KeyError" in why
    theirs.connect_peer(("127.0.0.1", leech.listen_port()))

    def they_ended() -> bool:
        return any(isinstance(alert, PeerDisconnectedAlert) for alert in seed.pop_alerts())

    run_until(multi, they_ended)
    assert leech._core.gate.num_open == 0
    assert not leech._core.lobby.links
    assert not any(isinstance(alert, PeerConnectAlert) for alert in leech.pop_alerts())
    end(multi, seed, leech)


@pytest.mark.parametrize("method", ["recv_into", "send"])
def test_a_filter_that_raises_later_ends_its_connection_and_nothing_else(
    multi: Multi, tmp_path: Path, method: str
) -> None:
    class Raises(Marked):
        def __getattribute__(self, name: str) -> Any:
            if name == method:
                raise KeyError("a bug of somebody else")
            return super().__getattribute__(name)

    errors: list[BaseException] = []
    multi.on_error = lambda what, error: errors.append(error)
    register_filter("raising", lambda below, context: Raises(below))
    leech = session(multi, "tcp+raising")
    seed = session(multi, "tcp")
    content = Content(1000)
    theirs = seed.add_torrent(content.params(content.write(tmp_path / "seed")))
    handle = leech.add_torrent(content.params(tmp_path / "leech"))
    run_until(multi, lambda: theirs.status().is_seeding and handle.status().state >= 3)
    handle.connect_peer(("127.0.0.1", seed.listen_port()))
    run_until(multi, lambda: bool(errors) and not handle._torrent.swarm.links)
    assert {type(error) for error in errors} == {KeyError}
    leech.pop_alerts()
    assert not leech.is_closed
    end(multi, seed, leech)


def test_a_base_that_is_not_named_takes_nobody_in(multi: Multi, tmp_path: Path) -> None:
    seed, leech = session(multi, "utp"), session(multi, "tcp")
    content = Content(1000)
    handle = leech.add_torrent(content.params(tmp_path / "leech"))
    run_until(multi, lambda: handle.status().state >= 3)
    handle.connect_peer(("127.0.0.1", seed.listen_port()))
    run_until(multi, lambda: any(isinstance(alert, PeerDisconnectedAlert) for alert in leech.pop_alerts()))
    assert seed._core.gate.num_open == 0
    end(multi, seed, leech)


@pytest.mark.parametrize(
    ("chains", "text"),
    [
        ([], "there has to be one"),
        (["tcp+no_such_filter"], "'no_such_filter', which is not registered"),
        (["tcp", "tcp+marked"], "another chain on 'tcp'"),
        (["tcp+tls"], "'tls' is put on by settings"),
        (["marked+tcp"], "the base comes first"),
        (["utp+mse"], "'mse' is put on by settings"),
        (["tcp+utp"], "2 bases"),
        (["bare"], "'bare' can neither dial nor listen"),
    ],
)
def test_chains_that_cannot_be(chains: list[str], text: str) -> None:
    register_filter("marked", lambda below, context: Marked(below))
    register_base("bare")
    with pytest.raises(InvalidSetting, match="peer_transports") as raised:
        Session(SessionParams(peer_transports=chains))
    assert text in str(raised.value)
    assert isinstance(raised.value, SettingsError)


def test_one_chain_may_be_given_alone() -> None:
    assert parse_transports("tcp") == {"tcp": []}
    assert parse_transports(("utp", "tcp")) == {"utp": [], "tcp": []}


def test_a_plug_in_that_cannot_be_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "dist_bad", {"bad_plug": "dist_bad:x"}, "1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InvalidSetting, match=r"'bad_plug' of dist_bad .*ZeroDivisionError"):
        Session(SessionParams(peer_transports=["tcp+bad_plug"]))
