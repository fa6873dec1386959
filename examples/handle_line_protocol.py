"""A protocol of your own on the engine: a client that asks in lines and is answered in lines.  Copy `LineClient`.

A `Handle` is one exchange, as curl's easy handle is one transfer: the engine starts it, it asks the engine for watches and
timers, and it ends with `finish` or `fail`, which becomes a message of `info_read`.  It never waits and never loops.
"""

from __future__ import annotations

import socket
from typing import Any

from evtorrent import Handle, Listener, Multi, drive_selectors
from evtorrent.protocols.engine import READ, WRITE

MAX_LINE = 1024
"""Bytes a server may send without ending its line.  What a stranger can make grow has a limit."""


class LineClient(Handle):
    """Asks `questions`, one at a time, and finishes with the answers."""

    def __init__(self, address: tuple[str, int], questions: list[str], *, timeout: float = 5.0) -> None:
        self.address = address
        self.timeout = timeout
        self._questions = [f"{question}\r\n".encode() for question in questions]
        self._answers: list[str] = []
        self._unsent = b""
        self._unread = bytearray()

    def start(self, engine: Multi) -> None:
        """Inside an action, after `add_handle`.  What is raised here, and in any callback, fails this handle alone."""
        self._socket = self.platform.stream_socket(socket.AF_INET)  # non-blocking
        self._socket.connect_ex(self.address)
        self._watch = self.watch(self._socket.fileno(), WRITE, self._on_connected)
        self.call_later(self.timeout, self.fail, TimeoutError(f"no end within {self.timeout} s"))

    def stop(self) -> None:
        """After the end, whatever it was: watches and timers are gone already, the rest is ours to release."""
        self._socket.close()

    def _on_connected(self, ready: int) -> None:
        error = self.platform.connect_error(self._socket)
        if error is not None:
            raise error
        self._watch.close()
        self._watch = self.watch(self._socket.fileno(), READ, self._on_ready)
        self._ask()

    def _ask(self) -> None:
        if len(self._answers) == len(self._questions):
            self.finish(self._answers)
        else:
            self._unsent = self._questions[len(self._answers)]
            self._send()

    def _send(self) -> None:
        try:
            self._unsent = self._unsent[self._socket.send(self._unsent) :]
        except BlockingIOError:
            pass
        # Interest in writing only while something is unsent: a socket is nearly always writable.
        self._watch.modify(READ | WRITE if self._unsent else READ)

    def _on_ready(self, ready: int) -> None:
        if ready & WRITE:
            self._send()
        if ready & READ:
            self._receive()

    def _receive(self) -> None:
        buffer = bytearray(4096)
        try:
            count = self._socket.recv_into(buffer)
        except BlockingIOError:
            return  # readiness is a hint
        if not count:
            raise ConnectionError("the server hung up")
        self._unread += buffer[:count]
        line, end, rest = self._unread.partition(b"\r\n")
        if rest:
            raise ValueError("an answer that nobody asked for")
        if end:
            self._unread.clear()
            self._answers.append(line.decode())
            self._ask()
        elif len(self._unread) > MAX_LINE:
            raise ValueError("the line does not end")


def serve(multi: Multi, accepted: list[socket.socket]) -> Listener:
    """Something to talk to, on the same engine: a server that answers in capitals, and hangs up on "bye"."""

    def on_accept(listener: Listener, sock: socket.socket, address: Any) -> None:
        accepted.append(sock)

        def on_ready(ready: int) -> None:
            data = sock.recv(MAX_LINE)
            if data in (b"", b"bye\r\n"):
                watch.close()
                sock.close()
            else:
                sock.send(data.upper())

        watch = multi.watch(sock.fileno(), READ, on_ready)

    return Listener.bind(multi, ("127.0.0.1", 0), on_accept)


def main() -> None:
    """Two conversations and a refused one, at the same time."""
    multi = Multi()
    accepted: list[socket.socket] = []
    listener = serve(multi, accepted)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound, not listening
        clients = [
            LineClient(listener.address, ["hello", "how are you?"]),
            LineClient(listener.address, ["hello", "bye", "still there?"]),
            LineClient(nobody.getsockname(), ["hello"]),
        ]
        for client in clients:
            multi.add_handle(client)
        driver = drive_selectors(multi)  # or the driver of any other loop
        driver.run()

    _, succeeded, failed = multi.info_read()
    for client in succeeded:
        print("answered:", client.result)
    for _, _, text in failed:
        print("failed:", text)
    for client in clients:
        multi.remove_handle(client)
    listener.close()
    driver.close()
    multi.close()  # withdraws every watch, so their sockets may go
    for sock in accepted:
        sock.close()


if __name__ == "__main__":
    main()
