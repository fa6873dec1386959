"""What `drive_gevent` does beyond the kit that runs over every driver (tests/conformance/test_drivers.py)."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from evtorrent.reactor import drive_gevent
from support.driver_hosts import ScriptedMulti

gevent: Any = pytest.importorskip("gevent")

PATCHED = """
from gevent import monkey; monkey.patch_all()
import gevent, socket
from evtorrent import Multi, drive_gevent
from evtorrent.reactor import READ
multi = Multi()
driver = drive_gevent(multi)
left, right = socket.socketpair()
heard = gevent.event.Event()
multi.watch(left.fileno(), READ, lambda ready: heard.set())
gevent.spawn(right.send, b"x")
assert heard.wait(10)
driver.close(); multi.close(); left.close(); right.close()
print("heard")
"""


def test_thread_of_the_caller_lends_its_hub() -> None:
    multi = ScriptedMulti()
    driver = drive_gevent(multi)
    gevent.sleep(0.001)
    assert multi.actions == [(multi.SOCKET_TIMEOUT, 0)]
    driver.close()
    assert set(multi.options.values()) == {None}


def test_greenlet_waits_for_what_the_engine_tells() -> None:
    """Actions run in the hub; the greenlet that waits is switched to afterwards."""
    multi = ScriptedMulti()
    driver = drive_gevent(multi)
    event = gevent.event.Event()
    driver.on_messages = event.set
    assert event.wait(10)
    driver.close()


@pytest.mark.slow
def test_program_that_is_monkey_patched(tmp_path: Any) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PATCHED], capture_output=True, text=True, timeout=60, cwd=tmp_path
    )
    assert (done.stdout.strip(), done.returncode) == ("heard", 0), done.stderr
