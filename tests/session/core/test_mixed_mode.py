from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from evtorrent.session import BandwidthMixedAlgo, SocketType
from evtorrent.session.core.mixed_mode import LEAST_DOWN, LEAST_UP, MixedMode, tcp_limit
from support.sessions import Content, Member
from support.waiting import wait_for

MIB = 1 << 20


@pytest.mark.parametrize(
    ("num_tcp", "num_utp", "limit"),
    [
        (10, 0, 0),
        (3, 1, 0),  # Four peers are too few.
        (4, 1, 3_200_000),
        (5, 5, 2_000_000),
        (1, 9, 400_000),
        (0, 10, 400_000),  # One that is still to come.
    ],
)
def test_tcp_may_have_four_times_its_share(num_tcp: int, num_utp: int, limit: int) -> None:
    assert tcp_limit(1_000_000, num_tcp, num_utp, 5_000) == limit


def test_tcp_always_has_something() -> None:
    assert tcp_limit(0, 1, 9, 5_000) == 5_000


class Link:
    """What is asked of a link."""

    def __init__(self, socket_type: SocketType, *, num_ordered: int = 0, has_work: bool = False) -> None:
        self.socket_type = socket_type
        self.requester = SimpleNamespace(on_order=range(num_ordered))
        self.uploader = SimpleNamespace(has_work=has_work)


class Session:
    """What is asked of the core."""

    def __init__(self, links: list[Link], rate: float) -> None:
        self.algorithm = BandwidthMixedAlgo.peer_proportional
        self.settings = SimpleNamespace(get_int=lambda _name: int(self.algorithm))
        self.links = links
        self.lively = [SimpleNamespace(swarm=None), SimpleNamespace(swarm=SimpleNamespace(links=links))]
        self.meters = SimpleNamespace(down=SimpleNamespace(rate=rate), up=SimpleNamespace(rate=rate))
        self.num_changes = 0
        self.quotas = SimpleNamespace(settings_changed=self._changed)

    def _changed(self) -> None:
        self.num_changes += 1


def mixed(**doing: Any) -> tuple[Session, MixedMode]:
    kinds = [SocketType.tcp, SocketType.tcp_ssl, SocketType.tcp, SocketType.utp, SocketType.utp_ssl]
    session = Session([Link(kind, **doing) for kind in kinds], 10 * MIB)
    mode = MixedMode(session)  # type: ignore[arg-type]
    mode.tick()
    return session, mode


def test_those_that_load_limit_the_download() -> None:
    session, mode = mixed(num_ordered=2)
    assert (mode.down.limit, mode.up.limit) == (10 * MIB * 3 * 4 // 5, 0)
    assert [mode.concerns(link) for link in session.links] == [True, True, True, False, False]  # type: ignore[arg-type]
    assert session.num_changes == 1


def test_those_that_are_served_limit_the_upload() -> None:
    _session, mode = mixed(has_work=True)
    assert (mode.down.limit, mode.up.limit) == (0, 10 * MIB * 3 * 4 // 5)


def test_one_block_on_order_is_no_transfer_to_speak_of() -> None:
    session, mode = mixed(num_ordered=1)
    assert (mode.down.limit, mode.up.limit) == (0, 0)
    assert not any(mode.concerns(link) for link in session.links)  # type: ignore[arg-type]


def test_links_are_looked_at_again_only_when_a_limit_comes_or_goes() -> None:
    session, mode = mixed(num_ordered=2)
    session.meters.down.rate = 0.0
    mode.tick()
    assert (mode.down.limit, session.num_changes) == (LEAST_DOWN, 1)
    session.algorithm = BandwidthMixedAlgo.prefer_tcp
    mode.tick()
    mode.tick()
    assert (mode.down.limit, session.num_changes) == (0, 2)


@pytest.fixture
def seed(tmp_path: Path) -> Iterator[tuple[Member, Content]]:
    content = Content([("a", 2 * MIB)], 32_768)
    settings = {"tick_interval": 100, "unchoke_slots_limit": -1, "upload_rate_limit": 100_000}
    with Member(settings) as member:
        member.seed(content, tmp_path / "seed")
        yield member, content


def limit_of(member: Member) -> int:
    return int(member.session._core.mixed_mode.up.limit)


@pytest.mark.slow
def test_a_seed_of_both_kinds_holds_tcp_back(seed: tuple[Member, Content], tmp_path: Path) -> None:
    member, content = seed
    kinds = ["enable_outgoing_utp", *["enable_outgoing_tcp"] * 4]
    with ExitStack() as stack:
        for number, off in enumerate(kinds):
            each = stack.enter_context(Member({off: False}))
            each.add(content, tmp_path / str(number)).connect_peer(member.address)
        wait_for(lambda: limit_of(member))
        assert limit_of(member) >= LEAST_UP
        member.session.apply_settings({"mixed_mode_algorithm": int(BandwidthMixedAlgo.prefer_tcp)})
        wait_for(lambda: not limit_of(member))
