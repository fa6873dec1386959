from __future__ import annotations

from typing import Any

import pytest
from evtorrent.protocols.bits import Bitfield
from evtorrent.session import AddTorrentParams, TorrentFlags
from evtorrent.session.alerts import (
    HashFailedAlert,
    PeerBanAlert,
    SaveResumeDataAlert,
    SaveResumeDataFailedAlert,
)
from evtorrent.session.resume_data import read_resume_data, write_resume_data_buf
from evtorrent.session.torrent import requester, unfinished
from support.world import BLOCK, UNCHOKE, Node, Wire, World, bitfield, block, torrent_of

PIECES, EACH = 4, 4


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(requester, "_FIRST_REQUESTS", 64)  # Everything is asked for at once.
    return World()


class Leech:
    """A torrent of four pieces of four blocks, and a seed that sends the blocks a test names."""

    def __init__(self, world: World, **fields: Any) -> None:
        self.world = world
        self.node: Node = world.node(allowed_fast_set_size=0, max_out_request_queue=64)
        self.info, self.content = torrent_of(PIECES, piece_blocks_each=EACH, tail=BLOCK + 5)
        self.torrent: Any = self.node.add(self.info, **fields)
        world.pump()
        self.wire = self.meet(1)

    def meet(self, number: int) -> Wire:
        host = f"10.9.9.{number}"
        name = f"-XX0000-{host}".ljust(20, "x").encode()
        wire = Wire(self.world, self.torrent.info_hashes.best(), host=host, peer_id=name).call(self.node)
        count = self.info.num_pieces
        return wire.say(bitfield((1 << count) - 1, count), UNCHOKE)

    def send(self, *blocks: tuple[int, int], wire: Wire | None = None, spoilt: bool = False) -> None:
        """The blocks (piece, number), as if they had been asked for: they were."""
        for piece, number in blocks:
            start = piece * self.info.piece_length + number * BLOCK
            length = min(BLOCK, self.info.piece_size(piece) - number * BLOCK)
            data = self.content[start : start + length]
            (wire or self.wire).send(block(piece, number * BLOCK, bytes(length) if spoilt else data))
        self.world.pump()

    def asked(self, wire: Wire) -> set[tuple[int, int]]:
        return {(piece, begin // BLOCK) for _, piece, begin, _ in wire.heard("request")}

    def save(self) -> AddTorrentParams:
        self.node.forget_alerts()
        self.torrent.handle.save_resume_data()
        self.world.pump()
        (alert,) = self.node.alerts(SaveResumeDataAlert)
        return read_resume_data(write_resume_data_buf(alert.params))

    def finish(self, wire: Wire) -> None:
        while wanted := self.asked(wire):
            self.send(*sorted(wanted), wire=wire)


def blocks_of(params: AddTorrentParams) -> dict[int, list[int]]:
    return {piece: list(bits.indices()) for piece, bits in params.unfinished_pieces.items()}


def test_resume_data_names_the_blocks_that_came(world: World) -> None:
    leech = Leech(world)
    leech.send((0, 0), (0, 2), (1, 0), (1, 1), (1, 2), (1, 3), (4, 1))
    params = leech.save()
    assert blocks_of(params) == {0: [0, 2], 4: [1]}
    disk = bytearray(BLOCK)
    leech.node.backend.read([disk], 2 * BLOCK)
    assert disk == leech.content[2 * BLOCK : 3 * BLOCK]
    assert leech.torrent.have.count() == 1


def test_what_came_after_it_was_asked_for_is_not_in_it(world: World) -> None:
    leech = Leech(world)
    leech.send((0, 0))
    leech.node.platform.holds_disk = True
    leech.torrent.handle.save_resume_data()
    leech.send((0, 1))
    leech.node.platform.holds_disk = False
    world.pump()
    (alert,) = leech.node.alerts(SaveResumeDataAlert)
    assert blocks_of(alert.params) == {0: [0]}


def test_a_piece_that_is_complete_meanwhile(world: World) -> None:
    """Its blocks are written before the piece is, and it is not unfinished any more."""
    leech = Leech(world)
    leech.send((0, 0))
    leech.node.platform.holds_disk = True
    leech.torrent.handle.save_resume_data()
    leech.send((0, 1), (0, 2), (0, 3))
    leech.node.platform.holds_disk = False
    world.pump()
    assert leech.torrent.have[0]
    (alert,) = leech.node.alerts(SaveResumeDataAlert)
    assert not alert.params.have_pieces[0] or blocks_of(alert.params) == {}


def test_nothing_is_asked_for_twice_across_a_pause(world: World) -> None:
    leech = Leech(world)
    leech.send((0, 0), (0, 2), (2, 1))
    leech.torrent.pause()
    world.pump()
    assert blocks_of(leech.save()) == {0: [0, 2], 2: [1]}
    leech.torrent.resume()
    world.pump()
    assert leech.torrent.params.unfinished_pieces == {}
    wire = leech.meet(2)
    asked = leech.asked(wire)
    assert len(asked) == PIECES * EACH + 2 - 3
    assert not asked & {(0, 0), (0, 2), (2, 1)}
    leech.send(*sorted(asked), wire=wire)
    assert leech.torrent.is_seed
    assert leech.torrent.meters.payload_down.total == leech.info.total_size
    world.check()


def test_another_session_goes_on_from_resume_data(world: World) -> None:
    leech = Leech(world)
    leech.send((0, 0), (1, 0), (1, 1), (1, 2), (1, 3), (3, 3))
    params = leech.save()
    other = Leech(world, start=False, have_pieces=params.have_pieces)
    other.torrent.params.unfinished_pieces = params.unfinished_pieces
    other.torrent.need_storage()
    other.node.backend._pieces = leech.node.backend._pieces
    other.torrent.handle.resume()
    world.pump()
    wire = other.meet(5)
    asked = other.asked(wire)
    assert not asked & {(0, 0), (3, 3), (1, 0), (1, 1), (1, 2), (1, 3)}
    other.send(*sorted(asked), wire=wire)
    assert other.torrent.is_seed


def test_all_blocks_are_there_but_the_piece_was_never_hashed(world: World) -> None:
    leech = Leech(world, start=False)
    torrent = leech.torrent
    torrent.need_storage()
    leech.node.backend.write([leech.content[: EACH * BLOCK]], 0)
    torrent.params.have_pieces = Bitfield(leech.info.num_pieces)
    torrent.params.unfinished_pieces = {0: Bitfield(EACH, 0b1111)}
    torrent.params.flags |= TorrentFlags.no_verify_files
    torrent.flags |= TorrentFlags.no_verify_files  # Nothing is hashed as it starts.
    torrent.handle.resume()
    world.pump()
    assert list(torrent.have.indices()) == [0]


def test_blocks_that_are_bad_are_nobodys_fault(world: World) -> None:
    leech = Leech(world)
    leech.send((0, 0), spoilt=True)
    leech.torrent.pause()
    leech.torrent.resume()
    world.pump()
    wire = leech.meet(2)
    leech.finish(wire)
    assert [alert.piece_index for alert in leech.node.alerts(HashFailedAlert)] == [0]
    assert leech.node.alerts(PeerBanAlert) == []
    assert leech.torrent.is_seed


def test_blocks_that_cannot_be_read_are_fetched_again(world: World) -> None:
    leech = Leech(world)
    leech.send((0, 0))
    leech.torrent.pause()
    world.pump()
    leech.node.backend.fail_read = 5
    leech.torrent.resume()
    world.pump()
    leech.node.backend.fail_read = 0
    assert not leech.torrent.error
    wire = leech.meet(2)
    assert (0, 0) in leech.asked(wire)


def test_writing_them_fails(world: World) -> None:
    leech = Leech(world)
    leech.send((0, 0))
    leech.node.backend.fail_write = 28
    leech.torrent.handle.save_resume_data()
    world.pump()
    assert leech.node.alerts(SaveResumeDataFailedAlert)
    leech.torrent.pause()
    world.pump()
    assert leech.torrent.params.unfinished_pieces == {}


def test_a_recheck_forgets_them(world: World) -> None:
    leech = Leech(world)
    leech.send((0, 0))
    leech.torrent.pause()
    world.pump()
    leech.torrent.recheck()
    assert leech.torrent.params.unfinished_pieces == {}


def test_only_so_much_is_read_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    leech = Leech(world)
    leech.send((0, 0), (1, 0), (2, 0))
    leech.torrent.pause()
    world.pump()
    monkeypatch.setattr(unfinished, "MAX_RESTORED_BYTES", 2 * EACH * BLOCK)
    leech.torrent.resume()
    world.pump()
    assert leech.torrent.download.picker.num_blocks_here() == 2


def test_pieces_there_are_not_and_pieces_we_have(world: World) -> None:
    leech = Leech(world)
    leech.send((1, 0), (1, 1), (1, 2), (1, 3))
    leech.torrent.pause()
    odd = {1: Bitfield(4, 1), 2: Bitfield(4), 99: Bitfield(4, 1)}
    leech.torrent.params.unfinished_pieces = odd
    leech.torrent.resume()
    world.pump()
    assert leech.torrent.download.picker.num_blocks_here() == 0
    assert leech.torrent.params.unfinished_pieces == {}


def test_a_pause_while_they_are_read(world: World) -> None:
    leech = Leech(world)
    leech.send((0, 0), (0, 1))
    leech.torrent.pause()
    world.pump()
    leech.node.platform.holds_disk = True
    leech.torrent.resume()
    world.pump()
    leech.torrent.pause()
    leech.node.platform.holds_disk = False
    world.pump()
    assert blocks_of(leech.save()) == {0: [0, 1]}
    leech.torrent.resume()
    world.pump()
    assert leech.torrent.download.picker.num_blocks_here() == 2
    world.check()


def test_a_piece_that_is_begun_while_it_is_read(world: World) -> None:
    leech = Leech(world)
    leech.send((0, 0))
    leech.torrent.pause()
    world.pump()
    leech.node.platform.holds_disk = True
    leech.torrent.resume()
    wire = leech.meet(2)
    leech.send((0, 0), (0, 1), wire=wire)
    leech.node.platform.holds_disk = False
    world.pump()
    assert leech.torrent.download.picker.num_blocks_here() == 2
    leech.send((0, 2), (0, 3), wire=wire)
    assert leech.torrent.have[0]
    world.check()
