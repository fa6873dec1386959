from __future__ import annotations

from random import Random
from statistics import mean, pstdev

import pytest
from evtorrent.session.core.bandwidth import (
    BURST,
    MAX_WAIT,
    MIN_GRANT,
    TICK,
    BandwidthChannel,
    BandwidthLimiter,
)
from hypothesis import given
from hypothesis import strategies as st


class Users:
    """Users that move all they are granted, driven on a virtual clock."""

    def __init__(self, *, wanted: int = 16384) -> None:
        self.limiter = BandwidthLimiter()
        self.now = 0.0
        self.wanted = wanted
        self.channels: dict[str, list[BandwidthChannel]] = {}
        self.priorities: dict[str, int] = {}
        self.moved: dict[str, int] = {}

    def add(self, name: str, *channels: BandwidthChannel, priority: int = 1) -> None:
        self.channels[name] = list(channels)
        self.priorities[name] = priority
        self.moved[name] = 0

    def ask(self, name: str, most: int = 100_000) -> None:
        for _ in range(most):
            granted = self.limiter.request(
                name, self.wanted, self.channels[name], self.now, priority=self.priorities[name]
            )
            assert 0 <= granted <= self.wanted
            self.moved[name] += granted
            if not granted:
                return

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        for name in self.channels:
            self.ask(name)
        while (due := self.limiter.next_timeout()) is not None and due <= end:
            self.now = due
            for name in self.limiter.handle_timeout(self.now):
                self.ask(str(name))
        self.now = end

    def rates(self, seconds: float) -> dict[str, float]:
        """Bytes per second after a time to settle."""
        self.run(3.0)
        before = dict(self.moved)
        self.run(seconds)
        return {name: (moved - before[name]) / seconds for name, moved in self.moved.items()}


class TestChannel:
    def test_begins_with_a_ticks_worth(self) -> None:
        channel = BandwidthChannel(1000)
        assert channel.request(5000) == 1000 * TICK
        assert channel.request(1) == 0

    def test_refills_with_time_and_gathers_a_burst_at_most(self) -> None:
        channel = BandwidthChannel(1000)
        channel.request(100)
        channel.refill(10.0)
        assert channel.quota == 0, "time before the first look does not count"
        channel.refill(10.5)
        assert channel.quota == 500
        channel.refill(100.0)
        assert channel.quota == 1000 * BURST

    def test_time_does_not_go_back(self) -> None:
        channel = BandwidthChannel(1000)
        channel.refill(10.0)
        channel.refill(9.0)
        assert channel.quota == 100

    def test_overdraft_is_made_up_for(self) -> None:
        channel = BandwidthChannel(1000)
        channel.refill(0.0)
        channel.use(600)
        assert channel.quota == -500
        assert channel.request(10) == 0
        assert channel.next_timeout() == pytest.approx(0.501)
        channel.refill(0.6)
        assert channel.request(1000) == 100

    def test_no_limit(self) -> None:
        channel = BandwidthChannel()
        channel.use(10**9)
        channel.give_back(10**9)
        assert channel.request(10**9) == 10**9
        assert channel.next_timeout() is None

    def test_no_timeout_while_there_is_quota_or_no_clock(self) -> None:
        channel = BandwidthChannel(1000)
        assert channel.next_timeout() is None
        channel.use(100)
        assert channel.next_timeout() is None
        channel.refill(1.0)
        assert channel.next_timeout() == pytest.approx(1.001)

    def test_given_back_is_there_again_up_to_a_burst(self) -> None:
        channel = BandwidthChannel(1000)
        channel.request(100)
        channel.give_back(60)
        assert channel.request(100) == 60
        channel.give_back(10**6)
        assert channel.quota == 1000 * BURST

    def test_lower_limit_takes_what_was_gathered(self) -> None:
        channel = BandwidthChannel(10_000)
        channel.refill(0.0)
        channel.refill(9.0)
        channel.limit = 500
        assert channel.quota == 500
        assert channel.limit == 500

    @pytest.mark.parametrize("limit", [-1, -1000])
    def test_impossible_limit(self, limit: int) -> None:
        with pytest.raises(ValueError, match="rate limit"):
            BandwidthChannel(limit)


