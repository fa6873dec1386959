"""What `drive_gevent` does beyond the kit that runs over every driver (tests/conformance/test_drivers.py)."""

from __future__ import annotations

import os
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

ON_LIBUV = """
import gevent, socket
from evtorrent import Multi, drive_gevent
from evtorrent.reactor import READ
assert "libuv" in type(gevent.get_hub().loop).__module__
multi, refused = Multi(), []
driver = drive_gevent(multi)
free = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
free.bind(("127.0.0.1", 0))
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.connect(free.getsockname())
sock.setblocking(False)
free.close()
def take(ready):
    try:
        sock.recv(10)
    except BlockingIOError:
        pass
    except ConnectionRefusedError:
        refused.append(1)
multi.watch(sock.fileno(), READ, take)
with gevent.Timeout(10):
    for count in 1, 2, 3:
        sock.send(b"anybody?")
        while len(refused) < count:
            gevent.sleep(0.001)
driver.close(); multi.close(); sock.close()
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
@pytest.mark.parametrize(
    ("program", "loop"), [(PATCHED, "libev-cext"), (ON_LIBUV, "libuv-cffi")], ids=["patched", "libuv"]
)
def test_program_of_its_own(program: str, loop: str, tmp_path: Any) -> None:
    """Monkey patched; and on libuv, whose polls end with the first error."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
        env={**os.environ, "GEVENT_LOOP": loop},
    )
    assert (done.stdout.strip(), done.returncode) == ("heard", 0), done.stderr
