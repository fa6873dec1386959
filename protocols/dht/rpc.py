"""Questions under way: who was asked what, under which transaction, and when to stop waiting.

An answer counts only from the address asked and with the transaction sent, four unpredictable bytes.  Of a node that was asked by
name, which a proxy looks up, the address is not known: there the port and the transaction have to do.  A question is *late*
when the answer should have been here judging by the round trips seen so far, at most a second; whoever asked may then ask
somebody else, but the answer still counts until the question *fails*, after fifteen seconds (libtorrent's two timeouts,
of which the first is fixed there).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from random import Random
from typing import Final, Protocol

from ..types import Address
from .compact import is_name
from .krpc import Failure, Fields, Response, encode_query
from .log import DhtLog, DhtModule, where
from .node_id import NodeId, verify_node_id
from .settings import DhtSettings
from .statistics import DhtCounters

__all__ = ["MAX_TRANSACTIONS", "TIMEOUT", "Asker", "Rpc", "Transaction"]

TIMEOUT: Final = 15.0
"""Seconds after which a question has failed."""

LATE_AT_MOST: Final = 1.0
LATE_AT_LEAST: Final = 0.2
"""Bounds of the seconds after which a question is late."""

MAX_TRANSACTIONS: Final = 4096
"""Questions under way at a time; more are not asked and fail."""

TRANSACTION_SIZE: Final = 4


class Asker(Protocol):
    """Who asks, and hears one of `on_response` and `on_failure` in the end, perhaps `on_late` before."""

    def on_response(self, asked: Transaction, response: Response, *, now: float) -> None: ...
    def on_late(self, asked: Transaction, *, now: float) -> None: ...
    def on_failure(self, asked: Transaction, failure: Failure | None, *, now: float) -> None:
        """No answer, or a refusal."""
        ...


class Transaction:
    """One question."""

    __slots__ = (
        "address",
        "asker",
        "datagram",
        "is_late",
        "late_at",
        "node_id",
        "sent_at",
        "subject",
        "transaction",
    )

    def __init__(
        self, transaction: bytes, address: Address, asker: Asker, subject: object, sent_at: float
    ) -> None:
        self.transaction = transaction
        self.address = address
        self.asker: Asker | None = asker
        """None once nobody wants to hear of it."""
        self.subject = subject
        """What the asker knows it by."""
        self.node_id: NodeId | None = None
        """Who is expected to live at `address`."""
        self.datagram = b""
        self.sent_at = sent_at
        self.late_at = sent_at
        self.is_late = False


class Rpc:
    """All questions of one node."""

    def __init__(
        self,
        settings: DhtSettings,
        send: Callable[[bytes, Address], None],
        *,
        rng: Random,
        counters: DhtCounters,
        log: DhtLog | None = None,
    ) -> None:
        self.settings = settings
        self._log = log or DhtLog()
        self._send = send
        self._rng = rng
        self._counters = counters
        self._waiting: dict[tuple[bytes, Address], Transaction] = {}
        self._named: dict[tuple[bytes, int], Address] = {}
        """Who was asked by name: (transaction, port) → name and port."""
        self._by_age: deque[Transaction] = deque()
        """In order of sending; answered ones are dropped when they reach the front."""
        self._fresh: deque[Transaction] = deque()
        """Those that are not late yet, likewise."""
        self._rtt: float | None = None
        self._deviation = 0.0

    def ask(
        self,
        method: bytes,
        arguments: Fields,
        address: Address,
        asker: Asker,
        *,
        now: float,
        subject: object = None,
        node_id: NodeId | None = None,
    ) -> Transaction | None:
        """Send a question.  None when too many are under way: it was not sent and nobody will hear of it."""
        if len(self._waiting) >= MAX_TRANSACTIONS:
            return None
        key = (self._rng.randbytes(TRANSACTION_SIZE), address)
        if key in self._waiting:  # once in four thousand million
            return None
        asked = Transaction(key[0], address, asker, subject, now)
        asked.node_id = node_id
        asked.late_at = now + self.patience
        self._waiting[key] = asked
        if is_name(address[0]):
            self._named[key[0], address[1]] = address
        self._by_age.append(asked)
        self._fresh.append(asked)
        self._counters.count_out(method)
        asked.datagram = encode_query(key[0], method, arguments, is_read_only=self.settings.read_only)
        if self._log.on_line is not None:
            self._say(f"{method.decode('ascii', 'backslashreplace')} -> {where(address)}", asked)
        self._send(asked.datagram, address)
        return asked

    def repeat(self, asked: Transaction) -> None:
        """Send the same question again; whichever is answered counts."""
        self._send(asked.datagram, asked.address)

    def receive(self, message: Response | Failure, address: Address, *, now: float) -> Transaction | None:
        """The question this answers, which is no longer under way, its asker not yet told; None when there is none.

        A response under an id that BEP 42 forbids counts as no answer when that is enforced.
        """
        name = self.name_asked(message.transaction, address)
        asked = self._waiting.get((message.transaction, address if name is None else name))
        if asked is None:
            self._counters.unmatched += 1
            if self._log.on_line is not None:
                self._say(f"nobody asked {where(address)} that")
            return None
        self._forget(asked)
        asked.address = address
        self._drop_done()
        if self._log.on_line is not None:
            self._say_answer(message, asked, now)
        if isinstance(message, Response):
            self._measure(now - asked.sent_at)
            if self.settings.enforce_node_id and not verify_node_id(message.node_id, address[0]):
                self._fail(asked, None, now)
                return None
        return asked

    def name_asked(self, transaction: bytes, source: Address) -> Address | None:
        """The name under which whoever answers from `source` was asked; None when it was asked by its number, or not at all."""
        return self._named.get((transaction, source[1])) if self._named else None

    def unreachable(self, address: Address, *, now: float) -> list[Transaction]:
        """The system says nobody is at `address`: its questions fail at once."""
        failed = [asked for (_, host), asked in self._waiting.items() if host == address]
        if self._log.on_line is not None:
            self._say(f"nobody is at {where(address)}: {len(failed)} questions fail")
        for asked in failed:
            self._forget(asked)
            self._fail(asked, None, now)
        self._drop_done()
        return failed

    def expire(self, *, now: float) -> list[Transaction]:
        """Tell of what is late and what failed by now; gives the failed."""
        fresh, by_age = self._fresh, self._by_age
        while fresh and (fresh[0].late_at <= now or not self._is_waiting(fresh[0])):
            asked = fresh.popleft()
            if self._is_waiting(asked):
                asked.is_late = True
                if self._log.on_line is not None:
                    self._say(f"{where(asked.address)} is late", asked)
                if asked.asker is not None:
                    asked.asker.on_late(asked, now=now)
        failed = []
        while by_age and (by_age[0].sent_at + TIMEOUT <= now or not self._is_waiting(by_age[0])):
            asked = by_age.popleft()
            if self._is_waiting(asked):
                self._forget(asked)
                if self._log.on_line is not None:
                    self._say(f"{where(asked.address)} did not answer", asked)
                self._fail(asked, None, now)
                failed.append(asked)
        return failed

    def close(self) -> None:
        """Forget everything; nobody hears of it."""
        self._waiting.clear()
        self._named.clear()
        self._by_age.clear()
        self._fresh.clear()

    def next_timeout(self) -> float | None:
        """When `expire` has something to do."""
        late = self._fresh[0].late_at if self._fresh else None
        failed = self._by_age[0].sent_at + TIMEOUT if self._by_age else None
        if late is None or failed is None:
            return late if failed is None else failed
        return min(late, failed)

    @property
    def patience(self) -> float:
        """Seconds after which a question asked now will be late."""
        if self._rtt is None:
            return LATE_AT_MOST
        return min(max(self._rtt + 4 * self._deviation, LATE_AT_LEAST), LATE_AT_MOST)

    @property
    def num_waiting(self) -> int:
        """Questions under way."""
        return len(self._waiting)

    def _forget(self, asked: Transaction) -> None:
        del self._waiting[asked.transaction, asked.address]
        if self._named:
            self._named.pop((asked.transaction, asked.address[1]), None)

    def _is_waiting(self, asked: Transaction) -> bool:
        return self._waiting.get((asked.transaction, asked.address)) is asked

    def _fail(self, asked: Transaction, failure: Failure | None, now: float) -> None:
        if asked.asker is not None:
            asked.asker.on_failure(asked, failure, now=now)

    def _drop_done(self) -> None:
        """What is answered leaves the front of the queues, so that `next_timeout` is about what is not."""
        while self._fresh and not self._is_waiting(self._fresh[0]):
            self._fresh.popleft()
        while self._by_age and not self._is_waiting(self._by_age[0]):
            self._by_age.popleft()

    def _say(self, text: str, asked: Transaction | None = None) -> None:
        prefix = "" if asked is None else f"[{asked.transaction.hex()}] "
        self._log.say(DhtModule.rpc_manager, prefix + text)

    def _say_answer(self, message: Response | Failure, asked: Transaction, now: float) -> None:
        if isinstance(message, Response):
            text = f"answer from {where(asked.address)} after {(now - asked.sent_at) * 1000:.0f} ms"
        else:
            text = f"refusal from {where(asked.address)}: ({message.code}) {message.text}"
        self._say(text, asked)

    def _measure(self, rtt: float) -> None:
        # The estimator of TCP (RFC 6298), over everybody who answers.
        if self._rtt is None:
            self._rtt, self._deviation = rtt, rtt / 2
            return
        self._deviation += (abs(self._rtt - rtt) - self._deviation) / 4
        self._rtt += (rtt - self._rtt) / 8
