from __future__ import annotations

import pytest
from support.world import INTERESTED, NOT_INTERESTED, Wire, World, request, torrent_of


class Stage:
    """A seed and peers that want its data."""

    def __init__(self, **settings):
        self.world = World()
        self.node = self.world.node(**settings)
        self.info, self.content = torrent_of(4)
        self.torrent = self.node.seed(self.info, self.content)
        self.wires: list[Wire] = []

    def guest(self, *messages: bytes) -> Wire:
        number = len(self.wires) + 1
        wire = Wire(
            self.world,
            self.info.info_hashes.best(),
            host=f"10.9.9.{number}",
            peer_id=b"-XX0000-%012d" % number,
        )
        self.wires.append(wire.call(self.node).say(*messages))
        return wire

    def unchoked(self) -> list[int]:
        """Who is, by the last of choke and unchoke it heard."""
        found = []
        for number, wire in enumerate(self.wires, 1):
            wire.log = getattr(wire, "log", []) + wire.heard("choke", "unchoke")
            if wire.log and wire.log[-1] == ("unchoke",):
                found.append(number)
        return found


def test_a_free_slot_is_given_at_once():
    stage = Stage(unchoke_slots_limit=2)
    for _ in range(3):
        stage.guest(INTERESTED)
    assert stage.unchoked() == [1, 2]


def test_who_wants_nothing_gets_no_slot():
    stage = Stage()
    stage.guest()
    assert stage.unchoked() == []
    stage.world.advance(16)
    assert stage.unchoked() == []


def test_a_slot_given_back_goes_to_the_next_at_the_round():
    stage = Stage(unchoke_slots_limit=1)
    first, second = stage.guest(INTERESTED), stage.guest(INTERESTED)
    first.say(NOT_INTERESTED)
    assert stage.unchoked() == []
    second.say(NOT_INTERESTED, INTERESTED)
    assert stage.unchoked() == [2]
    stage.world.advance(16)
    assert stage.unchoked() == [2]


def test_a_peer_that_goes_frees_its_slot():
    stage = Stage(unchoke_slots_limit=1)
    first, second = stage.guest(INTERESTED), stage.guest(INTERESTED)
    first.hang_up()
    stage.world.advance(16)
    assert 2 in stage.unchoked()
    assert not second.is_closed


def test_slots_are_never_exceeded_and_optimistic_ones_go_round():
    stage = Stage(unchoke_slots_limit=2, num_optimistic_unchoke_slots=1, optimistic_unchoke_interval=15)
    for _ in range(5):
        stage.guest(INTERESTED)
    served = set()
    for _ in range(12):
        stage.world.advance(15)
        for wire in stage.wires:
            wire.say(bytes(4))
        now = stage.unchoked()
        assert len(now) == 2
        served |= set(now)
    assert served == {1, 2, 3, 4, 5}
    assert sum(link.optimistic for link in stage.torrent.swarm.links) == 1
    stage.world.check()


def test_a_torrent_has_its_own_limit():
    stage = Stage(unchoke_slots_limit=4)
    stage.torrent.max_uploads = 1
    for _ in range(3):
        stage.guest(INTERESTED)
    assert stage.unchoked() == [1]
    stage.world.advance(16)
    assert len(stage.unchoked()) == 1


def test_without_limit_everybody_is_served():
    stage = Stage(unchoke_slots_limit=-1)
    for _ in range(12):
        stage.guest(INTERESTED)
    assert len(stage.unchoked()) == 12
    assert stage.node.core.statistics()["ses.num_unchoke_slots"] == 2**31 - 1


def test_settings_count_from_the_next_round_on():
    stage = Stage(unchoke_slots_limit=3)
    for _ in range(3):
        stage.guest(INTERESTED)
    stage.node.session.apply_settings({"unchoke_slots_limit": 1})
    assert len(stage.unchoked()) == 3
    stage.world.advance(16)
    assert len(stage.unchoked()) == 1
    assert stage.node.core.statistics()["ses.num_unchoke_slots"] == 1


def test_no_slots_at_all():
    stage = Stage(unchoke_slots_limit=0)
    stage.guest(INTERESTED)
    stage.world.advance(31)
    assert stage.unchoked() == []


def test_rate_based_choking_begins_with_one_slot():
    stage = Stage(choking_algorithm=2)
    for _ in range(3):
        stage.guest(INTERESTED)
    assert stage.unchoked() == [1]
    assert stage.node.core.statistics()["ses.num_unchoke_slots"] == 1


@pytest.mark.parametrize(("algorithm", "keeps"), [(0, True), (1, True), (2, False)])
def test_who_takes_most_keeps_its_slot_unless_leeches_are_not_wanted(algorithm, keeps):
    stage = Stage(unchoke_slots_limit=2, num_optimistic_unchoke_slots=1, seed_choking_algorithm=algorithm)
    first = stage.guest(INTERESTED)
    for piece in range(4):
        first.say(request(piece, 0), request(piece, 16384))
    stage.guest(INTERESTED)
    stage.guest(INTERESTED)
    stage.world.advance(16)
    assert (1 in stage.unchoked()) is keeps


def test_requests_of_a_choked_peer_are_rejected_and_counted():
    stage = Stage(unchoke_slots_limit=1, send_buffer_low_watermark=4 * 16_384)
    stage.node.platform.holds_disk = True
    guest = stage.guest(INTERESTED)
    stage.node.backend.is_cold = True
    guest.say(*[request(piece, 0) for piece in range(4)], *[request(piece, 16384) for piece in range(4)])
    guest.heard()
    (link,) = stage.torrent.swarm.links
    assert len(link.uploader.queue) == 4  # The first four are being read.
    stage.node.session.apply_settings({"unchoke_slots_limit": 0})
    stage.world.advance(16)
    assert guest.heard("choke", "reject") == [
        ("choke",),
        *[("reject", piece, 16384, 16384) for piece in range(4)],
    ]
    counts = stage.node.core.statistics()
    assert counts["peer.piece_requests"] == 8
    assert counts["peer.choked_piece_requests"] == counts["peer.piece_rejects"] == 4


def test_a_round_passes_over_links_without_handshake():
    stage = Stage()
    silent = Wire(stage.world, stage.info.info_hashes.best(), host="10.8.8.8").listen()
    silent.handshake = None
    stage.world.listening["10.8.8.8", 6881] = lambda sock, address: None
    stage.torrent.connect_peer(("10.8.8.8", 6881), 0)
    guest = stage.guest(INTERESTED)
    stage.world.advance(8)
    stage.world.advance(8)
    assert stage.unchoked() == [1]
    assert not guest.is_closed
    stage.world.check()
