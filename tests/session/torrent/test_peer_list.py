from __future__ import annotations

from random import Random

import pytest
from evtorrent.protocols.peer.priority import peer_priority
from evtorrent.session.flags import PeerSource
from evtorrent.session.torrent.peer_list import KnownPeer, PeerList
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from support.sam_kit import destination

TRACKER, PEX, DHT, LSD = PeerSource.tracker, PeerSource.pex, PeerSource.dht, PeerSource.lsd
RESUME = PeerSource.resume_data
A, B, C = ("9.0.0.1", 6881), ("9.0.0.2", 6881), ("9.0.0.3", 6881)


def make(*peers: tuple[str, int], multiple: bool = False, **options: int) -> PeerList:
    known = PeerList(rng=Random(1), allow_multiple_connections_per_ip=multiple, **options)  # type: ignore[arg-type]
    for peer in peers:
        assert known.add(peer, TRACKER, 0.0) is not None
    return known


def next_address(known: PeerList, now: float = 0.0) -> tuple[str, int] | None:
    peer = known.next_candidate(now)
    known.check_invariant()
    return None if peer is None else peer.address


def attempt(known: PeerList, address: tuple[str, int], now: float, *, failed: bool = True) -> None:
    known.set_connected(address, object())
    known.connection_closed(address, now, failed=failed)
    known.check_invariant()


class TestAdding:
    def test_new_peers_are_returned_and_known_ones_not(self) -> None:
        known = make()
        peer = known.add(A, TRACKER, 0.0)
        assert peer is not None
        assert peer.address == A
        assert known.add(A, PEX, 0.0) is None
        assert peer.source == TRACKER | PEX
        assert len(known) == 1

    def test_one_entry_a_host(self) -> None:
        known = make(A)
        assert known.add((A[0], 7000), PEX, 0.0) is None
        assert [peer.address for peer in known] == [(A[0], 7000)]
        known.check_invariant()

    def test_or_one_a_port(self) -> None:
        known = make(A, (A[0], 7000), multiple=True)
        assert len(known) == 2
        assert known.find((A[0], 7001)) is None

    def test_the_port_of_a_connected_peer_stays(self) -> None:
        known = make(A)
        known.set_connected(A, "link")
        known.add((A[0], 7000), PEX, 0.0)
        assert [peer.address for peer in known] == [A]

    @pytest.mark.parametrize(
        "address",
        [
            ("example.com", 80),
            ("", 80),
            ("0.0.0.0", 80),
            ("::", 80),
            ("224.0.0.1", 80),
            ("ff02::1", 80),
            ("fe80::1", 80),
            ("10.0.0.1", 0),
            ("10.0.0.1", 1),
            ("10.0.0.1", 65536),
            ("10.0.0.1", -5),
        ],
    )
    def test_impossible_addresses(self, address: tuple[str, int]) -> None:
        assert make().add(address, TRACKER, 0.0) is None

    @pytest.mark.parametrize(
        ("given", "kept"),
        [("::ffff:9.0.0.1", "9.0.0.1"), ("2001:DB8:0:0::1", "2001:db8::1"), ("169.254.1.1", "169.254.1.1")],
    )
    def test_one_spelling(self, given: str, kept: str) -> None:
        known = make((given, 6881))
        assert known.find((kept, 6881)) is known.find((given, 6881))
        assert [peer.address[0] for peer in known] == [kept]
        known.set_connected((given, 6881), "link")
        known.check_invariant()
        known.connection_closed((kept, 6881), 1.0, failed=False)
        known.check_invariant()

    def test_a_tracker_that_names_it_again_forgives_a_failure(self) -> None:
        known = make(A)
        attempt(known, A, 1.0)
        known.add(A, PEX, 0.0)
        assert known.find(A).fails == 1  # type: ignore[union-attr]
        known.add(A, TRACKER, 0.0)
        assert known.find(A).fails == 0  # type: ignore[union-attr]

    def test_seeds(self) -> None:
        known = make(A)
        known.add(B, PEX, 0.0, is_seed=True)
        known.add(A, PEX, 0.0, is_seed=True)
        assert known.num_seeds == 2
        known.set_seed(A, False)
        known.set_seed(C, True)
        assert known.num_seeds == 1
        known.set_connected(A, "link")
        known.add(A, PEX, 0.0, is_seed=True)
        assert known.num_seeds == 1, "of a connected peer we know better"

    def test_repr(self) -> None:
        assert repr(make(A).find(A)) == "KnownPeer(9.0.0.1:6881)"


