from __future__ import annotations

from random import Random
from types import SimpleNamespace

import pytest
from evtorrent.protocols.bits import Bitfield
from evtorrent.protocols.errors import RemoteProtocolError
from evtorrent.protocols.peer.connection import PeerConnection, ReceiveBuffer
from evtorrent.protocols.peer.handshake import Capability, Handshake
from evtorrent.protocols.peer.messages import Request
from evtorrent.protocols.transport.memory import memory_pair
from evtorrent.protocols.types import PeerId
from evtorrent.session.disk.buffers import BufferPool
from evtorrent.session.torrent.download import Download
from evtorrent.session.torrent.link_end import LinkEnded, PeerHungUp
from evtorrent.session.torrent.peer_link import LinkOwner, PeerLink, ReadBlock
from evtorrent.session.torrent.piece_picker import PiecePicker
from evtorrent.session.torrent.rates import TransferMeters
from evtorrent.session.torrent.requester import Requester
from evtorrent.session.torrent.uploader import SlabPool, Uploader
from support.disk import make_torrent
from support.engine_kit import Host, make_engine

BLOCK = 16384
BOTH = Capability.FAST | Capability.EXTENSION


class Owner(LinkOwner):
    """Serves what is asked for, takes what comes, and writes down the rest."""

    wants_block_news = False

    def __init__(self, side):
        self.side = side
        self.log: list[tuple] = []
        self.error = None

    def __getattribute__(self, name):
        if name in _NEWS:
            return lambda link, *args: self.log.append((name.removeprefix("on_"), *args))
        return object.__getattribute__(self, name)

    def on_handshake(self, link, event):
        self.log.append(("handshake", bytes(event.peer_id[:3])))
        if not link.outgoing:
            link.connection.accept(self.side.handshake)
        link.connection.send_pieces(self.side.have)
        if link.connection.supports_extensions:
            link.connection.send_extension_handshake({"reqq": 3})

    def on_closed(self, link, error):
        self.error = error
        self.log.append(("closed",))

    def on_pieces(self, link, bits):
        link.pieces = bits
        self.side.update_interest()

    def on_have(self, link, piece):
        self.log.append(("have", piece))
        self.side.update_interest()

    def on_interest_changed(self, link):
        if self.side.serves:
            link.choke(not link.is_interested, link.last_received)

    def on_requests(self, link, requests):
        if link.connection.am_choking:
            for request in requests:
                link.connection.send_reject(request)
        else:
            link.uploader.queue.extend(requests)

    def on_redundant(self, link, key):
        link.requester.cancel(key)

    def submit_pieces(self, batch, on_done):
        for job in batch:
            self.side.got[job.index] = bytes(job.buffer)
        return False


_NEWS = {
    "on_choke_changed",
    "on_cancelled",
    "on_extension_handshake",
    "on_extension_message",
    "on_port",
    "on_suggest",
    "on_snubbed",
    "on_unsnubbed",
    "on_idle",
}


