"""Rate limits: token buckets, shared fairly by everybody who waits for them.

A `BandwidthChannel` is one limit (the session's, a torrent's, a peer's; one for each direction).  Who wants to move bytes
asks the `BandwidthLimiter` of that direction, naming all channels that concern it.  While nobody waits, what the channels
hold is granted at once; otherwise it queues, and every `TICK` the channels are refilled and shared out among those who wait,
by priority, each bounded by the tightest of its channels.  A share is held until it is worth a wake-up.

A bucket starts with one tick's worth, gathers at most `BURST` seconds' worth while idle, and may be overdrawn by `use` (what
was sent without asking), which it then makes up for first.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

__all__ = ["BURST", "MAX_WAIT", "MIN_GRANT", "TICK", "BandwidthChannel", "BandwidthLimiter"]

TICK = 0.1
"""Seconds between shares."""
BURST = 1.0
"""Seconds of its rate a bucket gathers at most."""
MIN_GRANT = 4096
"""Bytes worth a wake-up; a smaller share waits for more,"""
MAX_WAIT = 1.0
"""but no longer than this, in seconds."""
_ROUNDING = 1e-6
"""Shares are fractions: what adds up to the whole may lack the last billionth."""
_PASSES = 4
"""How often a tick shares out what others could not take."""


class BandwidthChannel:
    """One limit in bytes per second; 0 is none."""

    __slots__ = ("_limit", "_quota", "_refilled_at", "share", "weight")

    def __init__(self, limit: int = 0) -> None:
        self._limit = 0
        self._quota = 0.0
        self._refilled_at: float | None = None
        self.weight = 0
        """Scratch of the limiter: priorities of those who wait for this channel."""
        self.share = 0.0
        """Scratch of the limiter: what one unit of priority gets."""
        self.limit = limit

    @property
    def limit(self) -> int:
        """Bytes per second, 0 for no limit.  May be changed at any time; a lower one takes what was gathered."""
        return self._limit

    @limit.setter
    def limit(self, limit: int) -> None:
        if limit < 0:
            raise ValueError(f"a rate limit cannot be {limit}")
        if not self._limit:
            self._quota = limit * TICK
            self._refilled_at = None
        self._limit = limit
        self._quota = min(self._quota, limit * BURST)

    @property
    def quota(self) -> float:
        """Bytes in the bucket; negative when overdrawn.  Of no meaning without a limit."""
        return self._quota

    def refill(self, now: float) -> None:
        """Let the time up to `now` count.  Time going backwards counts as none."""
        since, self._refilled_at = self._refilled_at, now
        if since is not None and now > since:
            self._quota = min(self._quota + self._limit * (now - since), self._limit * BURST)

    def request(self, wanted: int) -> int:
        """Take up to `wanted` bytes out of the bucket.  For a channel of one user; others ask a limiter."""
        if not self._limit:
            return wanted
        granted = max(0, min(wanted, int(self._quota)))
        self._quota -= granted
        return granted

    def use(self, count: float) -> None:
        """`count` bytes were moved, whether or not they were there."""
        if self._limit:
            self._quota -= count

    def give_back(self, count: float) -> None:
        """Bytes granted and not moved."""
        if self._limit:
            self._quota = min(self._quota + count, self._limit * BURST)

    def next_timeout(self) -> float | None:
        """When `refill` will have brought the bucket to one byte; None when it holds that now or there is no limit."""
        if not self._limit or self._quota >= 1 or self._refilled_at is None:
            return None
        return self._refilled_at + (1 - self._quota) / self._limit


class _Waiter:
    """Somebody in the queue."""

    __slots__ = ("assigned", "channels", "priority", "since", "user", "wanted")

    def __init__(
        self, user: Hashable, wanted: int, channels: Sequence[BandwidthChannel], priority: int, now: float
    ) -> None:
        self.user = user
        self.wanted = wanted
        self.channels = channels
        self.priority = priority
        self.since = now
        self.assigned = 0.0


class BandwidthLimiter:
    """Shares channels among their users, in one direction.

    The owner arms one timer at `next_timeout` and calls `handle_timeout`; the users that returns ask again then and get what
    was set aside for them.
    """

    __slots__ = ("_next_share", "_set_aside", "_waiting")

    def __init__(self) -> None:
        self._waiting: dict[Hashable, _Waiter] = {}
        self._set_aside: dict[Hashable, _Waiter] = {}
        self._next_share: float | None = None

    def request(
        self,
        user: Hashable,
        wanted: int,
        channels: Iterable[BandwidthChannel],
        now: float,
        *,
        priority: int = 1,
    ) -> int:
        """How many of `wanted` bytes `user` may move now.

        0 queues it: it is named by a coming `handle_timeout`.  `give_back` what is not moved.
        """
        limited = [channel for channel in channels if channel.limit]
        aside = self._set_aside.pop(user, None)
        if aside is not None:
            granted = min(wanted, int(aside.assigned + _ROUNDING))
            self._refund(aside, aside.assigned - granted)
            if granted:
                return granted
        if not limited or wanted <= 0:
            self._waiting.pop(user, None)
            return max(wanted, 0)
        waiter = self._waiting.get(user)
        if waiter is None:
            granted = self._take(wanted, limited, now)
            if granted:
                return granted
            waiter = self._waiting[user] = _Waiter(user, wanted, limited, max(1, priority), now)
            if self._next_share is None:
                self._next_share = now + TICK
        else:
            waiter.wanted, waiter.priority = wanted, max(1, priority)
            self._change_channels(waiter, limited)
        return 0

    def give_back(self, channels: Iterable[BandwidthChannel], unused: int) -> None:
        """Bytes that were granted and not moved."""
        for channel in channels:
            channel.give_back(unused)

    def forget(self, user: Hashable) -> None:
        """The user is gone; what was set aside for it goes back."""
        for waiters in (self._waiting, self._set_aside):
            waiter = waiters.pop(user, None)
            if waiter is not None:
                self._refund(waiter, waiter.assigned)

    def next_timeout(self) -> float | None:
        """When `handle_timeout` is due; None while nobody waits."""
        return self._next_share

    def handle_timeout(self, now: float) -> list[Hashable]:
        """Share out what came in.  Returns the users that may ask again."""
        if self._next_share is None or now < self._next_share:
            return []
        for channel in {
            id(channel): channel for each in self._waiting.values() for channel in each.channels
        }.values():
            channel.refill(now)
        hungry = list(self._waiting.values())
        for _ in range(_PASSES):
            hungry = self._share_out(hungry)
            if not hungry:
                break
        ready = [each for each in self._waiting.values() if _is_worth_it(each, now)]
        for waiter in ready:
            del self._waiting[waiter.user]
            self._set_aside[waiter.user] = waiter
        self._next_share = now + TICK if self._waiting else None
        # Who asks first may get what the others could not take, and they queue in the order they asked: turn by one.
        return [waiter.user for waiter in ready[1:] + ready[:1]]

    @property
    def num_bytes_waiting(self) -> int:
        """Bytes they want and have not been given."""
        return sum(max(0, int(waiter.wanted - waiter.assigned)) for waiter in self._waiting.values())

    @property
    def num_waiting(self) -> int:
        """Users in the queue."""
        return len(self._waiting)

    def _take(self, wanted: int, channels: Sequence[BandwidthChannel], now: float) -> int:
        # While somebody waits, new quota is theirs first; what is left in the buckets they could not take.
        if not self._waiting:
            for channel in channels:
                channel.refill(now)
        granted = min(wanted, *(int(channel.quota) for channel in channels))
        # A trickle would cost a wake-up for every few bytes.
        if granted < min(wanted, MIN_GRANT):
            return 0
        for channel in channels:
            channel.use(granted)
        return granted

    def _share_out(self, hungry: list[_Waiter]) -> list[_Waiter]:
        """One pass.  Returns those who could take more: they want more, and all their channels hold some."""
        for waiter in hungry:
            for channel in waiter.channels:
                channel.weight = 0
        for waiter in hungry:
            for channel in waiter.channels:
                channel.weight += waiter.priority
        for waiter in hungry:
            for channel in waiter.channels:
                channel.share = max(0.0, channel.quota) / channel.weight
        for waiter in hungry:
            share = min(channel.share for channel in waiter.channels) * waiter.priority
            amount = min(share, waiter.wanted - waiter.assigned)
            waiter.assigned += amount
            for channel in waiter.channels:
                channel.use(amount)
        return [
            waiter
            for waiter in hungry
            if waiter.assigned < waiter.wanted and all(channel.quota >= 1 for channel in waiter.channels)
        ]

    def _change_channels(self, waiter: _Waiter, channels: Sequence[BandwidthChannel]) -> None:
        if list(waiter.channels) != list(channels):
            self._refund(waiter, waiter.assigned)
            waiter.assigned = 0.0
            waiter.channels = channels

    def _refund(self, waiter: _Waiter, amount: float) -> None:
        for channel in waiter.channels:
            channel.give_back(amount)


def _is_worth_it(waiter: _Waiter, now: float) -> bool:
    if any(not channel.limit for channel in waiter.channels):
        return True
    enough = min(waiter.wanted, MIN_GRANT)
    return waiter.assigned + _ROUNDING >= enough or (
        waiter.assigned >= 1 and now - waiter.since >= MAX_WAIT - TICK / 2
    )