class TestCandidates:
    def test_nobody(self) -> None:
        assert next_address(make()) is None

    def test_until_it_is_connected_the_same(self) -> None:
        known = make(A)
        assert next_address(known) == next_address(known) == A
        known.set_connected(A, "link")
        assert next_address(known) is None

    def test_best_source_first(self) -> None:
        known = make()
        for index, source in enumerate((PeerSource.resume_data, PEX, DHT, LSD, TRACKER)):
            known.add((f"9.0.0.{index}", 6881), source, 0.0)
        found = []
        while address := next_address(known):
            found.append(int(address[0][-1]))
            known.set_connected(address, "link")
        assert found == [4, 3, 2, 1, 0]

    def test_fewest_failures_first(self) -> None:
        known = make(A, B, min_reconnect_time=0)
        attempt(known, A, 1.0)
        assert next_address(known, 2.0) == B

    def test_local_peers_first(self) -> None:
        known = make(A)
        for address in ("192.168.1.7", "fd00::1", "127.0.0.1"):
            known.add((address, 6881), PEX, 0.0)
            assert next_address(known) == (address, 6881)
            known.set_connected((address, 6881), "link")

    def test_longest_not_tried_first(self) -> None:
        known = make(A, B, C, min_reconnect_time=0)
        for when, address in enumerate((B, A, C)):
            attempt(known, address, when, failed=False)
        found = []
        for _ in range(3):
            found.append(next_address(known, 10.0))
            known.set_connected(found[-1], "link")  # type: ignore[arg-type]
        assert found == [B, A, C]

    def test_rest_grows_with_failures(self) -> None:
        known = make(A, min_reconnect_time=60, max_failcount=3)
        attempt(known, A, 100.0)
        assert next_address(known, 219.0) is None
        assert known.next_timeout() == 220.0
        assert known.num_candidates() == 1
        assert known.num_candidates(219.0) == 0
        assert next_address(known, 220.0) == A
        attempt(known, A, 300.0)
        assert next_address(known, 479.0) is None
        assert next_address(known, 480.0) == A
        attempt(known, A, 500.0)
        assert next_address(known, 1e9) is None
        assert known.next_timeout() is None
        assert known.num_candidates() == 0

    def test_rest_after_a_good_connection(self) -> None:
        known = make(A)
        known.set_connected(A, "link", 10.0)
        known.handshake_done(A, 11.0)
        known.connection_closed(A, 50.0, failed=False)
        assert next_address(known, 109.0) is None
        assert next_address(known, 110.0) == A

    def test_an_answer_forgives_failures(self) -> None:
        known = make(A)
        attempt(known, A, 0.0)
        known.set_connected(A, "link")
        known.handshake_done(A, 1.0)
        assert known.find(A).fails == 0  # type: ignore[union-attr]

    def test_failures_are_counted_up_to_a_limit(self) -> None:
        known = make(A)
        for now in range(40):
            attempt(known, A, now)
        assert known.find(A).fails == 31  # type: ignore[union-attr]

    def test_news_end_the_wait(self) -> None:
        known = make(A)
        attempt(known, A, 0.0)
        assert next_address(known, 1.0) is None
        known.add(B, TRACKER, 1.0)
        assert next_address(known, 1.0) == B

    def test_seeds_are_of_no_use_when_finished(self) -> None:
        known = make(A, B)
        known.set_seed(A, True)
        known.set_finished(True)
        assert next_address(known) == B
        known.set_connected(B, "link")
        assert next_address(known) is None
        known.set_finished(False)
        assert next_address(known) == A

    def test_banned_never(self) -> None:
        known = make(A)
        assert next_address(known) == A
        known.ban(A)
        assert next_address(known) is None

    def test_many_candidates_come_each_once(self) -> None:
        known = make(*[(f"9.0.{index}.1", 6881) for index in range(100)])
        found = []
        while address := next_address(known):
            found.append(address)
            known.set_connected(address, "link")
        assert len(set(found)) == len(found) == 100

    def test_rank_is_canonical_when_our_address_is_known(self) -> None:
        known = make(A, B, C)
        known.add(("2001:db8::5", 6881), TRACKER, 0.0)
        own = ("8.8.4.4", 6881)
        known.set_own_address(("::ffff:8.8.4.4", 6881))
        best = max((A, B, C), key=lambda address: peer_priority(own, address))
        ranks = {peer.address: peer.rank for peer in known}
        assert {address: ranks[address] for address in (A, B, C)} == {
            address: peer_priority(own, address) for address in (A, B, C)
        }
        known.ban(("2001:db8::5", 6881))
        assert next_address(known) == best
        with pytest.raises(ValueError):
            known.set_own_address(("here", 1))

    def test_rank_is_a_lot_before(self) -> None:
        peer = make(A).find(A)
        assert peer is not None
        assert peer.rank == Random(1).getrandbits(32)


