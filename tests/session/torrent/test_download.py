from __future__ import annotations

from random import Random

import pytest
from evtorrent.protocols.errors import RemoteProtocolError
from evtorrent.session.disk.buffers import BufferPool
from evtorrent.session.disk.errors import StorageError
from evtorrent.session.disk.hashing import matches
from evtorrent.session.disk.jobs import PieceResult
from evtorrent.session.torrent.download import Download
from evtorrent.session.torrent.piece_picker import PickMode, PiecePicker
from evtorrent.session.torrent.smart_ban import SmartBan
from support.disk import make_torrent

BLOCK = 16384


class Link:
    """A peer, as far as a download knows one."""

    def __init__(self, name):
        self.address = (name, 1)
        self.pick_mode = PickMode.END_GAME
        self.on_order: set[int] = set()

    def __repr__(self):
        return self.address[0]


class Stage:
    """A download, its owner and its disk, which answers when `finish` is called."""

    wants_block_news = False

    def __init__(self, size=4 * BLOCK, piece_length=2 * BLOCK):
        self.info, self.content = make_torrent(size, piece_length)
        last = self.info.piece_size(self.info.num_pieces - 1)
        self.picker = PiecePicker(
            self.info.num_pieces, -(-piece_length // BLOCK), -(-last // BLOCK), rng=Random(1)
        )
        self.buffers = BufferPool()
        self.batches = []
        self.is_congested = False
        self.log: list[tuple] = []
        self.written: dict[int, bytes] = {}
        self.download = Download(self.info, self.picker, self, self.buffers, self)  # type: ignore[arg-type]
        self.download.smart_ban = SmartBan()

    # the disk

    def submit_pieces(self, batch, on_done):
        self.batches.append((batch, on_done))
        return self.is_congested

    def finish(self, error=None):
        batch, on_done = self.batches.pop(0)
        results = []
        for job in batch:
            ok = error is None and matches(job.buffer, job.expected)
            if ok:
                self.written[job.index] = bytes(job.buffer)
            results.append(PieceResult(job.index, ok, error))
        on_done(results)

    # the owner

    def on_piece_passed(self, piece, contributors):
        self.log.append(("passed", piece, [str(link) for link in contributors]))

    def on_piece_failed(self, piece, contributors):
        self.log.append(("failed", piece, [str(link) for link in contributors]))

    def on_culprit(self, address):
        self.log.append(("culprit", address[0]))

    def on_disk_error(self, error):
        self.log.append(("disk", error.operation))

    def on_redundant(self, link, key):
        self.log.append(("redundant", str(link), key))

    def on_congested(self):
        self.log.append(("congested",))

    def on_blocks_finished(self, blocks, link):
        self.log.append(("blocks", [(piece, begin) for piece, begin, _ in blocks], str(link)))

    # peers

    def order(self, link, count=100, bits=None):
        everything = (1 << self.info.num_pieces) - 1
        runs = self.download.pick(everything if bits is None else bits, count, link)
        keys = [
            run.piece * self.download.blocks_per_piece + block
            for run in runs
            for block in range(run.first, run.first + run.count)
        ]
        link.on_order.update(keys)
        return keys

    def data(self, key, *, bad=False):
        piece, block = divmod(key, self.download.blocks_per_piece)
        begin = block * BLOCK
        start = piece * self.info.piece_length
        end = min(start + begin + BLOCK, start + self.info.piece_size(piece))
        data = self.content[start + begin : end]
        return piece, begin, memoryview(bytes(byte ^ 255 for byte in data) if bad else data)

    def send(self, link, *keys, bad=()):
        received = self.download.receive_blocks(
            [self.data(key, bad=key in bad) for key in keys], link.on_order, link
        )
        self.download.submit_complete()
        return received


def test_a_piece_is_put_together_verified_and_reported():
    stage, link = Stage(), Link("a")
    assert sorted(stage.order(link)) == [0, 1, 2, 3]
    assert stage.send(link, 1, 0) == 2 * BLOCK
    assert not stage.log
    assert not stage.picker.have[0]
    stage.finish()
    assert stage.log == [("passed", 0, ["a", "a"])]
    assert stage.picker.have[0]
    assert stage.written[0] == stage.content[: 2 * BLOCK]
    assert stage.buffers.idle_bytes == 2 * BLOCK
    assert link.on_order == {2, 3}


def test_pieces_completed_together_are_one_job():
    stage, link = Stage(), Link("a")
    stage.send(link, *stage.order(link))
    ((batch, _),) = stage.batches
    assert len(batch) == 2
    stage.finish()
    assert len(stage.log) == 2
    assert stage.picker.is_finished


def test_the_last_piece_and_block_may_be_short():
    stage, link = Stage(size=3 * BLOCK + 100), Link("a")
    keys = stage.order(link)
    assert sorted(keys) == [0, 1, 2, 3]
    stage.send(link, *keys)
    stage.finish()
    assert b"".join(stage.written[piece] for piece in (0, 1)) == stage.content


def test_pieces_that_end_in_a_short_block():
    stage, link = Stage(size=3 * 20_000, piece_length=20_000), Link("a")
    assert stage.download.has_odd_blocks
    stage.send(link, *stage.order(link))
    stage.finish()
    assert len(stage.written) == 3


def test_what_was_not_ordered_is_waste():
    stage, link = Stage(), Link("a")
    assert stage.send(link, 0) == BLOCK
    assert stage.download.num_waste_bytes == BLOCK
    assert not stage.picker.downloading()


@pytest.mark.parametrize(("piece", "begin", "size"), [(0, 5, 10), (1, 1, BLOCK)])
def test_blocks_that_begin_anywhere_are_waste(piece, begin, size):
    stage, link = Stage(), Link("a")
    stage.order(link)
    stage.download.receive_blocks([(piece, begin, memoryview(bytes(size)))], link.on_order, link)
    assert stage.download.num_waste_bytes == size
    assert len(link.on_order) == 4


@pytest.mark.parametrize(
    ("piece", "begin", "size"), [(2, 0, 10), (0, 2 * BLOCK, 1), (1, BLOCK, BLOCK + 1), (9999, 0, 0)]
)
def test_blocks_outside_the_torrent_break_the_rule(piece, begin, size):
    stage, link = Stage(), Link("a")
    with pytest.raises(RemoteProtocolError):
        stage.download.receive_blocks([(piece, begin, memoryview(bytes(size)))], link.on_order, link)


def test_a_block_of_another_length_than_asked_for_breaks_the_rule_and_may_be_had_from_others():
    stage, link, other = Stage(), Link("a"), Link("b")
    stage.order(link)
    with pytest.raises(RemoteProtocolError, match="100 bytes"):
        stage.download.receive_blocks([(0, 0, memoryview(bytes(100)))], link.on_order, link)
    assert stage.download.num_waste_bytes == 100
    assert stage.order(other) == [0]


def test_a_block_that_is_here_already_is_waste():
    stage, one, two = Stage(size=2 * BLOCK), Link("a"), Link("b")
    stage.order(one)
    assert stage.order(two)
    stage.send(one, 0)
    two.on_order.add(0)
    stage.send(two, 0)
    assert stage.download.num_waste_bytes == BLOCK


def test_in_end_game_the_other_orders_are_named():
    stage, one, two = Stage(size=2 * BLOCK), Link("a"), Link("b")
    stage.order(one)
    assert sorted(stage.order(two)) == [0, 1]
    stage.send(one, 0)
    assert ("redundant", "b", 0) in stage.log


def test_a_bad_piece_of_one_sender_is_proof():
    stage, link = Stage(), Link("a")
    stage.order(link)
    stage.send(link, 0, 1, bad=[1])
    stage.finish()
    assert stage.log == [("culprit", "a"), ("failed", 0, ["a", "a"])]
    assert stage.download.num_failed_bytes == 2 * BLOCK
    assert not stage.written
    assert stage.order(link) == [0, 1]


def test_of_many_senders_the_good_copy_tells():
    stage, good, bad, third = Stage(size=2 * BLOCK), Link("good"), Link("bad"), Link("third")
    first, second = stage.order(good, 1)[0], stage.order(bad, 1)[0]
    stage.send(good, first)
    stage.send(bad, second, bad=[second])
    stage.finish()
    assert stage.log == [("failed", 0, ["good", "bad"] if first == 0 else ["bad", "good"])]
    stage.log.clear()
    stage.send(third, *stage.order(third))
    stage.finish()
    assert stage.log == [("culprit", "bad"), ("passed", 0, ["third", "third"])]


def test_a_piece_that_cannot_be_written_is_nobodys_fault():
    stage, link = Stage(), Link("a")
    stage.order(link)
    stage.send(link, 0, 1)
    stage.finish(StorageError("write", "/disk/t", OSError(28, "No space left on device")))
    assert stage.log == [("disk", "write")]
    assert not stage.picker.have[0]
    assert stage.order(link) == [0, 1]


def test_congestion_is_told():
    stage, link = Stage(), Link("a")
    stage.is_congested = True
    stage.order(link)
    stage.send(link, 0, 1)
    assert stage.log == [("congested",)]


def test_blocks_are_news_only_for_those_who_want_them():
    stage, link = Stage(), Link("a")
    stage.wants_block_news = True
    stage.order(link)
    stage.send(link, 0)
    assert stage.log == [("blocks", [(0, 0)], "a")]


def test_stopping_drops_what_is_not_complete():
    stage, link = Stage(), Link("a")
    stage.order(link)
    stage.send(link, 0, 1, 2)
    stage.picker.peer_gone(link)
    stage.download.stop()
    assert not stage.picker.downloading() or [status.piece for status in stage.picker.downloading()] == [0]
    stage.finish()
    assert stage.log == [("passed", 0, ["a", "a"])]
    other = Link("b")
    assert stage.order(other) == [2, 3]
    stage.send(other, 2, 3)
    stage.finish()
    assert stage.picker.is_finished


def test_after_closing_nothing_is_reported():
    stage, link = Stage(), Link("a")
    stage.order(link)
    stage.send(link, 0, 1, 2)
    stage.download.close()
    stage.finish()
    assert not stage.log
    assert stage.written.keys() == {0}
    assert stage.buffers.idle_bytes == 4 * BLOCK


def test_giving_up_lets_others_have_it():
    stage, link, other = Stage(), Link("a"), Link("b")
    stage.order(link)
    stage.download.give_up(1, 1, link)
    assert stage.order(other) == [3]
    stage.picker.check_invariant()
