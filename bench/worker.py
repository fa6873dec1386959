"""A measured process: `python -m bench.worker '{"role": …}'`.

It reports in lines of JSON and waits at gates for a line from its parent.  It ends itself when its time is over or its parent is
gone.  Figures count from the moment the work begins: importing, starting the session and adding the torrent are outside.
"""

from __future__ import annotations

import json
import mmap
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from . import bare, echo, echo_servers, idle, multi_events, timers
from .client import Client, open_client
from .roles import Order, Parent, Role
from .usage import cpu_seconds, peak_memory, resident_memory

POLL: Final = 0.005
"""Seconds between looks at the state of a torrent."""
SETTLE: Final = 0.25
"""Seconds with next to no CPU after which a session is taken to rest."""


class ParentProcess:
    """The process that started this one: a `Parent`."""

    def __init__(self) -> None:
        self._gates = threading.Semaphore(0)
        threading.Thread(target=self._listen, daemon=True).start()

    def say(self, **table: object) -> None:
        """One line."""
        os.write(1, json.dumps(table).encode() + b"\n")

    def wait(self) -> None:
        """Until it lets us go on."""
        self._gates.acquire()

    def _listen(self) -> None:
        while data := os.read(0, 16):
            self._gates.release(len(data))
        os._exit(1)


def seed(order: Order, parent: Parent) -> None:
    """Serve one torrent until told to stop."""
    client = _open(order)
    client.add(Path(order["torrent"]).read_bytes(), Path(order["folder"]), is_seed=not order["checked"])
    port = _certify(client, order)
    _until(lambda: client.is_seeding() and port() > 0)
    if order["profile"]:
        client.start_profile()
    before = cpu_seconds()
    parent.say(port=port())
    parent.wait()
    used = cpu_seconds() - before
    if order["profile"]:
        client.write_profile(Path(order["profile"]))
    client.close()
    parent.say(cpu=used, memory=peak_memory())


def leech(order: Order, parent: Parent) -> None:
    """Download one torrent from one peer."""
    client = _open(order)
    client.add(Path(order["torrent"]).read_bytes(), Path(order["folder"]))
    _certify(client, order)
    _until(client.is_ready)
    if order["profile"]:
        client.start_profile()
    parent.say()
    parent.wait()
    before, start = cpu_seconds(), time.monotonic()
    client.connect(order["port"])
    _until(client.is_seeding)
    end = time.monotonic()
    if order["profile"]:
        client.write_profile(Path(order["profile"]))
    # What is still being written costs, too.
    client.close()
    parent.say(start=start, end=end, cpu=cpu_seconds() - before, memory=peak_memory())


def check(order: Order, parent: Parent) -> None:
    """Hash all of a file that is there."""
    client = _open(order)
    before, start = cpu_seconds(), time.monotonic()
    client.add(Path(order["torrent"]).read_bytes(), Path(order["folder"]))
    _until(client.is_seeding)
    seconds, used = time.monotonic() - start, cpu_seconds() - before
    client.close()
    parent.say(seconds=seconds, cpu=used, memory=peak_memory())


def add(order: Order, parent: Parent) -> None:
    """Add many paused torrents; the time is that of loading and adding, not of reading their bytes."""
    client, folder, length = _open(order), Path(order["folder"]), order["length"]
    memory, before, seconds = resident_memory(), cpu_seconds(), 0.0
    with Path(order["torrents"]).open("rb", buffering=0) as file:
        while data := file.read(length):
            start = time.perf_counter()
            client.add(data, folder, is_paused=True)
            seconds += time.perf_counter() - start
    del data
    _until_idle()
    grown, used = resident_memory() - memory, cpu_seconds() - before
    parent.say(seconds=seconds, cpu=used, grown=grown, count=client.num_torrents(), memory=peak_memory())


def resume(order: Order, parent: Parent) -> None:
    """Add many torrents from resume data, until all seed; then ask what changed, and end."""
    client, length, count = _open(order), order["length"], order["count"]
    data = Path(order["records"]).read_bytes()
    records = [data[start : start + length] for start in range(0, len(data), length)]
    del data
    memory, before, start = resident_memory(), cpu_seconds(), time.perf_counter()
    for record in records:
        client.add_resumed(record)
    _until(client.is_seeding)  # The last one: asking all at each look would be most of the work.
    _until(lambda: client.num_seeding() == count)
    seconds, used = time.perf_counter() - start, cpu_seconds() - before
    _until_idle()
    grown = resident_memory() - memory
    client.num_updated()
    updates = {}
    for changed in (0, 10, count):
        client.change(changed)
        begun = time.perf_counter()
        found = client.num_updated()
        updates[str(changed)] = time.perf_counter() - begun
        if found != changed:
            raise SystemExit(f"{found} torrents changed, not {changed}")
    begun = time.perf_counter()
    client.close()
    closing = time.perf_counter() - begun
    parent.say(seconds=seconds, cpu=used, grown=grown, closing=closing, memory=peak_memory(), updates=updates)


def touch(order: Order, parent: Parent) -> None:
    """Write to so much memory, and free it by ending."""
    try:
        # Whoever runs out of memory meanwhile, this process is the one to end.
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    except OSError:
        pass
    zeros = bytes(4 * 1024 * 1024)
    with mmap.mmap(-1, order["size"]) as memory:
        for start in range(0, len(memory) - len(zeros) + 1, len(zeros)):
            memory[start : start + len(zeros)] = zeros
    parent.say()


ROLES: Final[dict[str, Role]] = {
    "seed": seed,
    "leech": leech,
    "check": check,
    "add": add,
    "resume": resume,
    "touch": touch,
    **bare.ROLES,
    **echo.ROLES,
    **echo_servers.ROLES,
    **idle.ROLES,
    **multi_events.ROLES,
    **timers.ROLES,
}


def main() -> None:
    """Play the role, and end without the interpreter's farewell: everything that matters is closed by then."""
    order = json.loads(sys.argv[1])
    signal.alarm(order["timeout"])
    parent = ParentProcess()
    try:
        ROLES[order["role"]](order, parent)
    except Exception as error:
        parent.say(failure=f"{type(error).__name__}: {error}")
    os._exit(0)


def _certify(client: Client, order: Order) -> Callable[[], int]:
    """Give the torrent its certificate, if it needs one; what comes back is asked where its peers are expected."""
    if not order["certificate"]:
        return client.port
    client.certify(Path(order["certificate"]), Path(order["key"]))
    return client.ssl_port


def _open(order: Order) -> Client:
    return open_client(order["client"], order.get("settings", {}))


def _until(is_true: Callable[[], bool]) -> None:
    while not is_true():
        time.sleep(POLL)


def _until_idle() -> None:
    while True:
        before = cpu_seconds()
        time.sleep(SETTLE)
        if cpu_seconds() - before < SETTLE / 20:
            return


if __name__ == "__main__":
    main()