class Side:
    """One end: a link with a pipeline each way, over half of a memory pair."""

    def __init__(self, stage, transport, *, outgoing, complete, capabilities):
        self.stage = stage
        info = stage.info
        self.have = Bitfield(info.num_pieces)
        if complete:
            self.have.set_all()
        self.serves = True
        self.got: dict[int, bytes] = {}
        self.handshake = Handshake.with_capabilities(
            info.info_hashes.best(), PeerId(b"-%s-" % (b"A" if outgoing else b"B") + bytes(17)), capabilities
        )
        self.owner = Owner(self)
        connection = PeerConnection(buffer=stage.buffer, local=self.handshake if outgoing else None)
        connection.set_num_pieces(info.num_pieces, info.piece_length, info.total_size)
        self.link = PeerLink(
            self.owner,
            transport,
            connection,
            address=("10.0.0.1", 1),
            outgoing=outgoing,
            now=stage.platform.now,
        )
        last = -(-info.piece_size(info.num_pieces - 1) // BLOCK)
        picker = PiecePicker(info.num_pieces, -(-info.piece_length // BLOCK), last, rng=Random(1))
        picker.set_have(self.have.bits)
        self.download = Download(info, picker, self.owner, BufferPool(), self.owner)
        self.limits = SimpleNamespace(
            max_out_request_queue=500, request_queue_time=3, request_timeout=60, piece_timeout=20
        )
        self.link.requester = Requester(self.link, self.download, self.limits)
        self.errors = []
        self.link.uploader = Uploader(
            stage,
            info.piece_length,
            SlabPool(),
            on_ready=lambda: self.link.flush(stage.platform.now),
            on_error=self.errors.append,
        )
        transport.set_user(self.link)

    def update_interest(self):
        link = self.link
        link.connection.send_interested(self.download.picker.is_interesting(link.pieces))
        link.requester.fill(self.stage.platform.now)

    def heard(self, *names):
        return [item for item in self.owner.log if item[0] in names]


class Stage:
    """Two links that talk, A dialled."""

    def __init__(self, *, pieces=4, limit=64 * 1024, a=BOTH, b=BOTH, b_complete=True, is_cached=True):
        self.multi, self.platform = make_engine()
        self.host = Host(self.multi)
        self.raised = []
        self.multi.on_error = lambda what, error: self.raised.append(error)
        self.info, self.content = make_torrent(pieces * 2 * BLOCK, 2 * BLOCK)
        self.buffer = ReceiveBuffer()
        self.is_cached = is_cached
        self.pending = []
        one, two = memory_pair(self.multi, limit=limit)
        self.a = Side(self, one, outgoing=True, complete=False, capabilities=a)
        self.b = Side(self, two, outgoing=False, complete=b_complete, capabilities=b)

    def preadv_nowait(self, buffers, offset):
        if self.is_cached:
            self._fill(buffers, offset)
        return self.is_cached

    def submit_read(self, buffers, offset, on_done):
        self.pending.append((buffers, offset, on_done))

    def finish_read(self, error=None):
        buffers, offset, on_done = self.pending.pop(0)
        self._fill(buffers, offset)
        on_done(error)

    def _fill(self, buffers, offset):
        for buffer in buffers:
            buffer[:] = self.content[offset : offset + len(buffer)]
            offset += len(buffer)

    def run(self, rounds=2000):
        for _ in range(rounds):
            self.host.timeout()
            if self.multi.timeout() != 0:
                return
        raise AssertionError("they talk for ever")

    def pass_time(self, seconds, step=1.0):
        for _ in range(int(seconds / step)):
            self.platform.now += step
            self.run()
            for side in (self.a, self.b):
                if not side.link.closed:
                    side.link.tick(self.platform.now, step)
            self.run()

    def got_all(self):
        return b"".join(self.a.got[piece] for piece in sorted(self.a.got)) == self.content


@pytest.mark.parametrize("limit", [64 * 1024, 1000, 37, 1 << 20])
@pytest.mark.parametrize("capabilities", [BOTH, Capability(0)])
def test_a_whole_torrent_is_exchanged(limit, capabilities):
    stage = Stage(limit=limit, a=capabilities, pieces=2 if limit < 100 else 20)
    stage.run()
    assert stage.got_all()
    assert stage.a.link.meters.payload_down.total == len(stage.content)
    assert stage.b.link.meters.payload_up.total == len(stage.content)
    assert stage.a.link.meters.down.total == stage.b.link.meters.up.total
    assert stage.a.heard("idle")
    assert not stage.raised


def test_the_handshakes_come_first_and_once():
    stage = Stage()
    stage.run()
    assert stage.a.owner.log[0] == ("handshake", b"-B-")
    assert stage.b.owner.log[0] == ("handshake", b"-A-")
    assert stage.a.link.peer_id == stage.b.handshake.peer_id


def test_what_the_peer_holds_bounds_the_pipeline():
    stage = Stage()
    stage.run()
    assert stage.a.heard("extension_handshake")
    assert stage.a.link.requester.target == 3


def test_slabs_grow_while_the_link_takes_them():
    stage = Stage(pieces=200, limit=1 << 22, a=Capability(0))
    stage.run()
    assert stage.got_all()
    assert stage.b.link._slab_size == 64 * BLOCK


def test_slabs_shrink_when_little_of_one_leaves():
    stage = Stage(pieces=200, limit=1 << 22, a=Capability(0))
    stage.run()
    link = stage.b.link
    link.transport._out.limit = 1000
    link.uploader.queue.extend(Request(piece, begin, BLOCK) for piece in range(100) for begin in (0, BLOCK))
    stage.a.link.transport.suspend_reading(ReadBlock.DISK)
    link.flush(stage.platform.now)
    assert link._slab_size == 32 * BLOCK


def test_cold_blocks_are_sent_when_they_come():
    stage = Stage(is_cached=False)
    stage.run()
    while stage.pending:
        stage.finish_read()
        stage.run()
    assert stage.got_all()


def test_a_read_error_is_told_and_sends_nothing():
    stage = Stage(is_cached=False)
    stage.run()
    while stage.pending:
        stage.finish_read(OSError("bad"))
    stage.run()
    assert len(stage.b.errors) == 1
    assert not stage.a.got


def test_messages_behind_a_partly_sent_slab_keep_their_order():
    stage = Stage(limit=5000)
    stage.b.serves = False
    stage.run()
    stage.b.link.choke(False, stage.platform.now)
    stage.a.link.transport.suspend_reading(ReadBlock.DISK)
    stage.run()
    stage.b.link.connection.send_have(0)
    stage.b.link.connection.send_port(1)
    stage.b.link.connection.send_have(1)
    stage.b.link.flush(stage.platform.now)
    stage.a.link.transport.resume_reading(ReadBlock.DISK)
    stage.run()
    assert stage.got_all()
    assert not stage.a.owner.error


def test_small_messages_that_wait_are_joined():
    stage = Stage(limit=20, b_complete=False)
    stage.b.serves = False
    stage.run()
    connection = stage.b.link.connection
    stage.a.link.transport.suspend_reading(ReadBlock.DISK)
    for piece in range(4):
        connection.send_have(piece)
        stage.b.link.flush(stage.platform.now)
    stage.a.link.transport.resume_reading(ReadBlock.DISK)
    stage.run()
    assert stage.a.heard("have") == [("have", piece) for piece in range(4)]


def test_a_piece_told_twice_counts_once():
    stage = Stage(b_complete=False)
    stage.run()
    for _ in range(2):
        stage.b.link.connection.send_have(2)
    stage.b.link.flush(stage.platform.now)
    stage.run()
    assert stage.a.heard("have") == [("have", 2)]


@pytest.mark.parametrize("capabilities", [BOTH, Capability(0)])
def test_choking_with_requests_on_order(capabilities):
    stage = Stage(is_cached=False, a=capabilities, pieces=8)
    stage.run()
    ordered = len(stage.a.link.requester.on_order)
    asked = len(stage.b.link.uploader.queue)
    stage.b.link.uploader.queue.append(Request(7, 0, BLOCK))
    dropped = stage.b.link.choke(True, stage.platform.now)
    assert dropped == asked + 1
    assert stage.b.link.choke(True, stage.platform.now) == 0
    stage.run()
    assert len(stage.a.heard("choke_changed")) == 2
    left = stage.a.link.requester.on_order
    # What is being read will come; with BEP 6 it is still on order, without it is lost.
    assert len(left) == (ordered - asked if capabilities else 0)


def test_unchoking_marks_the_moment():
    stage = Stage()
    stage.run()
    link = stage.b.link
    assert link.last_unchoked == stage.platform.now
    link.optimistic = True
    link.choke(True, stage.platform.now)
    assert not link.optimistic
    link.choke(False, stage.platform.now + 5)
    assert link.last_unchoked == stage.platform.now + 5
    assert link.unchoked_payload == len(stage.content)


def test_a_cancelled_request_is_answered_with_a_reject():
    stage = Stage(is_cached=False)
    stage.run()
    assert stage.pending  # The pipeline is being read; what comes now waits.
    link = stage.b.link
    request = Request(3, 0, BLOCK)
    link.uploader.queue.append(request)
    before = stage.a.link.meters.down.total
    stage.a.link.connection.send_cancel(request)
    stage.a.link.connection.send_cancel(Request(1, 0, BLOCK))
    stage.a.link.flush(stage.platform.now)
    stage.run()
    assert stage.b.heard("cancelled") == [("cancelled",)]
    assert request not in link.uploader.queue
    assert stage.a.link.meters.down.total == before + 17


def test_rejected_requests_are_asked_again_or_not():
    stage = Stage()
    stage.b.serves = False
    stage.run()
    stage.a.link.connection.peer_choking = False
    stage.a.link.requester.fill(stage.platform.now)
    stage.a.link.connection.peer_choking = True
    stage.a.link.flush(stage.platform.now)
    stage.run()
    assert not stage.a.link.requester.on_order


def test_allowed_fast_pieces_come_while_choked():
    stage = Stage()
    stage.b.serves = False
    stage.run()
    assert not stage.a.got
    stage.b.link.connection.am_choking = False
    stage.b.link.connection.send_allowed_fast(2)
    stage.b.link.connection.send_suggest(3)
    stage.b.link.flush(stage.platform.now)
    stage.run()
    assert stage.a.got.keys() == {2}
    assert stage.a.heard("suggest") == [("suggest", 3)]


def test_no_more_than_a_hundred_pieces_are_allowed_fast():
    stage = Stage(pieces=120)
    stage.b.serves = False
    stage.run()
    for piece in range(120):
        stage.b.link.connection.send_allowed_fast(piece)
    stage.b.link.flush(stage.platform.now)
    stage.run()
    assert len(stage.a.link.requester.allowed_fast) <= 100


def test_the_port_of_a_dht_node():
    stage = Stage(a=BOTH | Capability.DHT)
    stage.run()
    stage.b.link.connection.send_port(700)
    stage.b.link.flush(stage.platform.now)
    stage.run()
    assert stage.a.heard("port") == [("port", 700)]


def test_a_link_without_pipelines_survives_every_message():
    stage = Stage()
    stage.b.serves = False
    for side in (stage.a, stage.b):
        side.link.requester = side.link.uploader = None
        side.update_interest = lambda: None
    stage.run()
    connection = stage.a.link.connection
    connection.send_allowed_fast(1)
    connection.send_cancel(Request(0, 0, BLOCK))
    connection.send_choke(False)
    connection.send_reject(Request(0, 0, BLOCK))
    stage.a.link.flush(stage.platform.now)
    stage.run()
    stage.a.link.choke(True, stage.platform.now)
    stage.pass_time(2)
    stage.run()
    assert stage.a.owner.error is stage.b.owner.error is None
    stage.a.link.close(LinkEnded(0))


def test_a_block_to_a_link_that_downloads_nothing_ends_it():
    stage = Stage()
    stage.run()
    stage.a.link.requester = None
    stage.b.link.uploader.queue.append(Request(0, 0, BLOCK))
    stage.b.link.flush(stage.platform.now)
    stage.run()
    assert isinstance(stage.a.owner.error, RemoteProtocolError)


def test_a_keep_alive_after_a_hundred_seconds_of_silence():
    stage = Stage()
    stage.run()
    sent = stage.b.link.meters.up.total
    stage.pass_time(100, step=10)
    assert stage.b.link.meters.up.total == sent
    stage.pass_time(10, step=10)
    assert stage.b.link.meters.up.total == sent + 4


def test_meters_are_handed_on_at_the_tick():
    stage = Stage()
    above = SimpleNamespace(meters=TransferMeters())
    stage.run()
    stage.a.link.torrent = above
    stage.pass_time(1)
    assert above.meters.payload_down.total == len(stage.content)
    assert stage.a.link.meters.payload_down.rate > 0


def test_a_peer_that_hangs_up():
    stage = Stage()
    stage.run()
    stage.b.link.close(LinkEnded(0))
    stage.b.link.close(LinkEnded(0))
    stage.run()
    assert isinstance(stage.a.owner.error, PeerHungUp)
    assert stage.b.heard("closed") == [("closed",)]
    assert stage.a.link.closed
    stage.a.link.flush(stage.platform.now)


def test_a_connection_that_breaks_while_reading_and_sending():
    stage = Stage()
    stage.run()
    stage.b.link.transport.abort()
    stage.a.link.connection.send_have(0)
    stage.a.link.flush(stage.platform.now)
    assert "reset" in str(stage.a.owner.error)
    other = Stage()
    other.run()
    other.b.link.transport.abort()
    other.run()
    assert "reset" in str(other.a.owner.error)


def test_a_transport_that_ends_behind_our_back():
    stage = Stage()
    stage.run()
    stage.a.link.on_closed(LinkEnded(0, "timed out"), stage.platform.now)
    assert str(stage.a.owner.error) == "timed out"


def test_closing_gives_slabs_and_orders_back():
    stage = Stage(limit=1000)
    for _ in range(12):
        stage.host.timeout()
    stage.b.link.close(LinkEnded(0))
    stage.a.link.close(LinkEnded(0))
    assert not stage.a.link.requester.on_order
    assert stage.b.link.uploader.closed
    stage.a.download.picker.check_invariant()


def test_nonsense_ends_the_link_with_the_rule_that_was_broken():
    stage = Stage()
    stage.run()
    stage.b.link.transport.send(b"\0\0\0\x05\x04\0\0\xff\xff")
    stage.run()
    assert isinstance(stage.a.owner.error, RemoteProtocolError)
    assert "65535" in str(stage.a.owner.error)
    assert not stage.raised


@pytest.mark.slow
def test_answers_nobody_reads_do_not_pile_up():
    stage = Stage(pieces=100, limit=1000)
    stage.b.serves = False
    stage.run()
    stage.a.link.transport.suspend_reading(ReadBlock.DISK)
    a, b = stage.a.link, stage.b.link
    requests = [(piece, begin, BLOCK) for piece in range(100) for begin in (0, BLOCK)]
    for _ in range(1500):
        a.connection.send_requests(requests)
        a.flush(stage.platform.now)
        stage.run()
        if b.transport.read_suspended & ReadBlock.BACKLOG:
            break
    assert b.transport.read_suspended & ReadBlock.BACKLOG
    assert sum(map(len, b._queue)) < 3 << 20
    a.transport.resume_reading(ReadBlock.DISK)
    stage.run(100_000)
    assert not b.transport.read_suspended


def test_repr():
    assert repr(Stage().a.link) == "PeerLink(10.0.0.1:1)"


class Quota:
    """Grants `room` bytes each way."""

    def __init__(self, room):
        self.room = room
        self.returned = 0

    def take_down(self, link, wanted):
        return min(self.room, wanted)

    take_up = take_down

    def return_down(self, link, unused):
        self.returned += unused

    return_up = return_down


def test_a_quota_bounds_each_read_and_send():
    stage = Stage(pieces=1)
    stage.a.link.quota = Quota(1000)
    stage.run()
    assert stage.got_all()
    assert stage.a.link.quota.returned > 0


def test_a_link_out_of_quota_waits_for_the_limiter_not_for_the_transport():
    stage = Stage(pieces=1)
    stage.b.link.quota = Quota(1000)
    stage.run()
    assert not stage.got_all()
    for _ in range(50):
        stage.b.link.flush(stage.platform.now)
        stage.run()
    assert stage.got_all()
    stage.a.link.quota = Quota(0)
    sent = stage.a.link.meters.up.total
    stage.a.link.connection.send_have(0)
    stage.a.link.flush(stage.platform.now)
    assert stage.a.link.meters.up.total == sent


def test_nothing_is_read_without_quota():
    stage = Stage(pieces=1)
    stage.run()
    stage.a.link.quota = Quota(0)
    total = stage.a.link.meters.down.total
    stage.a.link.on_readable(stage.platform.now)
    assert stage.a.link.meters.down.total == total


def test_quota_that_the_transport_did_not_take_goes_back():
    stage = Stage(pieces=1, limit=500)
    stage.b.link.quota = Quota(10_000)
    stage.run()
    assert stage.got_all()
    assert stage.b.link.quota.returned > 0