class TestConnections:
    def test_incoming_peers_are_no_candidates(self) -> None:
        known = make()
        peer = known.add_incoming(("9.0.0.1", 50_000), 0.0)
        assert peer is not None
        known.set_connected(("9.0.0.1", 50_000), "link")
        assert peer.source == PeerSource.incoming
        known.connection_closed(("9.0.0.1", 50_000), 1.0, failed=False)
        assert next_address(known, 1e6) is None
        assert known.addresses() == []
        assert len(known) == 1

    def test_until_they_tell_their_port(self) -> None:
        known = make()
        where = ("9.0.0.1", 50_000)
        known.add_incoming(where, 0.0)
        known.set_connected(where, "link")
        assert known.set_listen_port(where, 6881)
        known.check_invariant()
        known.connection_closed(where, 1.0, failed=False)
        assert next_address(known, 100.0) == A
        assert known.addresses() == [A]

    def test_an_incoming_peer_we_know(self) -> None:
        known = make(A)
        assert known.add_incoming(("9.0.0.1", 50_000), 0.0) is known.find(A)

    @pytest.mark.parametrize("port", [0, -1, 65536])
    def test_impossible_port(self, port: int) -> None:
        known = make(A)
        known.set_connected(A, "link")
        assert known.set_listen_port(A, port)
        assert known.find(A).address == A  # type: ignore[union-attr]
        assert not known.set_listen_port(B, port)
        assert not known.set_listen_port(B, 6881)

    def test_listen_port_of_a_peer_that_is_connected_already(self) -> None:
        known = make(A, multiple=True)
        known.set_connected(A, "first")
        second = (A[0], 50_000)
        known.add_incoming(second, 0.0)
        known.set_connected(second, "second")
        assert not known.set_listen_port(second, A[1])
        known.check_invariant()
        assert known.find(second).connection == "second"  # type: ignore[union-attr]

    def test_listen_port_of_a_peer_we_heard_of(self) -> None:
        known = make(A, multiple=True)
        attempt(known, A, 1.0)
        second = (A[0], 50_000)
        known.add_incoming(second, 2.0)
        known.set_connected(second, "second")
        assert known.set_listen_port(second, A[1])
        known.check_invariant()
        assert len(known) == 1
        peer = known.find(second)
        assert peer is not None
        assert (peer.fails, peer.source) == (1, TRACKER | PeerSource.incoming)

    def test_one_entry_a_port_forgets_who_did_not_say(self) -> None:
        known = make(multiple=True)
        where = ("9.0.0.1", 50_000)
        known.add_incoming(where, 0.0)
        known.set_connected(where, "link")
        known.connection_closed(where, 1.0, failed=False)
        assert len(known) == 0
        known.check_invariant()

    def test_unknown_and_unconnected_peers_cannot_close(self) -> None:
        known = make(A)
        known.connection_closed(A, 1.0, failed=True)
        known.connection_closed(B, 1.0, failed=True)
        known.handshake_done(B, 1.0)
        assert known.set_connected(B, "link") is None
        assert known.find(A).fails == 0  # type: ignore[union-attr]
        assert known.find(("nonsense", 1)) is None
        assert known.add_incoming(("nonsense", 1), 0.0) is None


