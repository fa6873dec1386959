from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from evtorrent.session.cli.dht_asking import DhtAsker, default_routers
from evtorrent.session.cli.exit_status import CommandFailed, ExitStatus
from support.dht_thread import DhtThreads


@pytest.fixture
def silent() -> Iterator[tuple[str, int]]:
    """Somebody who hears and says nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()


def test_joining_and_asking() -> None:
    with DhtThreads(2) as network:
        first, other = network.members
        with DhtAsker([first.address], 20.0) as asker:
            assert asker.join() == 2
            put = asker.run(lambda dht: dht.put_immutable(b"value"))
            assert put.num_success == 2
            assert asker.run(lambda dht: dht.get_immutable(put.item.target)).item.value == b"value"
        # It asked not to be remembered.
        assert other.session.session_stats()["dht.dht_nodes"] == 1


def test_nobody_answers(silent: tuple[str, int]) -> None:
    with DhtAsker([silent], 0.05) as asker, pytest.raises(CommandFailed, match="no answer after") as failure:
        asker.join()
    assert failure.value.status == ExitStatus.TIMEOUT


def test_question_that_fails() -> None:
    with DhtAsker([("127.0.0.1", 9)], 20.0) as asker:
        asker.dht.close()
        with pytest.raises(Exception, match="closed"):
            asker.run(lambda dht: dht.get_peers(bytes(20)))


def test_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: object, address: object) -> None:
        raise OSError(1, "not here")

    monkeypatch.setattr("evtorrent.session.cli.dht_asking.Dht.add_udp_port", refuse)
    with pytest.raises(CommandFailed, match="cannot open a UDP socket") as failure:
        DhtAsker([("127.0.0.1", 9)], 20.0)
    assert failure.value.status == ExitStatus.CANNOT_LISTEN


def test_default_routers_are_those_of_a_session() -> None:
    assert default_routers() == [("dht.libtorrent.org", 25401)]
