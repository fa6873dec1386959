"""Many connections at once through one Listener: `python -m bench.listener_storm [--count N] [--case NAME]`.

* `all`: COUNT clients connect at the same time and are all kept open; what each costs the server.
* `limit`: the same with 1,024 descriptors: who cannot be accepted waits in the kernel and is served later.
* `spread`: four processes on one port (REUSEABLE_PORT), and how many connections each of them got.

Every client must be served, once, under its own address, and never be reset; otherwise the exit status is 1.
"""

from __future__ import annotations

import argparse
import socket
import sys
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

from .children import BenchFailure
from .ends import End, allow_descriptors

NUM_CLIENTS: Final = 2
"""Client processes, each with an address of its own."""
LIMIT: Final = 1024
"""Descriptors of the server in the case `limit`."""
NUM_SERVERS: Final = 4
"""Processes in the case `spread`."""
SPARE: Final = 64
"""Descriptors of a process besides its connections."""

CASES: Final = {"all": (1, 0), "limit": (1, LIMIT), "spread": (NUM_SERVERS, 0)}
"""Case to servers and their limit of descriptors, 0 for none."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a storm."""

    servers: list[dict[str, Any]]
    """As each server reported (Any: numbers)."""
    served: dict[str, int]
    """Connections by the process that served them, as the clients saw it."""
    lost: dict[str, int]
    """Connections that were not served, by what the client saw instead."""
    seconds: float
    """From the first connect to the last answer."""


def main(arguments: list[str] | None = None) -> int:
    """Run and print; exit status 1 when a connection was lost."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--case", action="append", choices=tuple(CASES))
    options = parser.parse_args(arguments)
    status = 0
    for case in options.case or CASES:
        try:
            outcome = storm(case, options.count)
        except BenchFailure as error:
            print(f"{case}: FAILED: {error}", flush=True)
            status = 1
            continue
        print(describe(case, options.count, outcome), flush=True)
        if outcome.lost or sum(outcome.served.values()) != options.count:
            status = 1
    return status


def storm(case: str, count: int) -> Outcome:
    """Run one case.  BenchFailure when a child fails."""
    num_servers, limit = CASES[case]
    allow_descriptors(count + SPARE)
    with ExitStack() as stack:
        # Holds the port for as long as the servers come and go; it does not listen, so it gets nothing.
        holder = stack.enter_context(socket.socket())
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
        servers = [
            stack.enter_context(End("storm_ends", "server", port, count if num_servers == 1 else 1, limit))
            for _ in range(num_servers)
        ]
        for server in servers:
            server.answer()
        shares = [count // NUM_CLIENTS + (number < count % NUM_CLIENTS) for number in range(NUM_CLIENTS)]
        clients = [
            stack.enter_context(End("storm_ends", "client", f"127.0.0.{number + 2}", port, share))
            for number, share in enumerate(shares)
        ]
        start = time.monotonic()
        for client in clients:
            client.tell()
        return _finish(servers, clients, start)


def describe(case: str, count: int, outcome: Outcome) -> str:
    """The figures as lines."""
    served = sum(outcome.served.values())
    lines = [f"{case}: {count:,} connections at once, {served:,} served in {outcome.seconds:.2f} s"]
    if outcome.lost:
        lines.append(f"  LOST: {outcome.lost}")
    if len(outcome.servers) > 1:
        shares = [server["accepted"] for server in outcome.servers]
        lines.append(
            f"  over {len(shares)} processes: {', '.join(f'{share / count:.1%}' for share in sorted(shares))}"
        )
        return "\n".join(lines)
    server = outcome.servers[0]
    lines.append(
        f"  at most {server['most']:,} held by the server; out of descriptors {server['errors']} times"
    )
    if not server["errors"]:
        each = server["bytes"] / count / 1024
        lines.append(
            f"  {server['seconds'] / count * 1e6:.1f} µs from one to the next, {server['cpu'] / count * 1e6:.1f} µs of CPU,"
            f" {each:.2f} KiB of the server's memory each"
        )
    return "\n".join(lines)


def _finish(servers: list[End], clients: list[End], start: float) -> Outcome:
    answers = [client.answer() for client in clients]
    seconds = time.monotonic() - start
    for server in servers:
        server.tell()
    served: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    for answer in answers:
        served.update(answer["served"])
        lost.update(answer["lost"])
    return Outcome([server.answer() for server in servers], dict(served), dict(lost), seconds)


if __name__ == "__main__":
    sys.exit(main())