class TestBanning:
    def test_banned_peers_are_not_let_in(self) -> None:
        known = make(A)
        known.ban(A)
        assert known.add_incoming((A[0], 50_000), 0.0) is None
        assert known.banned() == [A]
        assert known.addresses() == []

    def test_unknown_peers_may_be_banned(self) -> None:
        known = make()
        peer = known.ban(A)
        assert peer is not None
        assert peer.banned
        assert known.ban(("nonsense", 1)) is None
        assert known.add(A, TRACKER, 0.0) is None
        assert next_address(known) is None

    def test_a_banned_peer_is_remembered_after_its_connection(self) -> None:
        known = make(multiple=True)
        where = ("9.0.0.1", 50_000)
        known.add_incoming(where, 0.0)
        known.set_connected(where, "link")
        known.ban(where)
        known.connection_closed(where, 1.0, failed=True)
        assert known.banned() == [where]

    def test_filter(self) -> None:
        known = make(A, B, C)
        known.set_connected(B, "link")
        connected = known.apply_filter(lambda host: host in (A[0], B[0]))
        assert [peer.connection for peer in connected] == ["link"]
        assert {peer.address for peer in known} == {B, C}
        known.check_invariant()
        assert known.add_incoming((B[0], 5), 0.0) is None


class TestRoom:
    def fill(self, count: int, source: PeerSource = TRACKER, **options: int) -> PeerList:
        known = make(max_size=count, **options)
        for index in range(count):
            assert known.add((f"7.0.{index}.1", 6881), source, 0.0)
        return known

    def test_a_full_list_refuses(self) -> None:
        known = self.fill(10)
        assert known.add(A, TRACKER, 0.0) is None
        assert len(known) == 10

    def test_no_limit(self) -> None:
        known = make(max_size=0)
        assert known.add(A, TRACKER, 0.0)

    def test_failed_peers_make_room(self) -> None:
        known = self.fill(40, max_failcount=1)
        for index in (3, 5, 7):
            attempt(known, (f"7.0.{index}.1", 6881), 0.0)
        assert known.add(A, TRACKER, 0.0)
        known.check_invariant()
        assert len(known) == 39, "cut down to 38, and one new"
        assert known.find(("7.0.3.1", 6881)) is None

    def test_peers_we_failed_to_reach_but_may_try_again_stay(self) -> None:
        known = self.fill(10, max_failcount=3)
        attempt(known, ("7.0.3.1", 6881), 0.0)
        assert known.add(A, TRACKER, 0.0) is None

    def test_resume_data_makes_no_room(self) -> None:
        known = self.fill(10, max_failcount=1)
        attempt(known, ("7.0.3.1", 6881), 0.0)
        assert known.add(A, RESUME, 0.0) is None
        assert len(known) == 10

    def test_peers_of_resume_data_that_are_no_candidates_go(self) -> None:
        known = self.fill(10, source=RESUME)
        known.set_seed(("7.0.4.1", 6881), True)
        known.set_finished(True)
        assert known.add(A, TRACKER, 0.0)
        assert known.find(("7.0.4.1", 6881)) is None

    def test_who_connects_to_us_gets_room(self) -> None:
        known = self.fill(5)
        known.ban(("7.0.0.1", 6881))
        known.set_connected(("7.0.1.1", 6881), "link")
        assert known.add_incoming(A, 0.0)
        known.check_invariant()
        assert len(known) == 5
        assert known.banned() == [("7.0.0.1", 6881)]
        assert known.find(("7.0.1.1", 6881)) is not None

    def test_unless_all_are_connected(self) -> None:
        known = self.fill(3)
        for peer in list(known):
            known.set_connected(peer.address, "link")
        assert known.add_incoming(A, 0.0) is None

    def test_no_bans_beyond_the_limit_when_all_are_connected(self) -> None:
        known = self.fill(1)
        known.set_connected(("7.0.0.1", 6881), "link")
        assert known.ban(A) is None
        assert known.ban(("7.0.0.1", 6881)) is not None

    def test_bans_beyond_the_limit_push_out_others(self) -> None:
        known = self.fill(3)
        for index in range(6):
            known.ban((f"8.0.{index}.1", 6881))
            known.check_invariant()
        assert len(known) == 3
        assert len(known.banned()) == 3

    def test_who_makes_room_is_no_candidate_any_more(self) -> None:
        known = self.fill(1)
        assert next_address(known) is not None
        known.add_incoming(A, 0.0)
        assert next_address(known) is None


