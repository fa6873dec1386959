"""What `drive_pyuv` does beyond the kit, which runs over a module of pyuv's shape; and pyuv itself, on a Python it builds on."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.driver_hosts import ScriptedMulti
from support.fake_pyuv import FakePyuv
from support.foreign_hosts import PyuvHost
from support.http_server import HttpServer
from support.old_python import python_of_pyuv
from support.sources import ROOT

ADAPTER = ROOT / "reactor" / "adapters" / "pyuv.py"
PROGRAM = """
import hashlib, importlib.util, io, sys, threading
import pycurl, pyuv

path, url, copies = sys.argv[1], sys.argv[2], int(sys.argv[3])
spec = importlib.util.spec_from_file_location("adapter", path)
adapter = importlib.util.module_from_spec(spec)
spec.loader.exec_module(adapter)

loop, multi, left = pyuv.Loop(), pycurl.CurlMulti(), {}
driver = adapter.drive_pyuv(multi, loop)

def drain():
    _, good, bad = multi.info_read()
    for easy, code, text in bad:
        print("failed", code, text)
        good.append(easy)
    for easy in good:
        multi.remove_handle(easy)
        print(hashlib.sha256(left.pop(easy).getvalue()).hexdigest())
        easy.close()
    if not left:
        driver.close()

driver.on_messages = drain
for number in range(copies):
    easy, body = pycurl.Curl(), io.BytesIO()
    easy.setopt(pycurl.URL, url)
    easy.setopt(pycurl.WRITEDATA, body)
    easy.setopt(pycurl.NOPROXY, "*")
    left[easy] = body
    multi.add_handle(easy)
driver._on_timer(30 * 24 * 3600 * 1000)  # longer than 31 bits of milliseconds, and replaced
driver._on_timer(0)
loop.run()
multi.close()
print("handles left:", len(loop.handles))
"""


@pytest.mark.slow
def test_pyuv_itself_drives_libcurl(tmp_path: Path) -> None:
    """The file stands alone: it is loaded by its path, by a Python that cannot import this package."""
    with HttpServer(bytes(range(256)) * 4096) as server:
        done = subprocess.run(
            [python_of_pyuv(), "-c", PROGRAM, str(ADAPTER), server.url, "3"],
            capture_output=True,
            text=True,
            timeout=60,
            cwd=tmp_path,
        )
    assert done.returncode == 0, done.stderr
    *bodies, handles = done.stdout.splitlines()
    assert len(bodies) == 3
    assert len(set(bodies)) == 1
    assert "failed" not in done.stdout
    assert handles == "handles left: 0"


def test_file_needs_nothing_of_ours() -> None:
    source = ADAPTER.read_text(encoding="utf-8")
    assert "from ." not in source
    assert "evtorrent" not in source


def test_poll_that_an_error_stopped_is_started_again(pair: Any) -> None:
    """libuv says EBADF, whatever it was, and stops; the engine finds the error on the descriptor."""
    fake = FakePyuv()
    host = PyuvHost(fake)
    multi = ScriptedMulti()
    driver = host.drive(multi)
    fd = pair[0].fileno()
    multi.tell_socket(multi.POLL_IN, fd)
    poll = driver._polls[fd]
    poll.tell(0x008)  # POLLERR
    assert multi.actions_on(fd) == [multi.CSELECT_ERR]
    assert poll.active
    multi.on_action = lambda fd, events: multi.tell_socket(multi.POLL_REMOVE, fd)
    poll.tell(0x008)
    assert (poll.active, poll.closed) == (False, True)
    driver.close()
    host.close()


def test_none_stops_the_poll_and_keeps_it(pair: Any) -> None:
    host = PyuvHost(FakePyuv())
    multi = ScriptedMulti()
    driver = host.drive(multi)
    fd = pair[0].fileno()
    multi.tell_socket(multi.POLL_OUT, fd)
    multi.tell_socket(multi.POLL_NONE, fd)
    poll = driver._polls[fd]
    assert not poll.active
    multi.tell_socket(multi.POLL_OUT, fd)
    assert driver._polls[fd] is poll
    assert poll.active
    driver.close()
    driver.close()
    host.close()