class TestLimiter:
    def test_without_limit_all_is_granted(self) -> None:
        limiter = BandwidthLimiter()
        assert limiter.request("a", 12345, [BandwidthChannel(), BandwidthChannel()], 0.0) == 12345
        assert limiter.request("a", 12345, [], 0.0) == 12345
        assert limiter.next_timeout() is None

    def test_nothing_wanted(self) -> None:
        assert BandwidthLimiter().request("a", 0, [BandwidthChannel(10)], 0.0) == 0

    def test_tightest_channel_decides(self) -> None:
        wide, narrow = BandwidthChannel(1_000_000), BandwidthChannel(100_000)
        assert BandwidthLimiter().request("a", 10**6, [wide, narrow], 0.0) == 100_000 * TICK
        assert wide.quota == 90_000

    def test_a_trickle_waits(self) -> None:
        limiter, channel = BandwidthLimiter(), BandwidthChannel(1000)
        assert limiter.request("a", 10**6, [channel], 0.0) == 0
        due = []
        while not (ready := limiter.handle_timeout(limiter.next_timeout() or 0.0)):
            due.append(limiter.next_timeout())
        assert ready == ["a"]
        assert due[-1] == pytest.approx(MAX_WAIT)
        assert limiter.request("a", 10**6, [channel], MAX_WAIT) == pytest.approx(1000, rel=0.1)

    def test_a_small_wish_is_granted_whole(self) -> None:
        limiter, channel = BandwidthLimiter(), BandwidthChannel(1000)
        assert limiter.request("a", 50, [channel], 0.0) == 50
        assert limiter.request("a", 180, [channel], 0.0) == 0
        assert limiter.handle_timeout(0.1) == []
        assert limiter.handle_timeout(0.2) == ["a"]
        assert limiter.request("a", 180, [channel], 0.2) == 180

    def test_nothing_is_due_early_or_when_nobody_waits(self) -> None:
        limiter, channel = BandwidthLimiter(), BandwidthChannel(1000)
        assert limiter.handle_timeout(5.0) == []
        limiter.request("a", 9000, [channel], 5.0)
        assert limiter.num_waiting == 1
        assert limiter.next_timeout() == pytest.approx(5.0 + TICK)
        assert limiter.handle_timeout(5.0) == []

    def test_what_is_not_taken_of_a_share_goes_back(self) -> None:
        limiter, channel = BandwidthLimiter(), BandwidthChannel(100_000)
        limiter.request("a", 10**6, [channel], 0.0)
        assert limiter.request("a", 8000, [channel], 0.0) == 0
        limiter.handle_timeout(0.1)
        assert limiter.request("a", 5000, [channel], 0.1) == 5000
        assert channel.quota == pytest.approx(5000)
        limiter.give_back([channel], 5000)
        assert channel.quota == pytest.approx(10_000)

    def test_forgotten_users_give_their_share_back(self) -> None:
        limiter, channel = BandwidthLimiter(), BandwidthChannel(100_000)
        for name in ("a", "b", "c"):
            limiter.request(name, 10**6, [channel], 0.0)
        assert limiter.num_waiting == 2
        limiter.forget("c")
        assert limiter.handle_timeout(0.1) == ["b"]
        assert channel.quota == pytest.approx(0)
        limiter.forget("b")
        limiter.forget("never here")
        assert channel.quota == pytest.approx(10_000)
        assert limiter.next_timeout() is None

    def test_limit_taken_away_while_waiting(self) -> None:
        limiter, channel = BandwidthLimiter(), BandwidthChannel(10)
        assert limiter.request("a", 10**6, [channel], 0.0) == 0
        channel.limit = 0
        assert limiter.handle_timeout(0.1) == ["a"]
        assert limiter.request("a", 10**6, [channel], 0.1) == 10**6

    def test_limit_taken_away_before_the_share(self) -> None:
        limiter, channel = BandwidthLimiter(), BandwidthChannel(10)
        assert limiter.request("a", 10**6, [channel], 0.0) == 0
        channel.limit = 0
        assert limiter.request("a", 10**6, [channel], 0.05) == 10**6
        assert limiter.num_waiting == 0
        assert limiter.handle_timeout(0.1) == []

    def test_one_of_two_limits_taken_away(self) -> None:
        limiter, one, two = BandwidthLimiter(), BandwidthChannel(10), BandwidthChannel(10)
        assert limiter.request("a", 10**6, [one, two], 0.0) == 0
        one.limit = 0
        limiter.handle_timeout(0.1)
        assert limiter.request("a", 10**6, [one, two], 0.1) in (0, 1, 2)
        assert limiter.num_waiting <= 1

    def test_channels_may_change_while_waiting(self) -> None:
        limiter, one, two = BandwidthLimiter(), BandwidthChannel(10_000), BandwidthChannel(10_000)
        limiter.request("a", 10**6, [one], 0.0)
        limiter.handle_timeout(0.1)
        assert one.quota == 0
        assert limiter.request("a", 10**6, [two], 0.1) == 0
        assert one.quota == pytest.approx(2000)
        limiter.handle_timeout(0.2)
        limiter.handle_timeout(0.3)
        assert one.quota == pytest.approx(2000)
        assert two.quota < 1

    def test_one_user_gets_the_rate(self) -> None:
        users = Users()
        users.add("a", BandwidthChannel(100_000))
        assert users.rates(20)["a"] == pytest.approx(100_000, rel=0.02)

    @pytest.mark.parametrize("limit", [20, 2000, 20_000, 1_000_000, 50_000_000])
    @pytest.mark.parametrize("count", [2, 7])
    def test_equal_users_get_equal_shares(self, limit: int, count: int) -> None:
        users, everybody = Users(), BandwidthChannel(limit)
        for index in range(count):
            users.add(f"user {index}", everybody)
        rates = users.rates(30)
        assert sum(rates.values()) == pytest.approx(limit, rel=0.05)
        for rate in rates.values():
            assert rate == pytest.approx(limit / count, rel=0.12)

    def test_thirty_connections_in_a_group(self) -> None:
        # libevent's test-ratelim.sh: 1,000 bytes a second each, 30,000 together.
        users, group = Users(), BandwidthChannel(30_000)
        for index in range(30):
            users.add(f"user {index}", group, BandwidthChannel(1000))
        rates = list(users.rates(60).values())
        assert sum(rates) == pytest.approx(30_000, abs=1000)
        assert mean(rates) == pytest.approx(1000, abs=50)
        assert pstdev(rates) <= 50

    def test_what_one_may_not_take_the_others_get(self) -> None:
        users, everybody = Users(), BandwidthChannel(100_000)
        users.add("held", everybody, BandwidthChannel(10_000))
        users.add("one", everybody)
        users.add("two", everybody)
        rates = users.rates(30)
        assert rates["held"] == pytest.approx(10_000, rel=0.05)
        assert rates["one"] == pytest.approx(45_000, rel=0.05)
        assert rates["two"] == pytest.approx(45_000, rel=0.05)

    def test_torrents_below_a_session_limit(self) -> None:
        users, session = Users(), BandwidthChannel(60_000)
        small, large = BandwidthChannel(10_000), BandwidthChannel(100_000)
        for index in range(3):
            users.add(f"small {index}", session, small)
            users.add(f"large {index}", session, large)
        rates = users.rates(30)
        assert sum(rate for name, rate in rates.items() if "small" in name) == pytest.approx(10_000, rel=0.05)
        assert sum(rate for name, rate in rates.items() if "large" in name) == pytest.approx(50_000, rel=0.05)

    def test_shares_follow_priority(self) -> None:
        users, everybody = Users(), BandwidthChannel(100_000)
        users.add("first", everybody, priority=3)
        users.add("second", everybody)
        rates = users.rates(30)
        assert rates["first"] == pytest.approx(75_000, rel=0.1)
        assert rates["second"] == pytest.approx(25_000, rel=0.1)

    def test_nobody_starves(self) -> None:
        users, everybody = Users(), BandwidthChannel(40_000)
        for index in range(20):
            users.add(f"user {index}", everybody, priority=200)
        users.add("least", everybody)
        rates = users.rates(60)
        assert rates["least"] == pytest.approx(40_000 / 4001, abs=3)
        assert sum(rates.values()) == pytest.approx(40_000, rel=0.03)

    def test_many_users_of_a_tiny_limit(self) -> None:
        users, everybody = Users(), BandwidthChannel(150)
        for index in range(300):
            users.add(f"user {index}", everybody)
        users.run(20)
        assert sum(users.moved.values()) == pytest.approx(150 * 20, rel=0.15)
        assert max(users.moved.values()) <= 20

    @given(st.integers(0, 2**32))
    def test_no_channel_is_exceeded(self, seed: int) -> None:
        rng = Random(seed)
        users = Users(wanted=rng.choice([100, 5000, 200_000]))
        channels = [BandwidthChannel(rng.choice([0, 50, 3000, 70_000])) for _ in range(3)]
        for index in range(rng.randint(1, 6)):
            users.add(f"user {index}", *rng.sample(channels, rng.randint(1, 3)), priority=rng.randint(1, 5))
        users.channels = {n: c for n, c in users.channels.items() if any(each.limit for each in c)}
        seconds = 5.0
        users.run(seconds)
        for channel in channels:
            if channel.limit:
                moved = sum(users.moved[name] for name, own in users.channels.items() if channel in own)
                assert moved <= channel.limit * (seconds + TICK) + 1
                assert channel.quota > -1
        assert MIN_GRANT > 0
