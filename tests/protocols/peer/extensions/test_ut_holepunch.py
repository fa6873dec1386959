from __future__ import annotations

import pytest
from evtorrent.protocols.peer.extensions.ut_holepunch import (
    ASK_AGAIN_AFTER,
    MAX_ASKED,
    MAX_PER_MINUTE,
    AskedTargets,
    HolepunchGuard,
    refusal,
)
from evtorrent.protocols.peer.extensions.ut_holepunch_codec import HolepunchError

TARGET = ("1.2.3.4", 6881)


@pytest.mark.parametrize(
    ("target", "facts", "expected"),
    [
        (TARGET, {}, None),
        (("1.2.3.4", 0), {}, HolepunchError.NO_SUCH_PEER),
        (TARGET, {"is_self": True}, HolepunchError.NO_SELF),
        (TARGET, {"is_connected": False, "is_speaking": False}, HolepunchError.NOT_CONNECTED),
        (TARGET, {"is_speaking": False}, HolepunchError.NO_SUPPORT),
    ],
)
def test_who_can_be_introduced(
    target: tuple[str, int], facts: dict[str, bool], expected: HolepunchError | None
) -> None:
    usual = {"is_connected": True, "is_speaking": True, "is_self": False}
    assert refusal(target, **{**usual, **facts}) is expected


def test_a_peer_has_so_many_messages_a_minute() -> None:
    guard = HolepunchGuard()
    assert all(guard.admit(100.0) for _ in range(MAX_PER_MINUTE))
    assert not guard.admit(159.9)
    assert guard.num_ignored == 1
    assert guard.admit(160.0)


def test_the_same_target_is_asked_for_again_after_a_while() -> None:
    asked = AskedTargets()
    assert asked.admit(TARGET, 0.0)
    assert not asked.admit(TARGET, ASK_AGAIN_AFTER - 0.1)
    assert asked.admit(("1.2.3.4", 1), 0.0)
    assert asked.admit(TARGET, ASK_AGAIN_AFTER)


def test_so_many_targets_are_remembered() -> None:
    asked = AskedTargets()
    for port in range(MAX_ASKED):
        assert asked.admit(("1.2.3.4", port), 0.0)
    assert not asked.admit(("1.2.3.4", 0), 1.0)
    assert asked.admit(TARGET, 1.0)
    assert asked.admit(("1.2.3.4", 0), 1.0)  # The oldest was forgotten.
