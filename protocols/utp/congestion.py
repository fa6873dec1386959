"""How much may be under way: the interface, and LEDBAT (RFC 6817, BEP 29), which yields to everybody else.

A controller sees bytes and delays and holds one number, the window.  It knows no packets, so another one can be put in
(`UtpEndpoint(controller=…)`): one that competes like TCP, or one fixed for a test.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from .settings import UtpSettings

__all__ = ["CongestionController", "ControllerFactory", "Ledbat"]

MAX_WINDOW = 64 * 1024 * 1024
"""Bytes no window grows beyond."""
FIRST_PACKETS = 10
"""Packets in the first window (RFC 6928)."""
MIN_PACKETS = 2
"""Packets that may always be under way after a delay; after a timeout it is one."""

SHORTEST_ROUND = 0.01
"""Seconds a round trip counts as at the least: where they are shorter the window would grow into the next loss at once."""

SLOPE = 0.5
"""Share of the window given up in a round trip when the queue is twice the target.

The steeper, the more a small difference in what two flows take for the base makes them share unevenly.
"""
MAX_DECREASE = 0.5
"""Share of the window given up in a round trip, at the most, while the queue is above the target."""

SHALLOW_SHARE = 0.5
"""Share of what the queue held when it overflowed that is aimed at instead of the target, if that is less."""
LEAST_TARGET = 0.01
"""Seconds: a queue below that tells nothing, and nothing lower is aimed at."""
SHALLOW_MEMORY = 30.0
"""Seconds without a loss after which the queue is taken for a deep one again."""
PEAK_DECAY = 0.125
"""Share of the highest delay that is forgotten in a round trip."""

FIRST_PAUSE_AFTER, LONGEST_INTERVAL = 3.0, 48.0
"""Seconds before the first pause; each interval is twice the last, up to the longest."""
PAUSE_ROUNDS = 2
"""Round trips of a pause, once what was under way arrived."""
RESUME_SHARE = 0.25
"""Share of the window that a flow resumes with after a pause; from there it doubles."""
WORTH_A_PAUSE = 8
"""Packets of window below which there is no queue of ours to drain."""


class CongestionController(Protocol):
    """What a connection asks of it."""

    @property
    def window(self) -> float:
        """Bytes that may be under way."""
        ...

    def on_ack(self, acked: int, in_flight: int, delay: float, now: float) -> None:
        """`acked` of the `in_flight` bytes arrived; the path adds `delay` seconds of queueing."""
        ...

    def on_loss(self, sent_at: float, now: float) -> None:
        """A packet that left at `sent_at` was lost, and later ones were not."""
        ...

    def on_timeout(self, now: float) -> None:
        """Nothing came back for a whole timeout."""
        ...


ControllerFactory = Callable[[UtpSettings, int], CongestionController]
"""Makes one for a connection with packets of so many bytes of payload."""


class Ledbat:
    """Grows while the path is empty, shrinks as the queue nears `target_delay`.

    Until the first delay above half the target, or the first loss, it doubles every round trip (slow start).

    A flow that came while another one's queue was there takes that queue for the empty path, and would push the other away.
    So now and then a flow that has a queue pauses: it sends next to nothing until its queue is drained and the true base
    can be seen (the slowdown of LEDBAT++, made rarer the longer a flow lives).

    A queue that overflows before the target is reached would make it worse than TCP, for it hears of nothing but losses.  So it
    remembers what the queue held at a loss, and aims at a share of that.  Losses without a queue, by chance, tell nothing.
    """

    __slots__ = (
        "_aim",
        "_aim_until",
        "_allowance",
        "_interval",
        "_last_ack",
        "_last_cut",
        "_packet",
        "_pause_at",
        "_pause_left",
        "_peak",
        "_resume_with",
        "_settings",
        "_threshold",
        "window",
    )

    def __init__(self, settings: UtpSettings, packet: int) -> None:
        self._settings = settings
        self._packet = packet
        self._threshold = float(MAX_WINDOW)
        self._last_cut = float("-inf")
        self._last_ack = 0.0
        self._allowance = 0.0
        self._peak = 0.0
        self._aim, self._aim_until = settings.target_delay, float("-inf")
        self._interval = FIRST_PAUSE_AFTER
        self._pause_at: float | None = None
        self._pause_left = 0.0
        """Bytes to be acknowledged before the pause is over; 0: there is none."""
        self._resume_with = 0.0
        self.window = float(FIRST_PACKETS * packet)

    def on_ack(self, acked: int, in_flight: int, delay: float, now: float) -> None:
        """Grow, shrink, or wait for a pause to be over."""
        window = self.window
        self._peak = max(delay, self._peak * (1 - PEAK_DECAY * min(acked / window, 1.0)))
        target = self._aim if now < self._aim_until else self._settings.target_delay
        if self._pause_left:
            self._go_on_pausing(acked)
            return
        if self._is_pause_due(delay > target / 2, now):
            self._pause(in_flight - acked, now)
            return
        # The queue begins to fill: what doubled until here would overshoot.  Up to what it was before it may.
        enough = target / 2 if self._threshold == MAX_WINDOW else target
        if delay > enough and window < self._threshold:
            self._threshold = window
        # RFC 6817: a window that is not used must not grow.
        is_used = in_flight >= window - 2 * self._packet or in_flight * 2 >= window
        over = delay / target - 1
        if over < 0 and not is_used:
            return
        if over < 0 and window < self._threshold:
            window += acked
        else:
            # The same growth for all and a decrease in proportion: flows that see one queue come to one window.
            share = acked / max(window, in_flight, 1.0)
            window += self._growth(share, now) - window * share * min(max(over, 0.0) * SLOPE, MAX_DECREASE)
        self.window = min(max(window, self._least), float(MAX_WINDOW))

    def on_loss(self, sent_at: float, now: float) -> None:
        """Keep `loss_multiplier` of the window, once for what left before that was known."""
        settings = self._settings
        if sent_at < self._last_cut or now - self._last_cut < settings.cwnd_reduce_timer:
            return
        self._last_cut = now
        if self._peak > LEAST_TARGET:
            self._aim = min(max(self._peak * SHALLOW_SHARE, LEAST_TARGET), settings.target_delay)
            self._aim_until = now + SHALLOW_MEMORY
        if self._pause_left:
            self._resume_with *= settings.loss_multiplier
            return
        self.window = max(self.window * settings.loss_multiplier, self._least)
        self._threshold = self.window

    def on_timeout(self, now: float) -> None:
        """Begin again with one packet, up to half of what it was."""
        self._last_cut = now
        before = self._resume_with if self._pause_left else self.window
        self._threshold = max(before / 2, self._least)
        self._pause_left = 0.0
        # One packet, as a probe: whether anything gets through is all that is to be found out.
        self.window = float(self._packet)

    @property
    def _least(self) -> float:
        return float(MIN_PACKETS * self._packet)

    def _is_pause_due(self, has_queue: bool, now: float) -> bool:
        if self._pause_at is None:
            self._pause_at = now + self._interval
        return has_queue and now >= self._pause_at and self.window > WORTH_A_PAUSE * self._packet

    def _pause(self, under_way: int, now: float) -> None:
        self._interval = min(2 * self._interval, LONGEST_INTERVAL)
        self._pause_at = now + self._interval
        self._resume_with, self.window = self.window, self._least
        self._pause_left = under_way + PAUSE_ROUNDS * self.window

    def _go_on_pausing(self, acked: int) -> None:
        self._pause_left = max(0.0, self._pause_left - acked)
        if not self._pause_left:
            self._threshold = self._resume_with
            self.window = max(self._resume_with * RESUME_SHARE, self._least)

    def _growth(self, share: float, now: float) -> float:
        """Bytes to grow by when so much of a window was acknowledged."""
        gain = self._settings.gain_factor
        self._allowance = min(gain, self._allowance + gain * (now - self._last_ack) / SHORTEST_ROUND)
        self._last_ack = now
        growth = min(gain * share, self._allowance)
        self._allowance -= growth
        return growth