class PeerListMachine(RuleBasedStateMachine):
    """Any order of calls keeps the laws and the limit, and candidates are what the rules say."""

    addresses = st.tuples(st.integers(1, 6).map("9.0.0.{}".format), st.sampled_from([6881, 6882, 50_000]))

    @initialize(multiple=st.booleans())
    def begin(self, multiple: bool) -> None:
        self.now = 0.0
        self.links: dict[tuple[str, int], KnownPeer] = {}
        self.known = PeerList(
            rng=Random(1), max_size=5, allow_multiple_connections_per_ip=multiple, max_failcount=2
        )

    @rule(address=addresses, source=st.sampled_from(list(PeerSource)))
    def hears_of(self, address: tuple[str, int], source: PeerSource) -> None:
        self.known.add(address, source, self.now)

    @rule(address=addresses)
    def is_connected_by(self, address: tuple[str, int]) -> None:
        if address in self.links:
            return
        peer = self.known.add_incoming(address, self.now)
        if peer is not None and peer.connection is None:
            self.links[address] = peer
            self.known.set_connected(address, address, self.now)

    @rule()
    def connects(self) -> None:
        peer = self.known.next_candidate(self.now)
        if peer is None:
            return
        assert peer.connection is None
        assert peer.connectable
        assert not peer.banned
        assert peer.fails < 2
        assert peer.last_tried is None or peer.last_tried + (peer.fails + 1) * 60 <= self.now
        self.links[peer.address] = peer
        self.known.set_connected(peer.address, peer.address)

    @rule(data=st.data(), failed=st.booleans())
    def loses(self, data: st.DataObject, failed: bool) -> None:
        if self.links:
            address = data.draw(st.sampled_from(sorted(self.links)))
            peer = self.links.pop(address)
            assert self.known.find(address) is peer
            self.known.connection_closed(address, self.now, failed=failed)
            assert peer.connection is None

    @rule(data=st.data(), port=st.sampled_from([6881, 6882, 0]))
    def is_told_a_port(self, data: st.DataObject, port: int) -> None:
        if self.links:
            self.known.set_listen_port(data.draw(st.sampled_from(sorted(self.links))), port)

    @rule(address=addresses)
    def bans(self, address: tuple[str, int]) -> None:
        self.known.ban(address)

    @rule(finished=st.booleans())
    def finishes(self, finished: bool) -> None:
        self.known.set_finished(finished)

    @rule(seconds=st.floats(0, 200))
    def waits(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def laws_hold(self) -> None:
        if hasattr(self, "known"):
            self.known.check_invariant()
            assert len(self.known) <= 5
            assert {id(peer) for peer in self.links.values()} == {
                id(peer) for peer in self.known if peer.connection is not None
            }


PeerListMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestPeerListMachine = pytest.mark.slow(PeerListMachine.TestCase)


def test_a_port_we_are_connected_to_is_known_after_the_peer_told_another() -> None:
    known = PeerList(rng=Random(1), allow_multiple_connections_per_ip=True)
    assert known.add(("9.0.0.5", 6881), PeerSource.tracker, 0.0) is not None
    link = object()
    known.set_connected(("9.0.0.5", 6881), link)
    assert known.set_listen_port(("9.0.0.5", 6881), 6882)
    assert known.add(("9.0.0.5", 6881), PeerSource.tracker, 0.0) is None
    assert len(known) == 1
    known.check_invariant()


def test_a_seed_let_go_is_wanted_again_at_once_when_more_is() -> None:
    known = PeerList(rng=Random(1), min_reconnect_time=60)
    known.add(("9.0.0.5", 6881), PeerSource.tracker, 0.0)
    known.set_connected(("9.0.0.5", 6881), object())
    known.set_seed(("9.0.0.5", 6881), True)
    known.set_finished(True)
    known.connection_closed(("9.0.0.5", 6881), 10.0, failed=False)
    assert known.next_candidate(11.0) is None
    known.set_finished(False)
    assert known.next_candidate(11.0) is not None


def test_ranks_are_known_once_our_address_is() -> None:
    known = make()
    assert known.rank_of(("9.0.0.9", 1)) is None and known.rank_of(("nonsense", 1)) is None
    known.set_own_address(A)
    assert known.rank_of(("9.0.0.9", 1)) == peer_priority(A, ("9.0.0.9", 1))
    assert known.rank_of(("2001:db8::1", 1)) is None
    assert len(known) == 0


def test_unwanted_peers_are_forgotten_but_not_the_connected_and_banned() -> None:
    known = make(A, B, C)
    known.set_connected(A, object())
    known.ban(B)
    known.forget_if(lambda peer: peer.source == TRACKER)
    assert {peer.address for peer in known} == {A, B}
    assert known.next_candidate(1.0) is None
    known.check_invariant()


class TestPeersOnI2p:
    NAME = destination(1).name
    THERE = (NAME, 0)

    def make(self) -> PeerList:
        known = make()
        known.set_reaches_i2p(True)
        assert known.add(self.THERE, TRACKER, 0.0) is not None
        return known

    def test_one_entry_a_destination(self) -> None:
        known = self.make()
        assert known.add((self.NAME.upper(), 6881), PEX, 0.0) is None
        assert [(peer.address, peer.source) for peer in known] == [(self.THERE, TRACKER | PEX)]
        assert known.add(("somebody.i2p", 6881), TRACKER, 0.0) is None
        assert len(known) == 1
        known.check_invariant()

    def test_they_are_candidates_while_there_is_a_way(self) -> None:
        known = self.make()
        assert next_address(known) == self.THERE
        known.set_reaches_i2p(False)
        assert next_address(known) is None
        assert known.num_candidates() == 0
        known.set_reaches_i2p(True)
        assert next_address(known) == self.THERE

    def test_who_came_can_be_called(self) -> None:
        known = make()
        peer = known.add_incoming(self.THERE, 0.0)
        assert peer is not None and peer.connectable and not peer.is_local
        assert known.set_listen_port(self.THERE, 6881)
        assert peer.address == self.THERE

    def test_ranks_are_by_lot(self) -> None:
        known = self.make()
        (peer,) = known
        known.set_own_address(("9.0.0.9", 6881))
        assert known.rank_of(self.THERE) is None
        assert 0 <= peer.rank < 2**32
        with pytest.raises(ValueError, match="no address"):
            known.set_own_address(self.THERE)

    def test_resume_data_has_no_form_for_them(self) -> None:
        known = self.make()
        assert known.addresses() == []
        assert known.ban(self.THERE) is not None
        assert known.banned() == []
        assert known.add_incoming(self.THERE, 0.0) is None

    def test_connections(self) -> None:
        known = self.make()
        attempt(known, self.THERE, 1.0)
        assert next_address(known, 2.0) is None
        assert next_address(known, 200.0) == self.THERE
