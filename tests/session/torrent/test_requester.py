from __future__ import annotations

from random import Random
from types import SimpleNamespace

import pytest
from evtorrent.protocols.errors import RemoteProtocolError
from evtorrent.protocols.peer.messages import Request
from evtorrent.session.disk.buffers import BufferPool
from evtorrent.session.torrent.download import Download
from evtorrent.session.torrent.piece_picker import PickMode, PiecePicker
from evtorrent.session.torrent.requester import Requester
from support.disk import make_torrent

BLOCK = 16384


class Connection:
    def __init__(self):
        self.am_interested = True
        self.peer_choking = False
        self.requests: list[tuple[int, int, int]] = []
        self.sends = 0
        self.cancels: list[tuple[int, int, int]] = []

    def send_requests(self, requests):
        self.sends += 1
        self.requests += requests

    def send_cancel(self, request):
        self.cancels.append(tuple(request))


class Owner:
    """The link's owner, the download's owner, and its disk."""

    wants_block_news = False

    def __init__(self):
        self.log = []
        self.batches = []

    def on_snubbed(self, link):
        self.log.append("snubbed")

    def on_unsnubbed(self, link):
        self.log.append("unsnubbed")

    def on_redundant(self, link, key):
        link.requester.cancel(key)

    def submit_pieces(self, batch, on_done):
        self.batches.append([job.index for job in batch])
        return False


