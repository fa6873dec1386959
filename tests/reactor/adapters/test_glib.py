"""What `drive_glib` does beyond the kit that runs over every driver (tests/conformance/test_drivers.py)."""

from __future__ import annotations

from typing import Any

from support.driver_hosts import ScriptedMulti
from support.fake_glib import FakeGlib
from support.foreign_hosts import GlibHost


def test_every_source_is_removed_with_the_driver(pair: Any) -> None:
    glib = FakeGlib()
    host = GlibHost(glib)
    multi = ScriptedMulti()
    driver = host.drive(multi)
    for sock in pair:
        multi.tell_socket(multi.POLL_IN, sock.fileno())
    multi.tell_timer(1000)
    assert (len(glib._fds), len(glib._timers)) == (2, 1)
    driver.close()
    driver.close()
    assert (glib._fds, glib._timers) == ({}, {})
    host.close()


def test_hang_up_counts_as_ready_for_what_was_asked(pair: Any) -> None:
    host = GlibHost(FakeGlib())
    left, right = pair
    multi = ScriptedMulti()
    driver = host.drive(multi)
    multi.tell_socket(multi.POLL_IN, left.fileno())
    right.close()
    host.run_until(lambda: multi.actions_on(left.fileno()))
    assert set(multi.actions_on(left.fileno())) == {multi.CSELECT_IN}
    driver.close()
    host.close()


def test_none_watches_nothing(pair: Any) -> None:
    glib = FakeGlib()
    host = GlibHost(glib)
    multi = ScriptedMulti()
    driver = host.drive(multi)
    multi.tell_socket(multi.POLL_OUT, pair[0].fileno())
    multi.tell_socket(multi.POLL_NONE, pair[0].fileno())
    assert glib._fds == {}
    driver.close()
    host.close()
