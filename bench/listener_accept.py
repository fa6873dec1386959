"""Connections accepted a second: `python -m bench.listener_accept [--rounds N] [--count N] [--case NAME]`.

Ours (`Listener` on `Reactor`) against uvloop's and asyncio's `create_server` and, where it is installed, gevent's `StreamServer`.

* `queued`: the kernel's queue is full before the server may go on, so no client is ever the bottleneck; connections are kept.
* `watched`: the same, and each is watched for reading, which transports of asyncio and uvloop are in every case.
* `closed`: as `queued`, and each connection is ended at once.
* `storm`: client processes connect, wait for the server to hang up, and connect again, while the server runs.  On a machine with
  few CPUs the rate is a statement about both ends; look at the server's CPU.

Each contender is a process of its own; contenders take turns and their order rotates from round to round.  `uvloop` is compared with;
more than one is better in the rate and worse in the CPU.
"""

from __future__ import annotations

import argparse
import socket
import struct
import sys
from collections.abc import Callable
from contextlib import ExitStack
from importlib.util import find_spec
from itertools import cycle
from pathlib import Path
from typing import Final

from .accept_servers import SERVERS
from .children import BenchFailure
from .ends import TIMEOUT, End, allow_descriptors
from .figures import Figures, Result
from .options import Options
from .table import format_table

QUEUE: Final = 4096
"""Connections asked of listen(); the system may allow fewer."""
SPARE: Final = 64
"""Descriptors of a process besides its connections."""
NUM_CLIENTS: Final = 2
"""Client processes of a storm."""

RATE: Final = "a second"
CPU: Final = "server CPU µs each"

CASES: Final = {"queued": "hold", "watched": "watch", "closed": "close", "storm": "close"}
"""Case to what the server does with a connection."""
TITLES: Final = {
    "queued": "accepting {} queued connections, which are kept",
    "watched": "accepting {} queued connections, which are kept and watched for reading",
    "closed": "accepting and closing {} queued connections",
    "storm": f"{{}} connections of {NUM_CLIENTS} client processes, closed by the server",
}


def main(arguments: list[str] | None = None) -> int:
    """Run and print; exit status 1 when a measurement failed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batches", type=int, default=5, help="in each round, of which the quickest counts")
    parser.add_argument("--count", type=int, default=2000, help="connections in a batch")
    parser.add_argument("--case", action="append", choices=tuple(CASES))
    parser.add_argument("--only", action="append", choices=tuple(SERVERS))
    options = parser.parse_args(arguments)
    count = min(options.count, _longest_queue())
    allow_descriptors(count + SPARE)
    contenders = options.only or [name for name in SERVERS if name == "ours" or find_spec(name)]
    status = 0
    for case in options.case or CASES:
        result = Result(case, TITLES[case].format(f"{count:,}"), "uvloop", (RATE, CPU))
        try:
            for number in range(options.rounds):
                at = number % len(contenders)
                for contender in contenders[at:] + contenders[:at]:
                    result.add(contender, measure(contender, case, count, options.batches))
        except BenchFailure as error:
            result.failure, status = str(error), 1
        print(format_table(result), flush=True)
    return status


def prepare_accept(options: Options) -> Callable[[str], Figures]:
    """The case `accept` of `make bench`: `queued`, one round of a contender at a time."""
    count = min(options.connections // 5, _longest_queue())
    allow_descriptors(count + SPARE)
    return lambda contender: measure(contender, "queued", count, 5)


def measure(contender: str, case: str, count: int, num_batches: int) -> Figures:
    """One round: the quickest of its batches.  BenchFailure."""
    with socket.create_server(("127.0.0.1", 0), backlog=QUEUE) as sock, ExitStack() as stack:
        port, fd = sock.getsockname()[1], sock.fileno()
        server = stack.enter_context(End("accept_servers", contender, fd, count, CASES[case], pass_fd=fd))
        clients = [
            stack.enter_context(End("accept_clients", f"127.0.0.{number + 2}", port))
            for number in range(NUM_CLIENTS if case == "storm" else 0)
        ]
        server.answer()
        for client in clients:
            client.tell()
        batches = []
        for _ in range(num_batches):
            with ExitStack() as connections:
                if not clients:
                    _fill(connections, port, count)
                server.tell()
                batches.append(server.answer())
    # Whatever else the machine does only ever adds: the quickest batch is the one it left alone.
    seconds = min(one["seconds"] for one in batches)
    cpu = min(one["cpu"] for one in batches)
    return {RATE: count / seconds, CPU: cpu / count * 1e6}


def _fill(stack: ExitStack, port: int, count: int) -> None:
    """Connections that wait in the kernel's queue; they end by a reset, so that no port stays in TIME_WAIT."""
    sources = cycle(f"127.0.0.{number}" for number in range(2, 10))
    for _ in range(count):
        sock = socket.socket()
        stack.enter_context(sock)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.bind((next(sources), 0))
        sock.settimeout(TIMEOUT)
        sock.connect(("127.0.0.1", port))


def _longest_queue() -> int:
    try:
        return min(QUEUE, int(Path("/proc/sys/net/core/somaxconn").read_text(encoding="ascii")))
    except OSError:
        return socket.SOMAXCONN


if __name__ == "__main__":
    sys.exit(main())
