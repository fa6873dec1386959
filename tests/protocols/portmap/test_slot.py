from __future__ import annotations

from evtorrent.protocols.portmap.slot import Phase, Slot


def test_waiting_and_resting_begin_anew() -> None:
    slot = Slot(None)
    assert slot.phase is Phase.WAITING
    slot.phase, slot.attempts = Phase.IN_FLIGHT, 4
    slot.rest(10.0)
    assert (slot.phase, slot.due, slot.attempts) == (Phase.IDLE, 10.0, 0)
    slot.attempts = 3
    slot.wait()
    assert (slot.phase, slot.due, slot.attempts) == (Phase.WAITING, None, 0)
