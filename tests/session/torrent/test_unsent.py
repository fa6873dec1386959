from __future__ import annotations

from typing import Any

from evtorrent.session.torrent.rates import TransferMeters
from evtorrent.session.torrent.unsent import UnsentAnswers


class FakeLink:
    def __init__(self) -> None:
        self.meters = TransferMeters()


def test_room_is_what_has_left() -> None:
    link: Any = FakeLink()
    unsent = UnsentAnswers(link, 100)
    assert unsent.has_room()
    unsent.add(99)
    assert unsent.has_room()
    unsent.add(1)
    assert not unsent.has_room()
    link.meters.up.add(1)
    assert unsent.has_room()
    unsent.add(1)
    assert not unsent.has_room()


def test_what_left_before_counts_for_nothing() -> None:
    link: Any = FakeLink()
    link.meters.up.add(1_000_000)
    unsent = UnsentAnswers(link, 100)
    assert unsent.has_room()
    unsent.add(100)
    assert not unsent.has_room()
    link.meters.up.add(100)
    assert unsent.has_room()
    unsent.add(100)
    assert not unsent.has_room()
