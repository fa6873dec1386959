"""What wrong arguments get from the engine: refused at the call, by name, with nothing left behind."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from evtorrent.protocols.engine import READ, Handle, Multi
from evtorrent.protocols.engine import constants as c
from evtorrent.protocols.errors import EngineTypeError
from support.engine_kit import FakePlatform, Host, make_engine


class Watcher(Handle):
    """Watches one descriptor from its start."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def start(self, engine: Multi) -> None:
        self.watch(self.fd, READ, lambda events: None)


@pytest.fixture
def multi() -> Multi:
    return make_engine()[0]


@pytest.fixture
def host(multi: Multi) -> Host:
    host = Host(multi)
    host.timeout()
    host.take()
    return host


@pytest.mark.parametrize("name", c.CONNECTION_OPTIONS)
def test_options_of_a_pool_of_connections_are_refused_by_name(multi: Multi, name: str) -> None:
    with pytest.raises(EngineTypeError, match=name):
        multi.setopt(c.CONNECTION_OPTIONS[name], 1)


def test_arguments_of_the_wrong_type_leave_nothing_behind(multi: Multi, host: Host) -> None:
    wrong: dict[str, Callable[[], object]] = {
        "fd must be an int": lambda: multi.watch("7", READ, print),  # type: ignore[arg-type]
        "interest must be an int": lambda: multi.watch(7, "r", print),  # type: ignore[arg-type]
        "None cannot be called": lambda: multi.watch(7, READ, None),  # type: ignore[arg-type]
        "5 cannot be called": lambda: multi.call_soon(5),  # type: ignore[arg-type]
        "6 cannot be called": lambda: multi.call_later(1.0, 6),  # type: ignore[arg-type]
        "a delay is a number, not '1'": lambda: multi.call_later("1", print),  # type: ignore[arg-type]
        "7 cannot be called": lambda: multi.call_at(1.0, 7),  # type: ignore[arg-type]
        "8 cannot be called": lambda: multi.call_soon_threadsafe(8),  # type: ignore[arg-type]
        "sockfd must be an int": lambda: multi.assign("7", 1),
        "max_objects must be an int": lambda: multi.info_read("7"),  # type: ignore[arg-type]
        "at least one notification": multi.notify_enable,
        "'x' is not a number": lambda: multi.notify_disable("x"),  # type: ignore[arg-type]
        "'x' is not a Handle": lambda: "x" in multi,  # type: ignore[operator]
    }
    for words, call in wrong.items():
        with pytest.raises(EngineTypeError, match=words) as caught:
            call()
        assert isinstance(caught.value, TypeError)
        assert caught.value.args == (caught.value.code, str(caught.value))
    assert host.take() == []
    assert multi.timeout() == -1
    assert multi.fdset()[0] == [FakePlatform.WAKEUP_FD]


def test_numbers_of_the_wrong_type_are_the_hosts_fault_and_not_a_handles(multi: Multi, host: Host) -> None:
    one, other = Watcher(7), Watcher(8)
    shared = Watcher(8)
    for handle in (one, other, shared):
        multi.add_handle(handle)
    host.timeout()
    for fd, bits in ((7, "x"), (8, "x"), (9, "x"), ("7", 1), (-1, None)):
        with pytest.raises(EngineTypeError, match="must be an int"):
            multi.socket_action(fd, bits)  # type: ignore[arg-type]
    assert not any(handle.is_done for handle in (one, other, shared))
    assert multi.socket_action(7, c.CSELECT_IN) == (0, 3)