class Stage:
    def __init__(self, pieces=100, *, tail=0, per_piece=4, **limits):
        self.info, self.content = make_torrent(pieces * per_piece * BLOCK + tail, per_piece * BLOCK)
        last = -(-self.info.piece_size(self.info.num_pieces - 1) // BLOCK)
        self.picker = PiecePicker(self.info.num_pieces, per_piece, last, rng=Random(1))
        self.picker.sequential = True
        self.owner = Owner()
        self.download = Download(self.info, self.picker, self.owner, BufferPool(), self.owner)  # type: ignore[arg-type]
        given = {
            "max_out_request_queue": 500,
            "request_queue_time": 3,
            "request_timeout": 60,
            "piece_timeout": 20,
        }
        self.limits = SimpleNamespace(**{**given, **limits})
        self.links = []
        self.link = self.new_link()
        self.now = 0.0

    def new_link(self):
        link = SimpleNamespace(
            connection=Connection(),
            owner=self.owner,
            closed=False,
            pieces=(1 << self.info.num_pieces) - 1,
            pick_mode=PickMode.END_GAME,
            address=(f"10.0.0.{len(self.links)}", 1),
        )
        link = _Link(link)
        link.requester = Requester(link, self.download, self.limits)
        self.links.append(link)
        return link

    def take(self, link=None):
        """The requests sent since the last call."""
        connection = (link or self.link).connection
        requests, connection.requests = connection.requests, []
        return requests

    def send(self, requests, link=None):
        link = link or self.link
        blocks = [
            (piece, begin, memoryview(self.content)[piece * self.info.piece_length + begin :][:length])
            for piece, begin, length in requests
        ]
        link.requester.on_blocks(blocks, self.now)
        link.requester.fill(self.now)


class _Link:
    """Hashable by identity, as links are."""

    def __init__(self, fields):
        self.__dict__.update(vars(fields))


def test_the_first_requests_leave_together_in_order():
    stage = Stage()
    stage.link.requester.fill(0)
    assert stage.take() == [(number // 4, number % 4 * BLOCK, BLOCK) for number in range(8)]
    assert stage.link.connection.sends == 1
    assert len(stage.link.requester.on_order) == 8


def test_nothing_is_asked_without_interest_or_while_choked():
    stage = Stage()
    stage.link.connection.am_interested = False
    stage.link.requester.fill(0)
    stage.link.connection.am_interested = True
    stage.link.connection.peer_choking = True
    stage.link.requester.fill(0)
    assert stage.take() == []


def test_while_choked_what_it_allows_is_asked():
    stage = Stage()
    stage.link.connection.peer_choking = True
    stage.link.requester.allowed_fast |= {5, 7}
    stage.link.requester.fill(0)
    assert {piece for piece, *_ in stage.take()} == {5, 7}


def test_a_link_that_ended_orders_nothing():
    stage = Stage(pieces=1)
    stage.link.closed = True
    stage.link.requester.fill(0)
    assert stage.take() == []
    assert not stage.link.requester.on_order


def test_the_pipeline_doubles_each_round_trip_up_to_the_limit():
    stage = Stage(max_out_request_queue=50)
    stage.link.requester.fill(0)
    sizes = []
    for _ in range(6):
        requests = stage.take()
        sizes.append(len(requests))
        stage.send(requests)
    assert sizes == [8, 16, 32, 50, 50, 50]


def test_a_peer_that_says_how_many_it_holds_gets_no_more():
    stage = Stage()
    stage.link.requester.set_remote_limit(5)
    stage.link.requester.fill(0)
    assert len(stage.take()) == 5
    stage.link.requester.set_remote_limit(0)
    assert stage.link.requester.target == 1


def test_an_unknown_queue_is_taken_for_250():
    stage = Stage(pieces=400)
    stage.link.requester.fill(0)
    for _ in range(7):
        stage.send(stage.take())
    assert stage.link.requester.target == 250


def test_a_long_queue_is_not_topped_up_by_single_blocks():
    stage = Stage()
    stage.link.requester.fill(0)
    for _ in range(3):
        stage.send(stage.take())
    requests = stage.take()
    before = stage.link.connection.sends
    for request in requests[:4]:
        stage.send([request])
    assert stage.link.connection.sends <= before + 1


def test_after_slow_start_the_rate_decides():
    stage = Stage()
    requester = stage.link.requester
    requester.tick(1, 1_000_000)
    assert requester.target == 8
    requester.tick(2, 1_001_000)
    assert requester.target == 3 * 1_001_000 // BLOCK
    requester.tick(3, 100)
    assert requester.target == 2


def test_the_short_end_of_a_torrent_is_asked_as_it_is():
    stage = Stage(pieces=1, tail=BLOCK + 100)
    stage.link.requester.fill(0)
    assert stage.take()[-2:] == [(1, 0, BLOCK), (1, BLOCK, 100)]


def test_rejected_blocks_may_be_had_from_others_and_end_what_was_allowed():
    stage = Stage(pieces=1)
    requester = stage.link.requester
    requester.allowed_fast.add(0)
    requester.fill(0)
    requester.on_rejected(Request(0, BLOCK, BLOCK))
    requester.on_rejected(Request(0, BLOCK, BLOCK))
    assert requester.on_order == {0, 2, 3}
    assert not requester.allowed_fast
    other = stage.new_link()
    other.requester.fill(0)
    assert stage.take(other) == [(0, BLOCK, BLOCK)]


def test_a_choke_without_bep6_loses_all_requests():
    stage = Stage(pieces=1)
    stage.link.requester.fill(0)
    stage.link.requester.on_choked(keeps_requests=True)
    assert len(stage.link.requester.on_order) == 4
    stage.link.requester.on_choked(keeps_requests=False)
    assert not stage.link.requester.on_order
    other = stage.new_link()
    other.requester.fill(0)
    assert len(stage.take(other)) == 4


def test_end_game_orders_are_cancelled_when_the_block_came():
    stage = Stage(pieces=1)
    stage.link.requester.fill(0)
    other = stage.new_link()
    other.requester.fill(0)
    assert len(stage.take(other)) == 4
    stage.send([(0, 0, BLOCK)])
    assert other.connection.cancels == [(0, 0, BLOCK)]
    assert 0 not in other.requester.on_order
    other.requester.cancel(0)
    assert len(other.connection.cancels) == 1


def test_a_peer_that_sends_nothing_is_snubbed_and_asked_for_one_block():
    stage = Stage(pieces=3)
    requester = stage.link.requester
    requester.fill(100)
    stage.take()
    requester.tick(119, 0)
    assert not requester.snubbed
    requester.tick(121, 0)
    assert requester.snubbed
    assert stage.owner.log == ["snubbed"]
    assert not requester.on_order
    requester.tick(200, 0)
    assert stage.owner.log == ["snubbed"]
    requester.fill(200)
    assert len(stage.take()) == 1
    requester.fill(200)
    assert stage.take() == []


def test_one_block_ends_the_snub():
    stage = Stage(pieces=3)
    requester = stage.link.requester
    requester.fill(0)
    stage.take()
    requester.tick(21, 0)
    requester.fill(30)
    stage.now = 31
    stage.send(stage.take())
    assert stage.owner.log == ["snubbed", "unsnubbed"]
    assert requester.target == 2


def test_late_blocks_after_a_snub_are_waste():
    stage = Stage(pieces=3)
    requester = stage.link.requester
    requester.fill(0)
    late = stage.take()
    requester.tick(21, 0)
    stage.send(late[:1])
    assert stage.download.num_waste_bytes == BLOCK


def test_single_late_blocks_go_to_others_while_the_rest_flows():
    stage = Stage(pieces=100, request_timeout=30, piece_timeout=1000)
    requester = stage.link.requester
    requester.fill(0)
    _missing, *rest = stage.take()
    stage.now = 10
    stage.send(rest)
    requester.tick(29, 1000)
    assert 0 in requester.on_order
    stage.send(stage.take())
    requester.tick(31, 1000)
    assert 0 not in requester.on_order
    other = stage.new_link()
    other.requester.fill(31)
    assert (0, 0, BLOCK) in stage.take(other)


def test_blocks_outside_the_torrent_end_the_peer_but_lose_nothing():
    stage = Stage(pieces=1)
    stage.link.requester.fill(0)
    requests = stage.take()
    stage.send(requests[:3])
    block = (0, 3 * BLOCK, memoryview(stage.content)[3 * BLOCK :])
    with pytest.raises(RemoteProtocolError):
        stage.link.requester.on_blocks([block, (77, 0, memoryview(b"x"))], 0)
    assert stage.owner.batches == [[0]]


def test_nothing_left_to_ask_sends_nothing():
    stage = Stage(pieces=1)
    stage.link.pieces = 0
    stage.link.requester.fill(0)
    assert stage.link.connection.sends == 0


def test_what_is_gone_is_given_up():
    stage = Stage(pieces=1)
    stage.link.requester.fill(0)
    stage.link.requester.drop_all()
    assert not stage.link.requester.on_order
    stage.picker.check_invariant()
    assert all(status.num_requested == 0 for status in stage.picker.downloading())


def test_late_blocks_are_cancelled():
    stage = Stage(pieces=100, request_timeout=30, piece_timeout=1000)
    requester = stage.link.requester
    requester.fill(0)
    _missing, *rest = stage.take()
    stage.send(rest)
    stage.send(stage.take()[:1])
    requester.tick(31, 1000)
    assert (0, 0, BLOCK) in stage.link.connection.cancels
    assert len(stage.link.connection.cancels) == len(set(stage.link.connection.cancels))
    stage.picker.check_invariant()


def test_a_snubbed_peer_is_spared_what_it_did_not_send():
    stage = Stage(pieces=1)
    stage.link.requester.fill(0)
    asked = stage.take()
    stage.link.requester.tick(21, 0)
    assert stage.link.connection.cancels == asked
    assert not stage.link.requester.on_order


@pytest.mark.parametrize("how", ["choked", "rejected"])
def test_a_block_ordered_again_is_as_old_as_its_last_order(how):
    stage = Stage(pieces=1, request_timeout=30, piece_timeout=1000)
    requester = stage.link.requester
    requester.fill(0)
    if how == "choked":
        requester.on_choked(keeps_requests=False)
    else:
        for block in range(4):
            requester.on_rejected(Request(0, block * BLOCK, BLOCK))
    requester.fill(25)
    requester.tick(31, 1000)
    assert len(requester.on_order) == 4
    assert stage.link.connection.cancels == []
    requester.tick(56, 1000)
    assert not requester.on_order


def test_time_in_which_we_do_not_read_is_not_the_peers():
    stage = Stage(pieces=3, request_timeout=30)
    requester = stage.link.requester
    requester.fill(0)
    for now in range(1, 101):
        requester.excuse(now, 1)
        requester.tick(now, 0)
    assert stage.owner.log == []
    assert len(requester.on_order) == 8
    requester.tick(119, 0)
    assert not requester.snubbed
    requester.tick(121, 0)
    assert requester.snubbed


def test_blocks_ordered_before_a_pause_are_late_after_the_rest_of_their_time():
    stage = Stage(pieces=1, request_timeout=30, piece_timeout=1000)
    requester = stage.link.requester
    requester.fill(0)
    requester.excuse(50, 50)
    requester.tick(79, 0)
    assert len(requester.on_order) == 4
    requester.tick(81, 0)
    assert not requester.on_order
