"""Four processes, one port: the kernel spreads the connections.

Each process binds the same port with REUSEABLE_PORT and runs a Reactor of its own; nothing is shared and nobody hands connections
around.  Run it; it connects a few hundred times, shows who answered, and ends.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections import Counter
from typing import Any

from evtorrent import Listener, ListenerFlag, Reactor

NUM_WORKERS = 4
NUM_CONNECTIONS = 400
READ = 0x02


def work(port: int) -> None:
    """One of the processes: answer with its number until the input ends."""
    reactor = Reactor()

    def on_accept(_listener: Listener, sock: socket.socket, _address: Any) -> None:
        with sock:
            sock.sendall(str(os.getpid()).encode())

    def on_parent(_events: int) -> None:
        watch.close()
        listener.close()  # nothing is left to wait for: run() returns

    listener = Listener.bind(
        reactor,
        ("127.0.0.1", port),
        on_accept,
        flags=ListenerFlag.CLOSE_ON_FREE | ListenerFlag.REUSEABLE_PORT,
    )
    watch = reactor.watch(sys.stdin.fileno(), READ, on_parent)
    print("ready", flush=True)
    reactor.run()
    reactor.close()


def ask(address: tuple[str, int]) -> str:
    with socket.create_connection(address) as sock:
        return sock.recv(100).decode()


def main() -> None:
    # Bound but not listening, it keeps the port ours from before the first process to after the last.
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind(("127.0.0.1", 0))
        address = holder.getsockname()
        command = [sys.executable, __file__, str(address[1])]
        workers = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            for _ in range(NUM_WORKERS)
        ]
        for worker in workers:
            assert worker.stdout is not None
            worker.stdout.readline()
        answers = Counter(ask(address) for _ in range(NUM_CONNECTIONS))
        for worker in workers:
            worker.communicate()  # closes its input, and waits
    for worker in workers:
        print(f"process {worker.pid}: {answers[str(worker.pid)]} connections")
    assert sum(answers.values()) == NUM_CONNECTIONS
    assert all(worker.returncode == 0 for worker in workers)


if __name__ == "__main__":
    if len(sys.argv) == 2:
        work(int(sys.argv[1]))
    else:
        main()
