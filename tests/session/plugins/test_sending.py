from __future__ import annotations

import pytest
from evtorrent.protocols.bits import Bitfield
from evtorrent.protocols.peer.connection import PeerConnection
from evtorrent.protocols.peer.messages import Request
from evtorrent.session.plugins.sending import ObservedConnection
from support.connection_pair import ConnectionPair

BLOCK = Request(1, 0, 16384)  # type: ignore[arg-type]


class Ear:
    """The plug-ins, as far as a connection knows them."""

    def __init__(self, hooks=(), takes=()):
        self.hooks, self.taken = set(hooks), set(takes)
        self.heard: list[tuple] = []

    def hears(self, hook):
        return hook in self.hooks

    def tell(self, hook, *args):
        self.heard.append((hook, *args))

    def takes(self, hook, *args):
        return args[0] in self.taken


def observed(ear, **fields):
    pair = ConnectionPair(**fields)
    pair.client.__class__ = ObservedConnection
    pair.client.owner_data = ear
    return pair


@pytest.mark.parametrize(
    ("say", "told"),
    [
        (lambda c: c.send_choke(False), ("sent_unchoke",)),
        (lambda c: c.send_interested(True), ("sent_interested",)),
        (lambda c: c.send_pieces(Bitfield.full(10)), ("sent_have_all",)),
        (lambda c: c.send_pieces(Bitfield(10)), ("sent_have_none",)),
        (lambda c: c.send_have(3), ("sent_have", 3)),
        (lambda c: c.send_cancel(BLOCK), ("sent_cancel", BLOCK)),
        (lambda c: c.send_reject(BLOCK), ("sent_reject_request", BLOCK)),
        (lambda c: c.send_allowed_fast(3), ("sent_allow_fast", 3)),
        (lambda c: c.send_suggest(3), ("sent_suggest", 3)),
    ],
)
def test_what_is_sent_is_told(say, told):
    ear = Ear()
    pair = observed(ear)
    say(pair.client)
    assert ear.heard == [told]
    assert pair.client.has_data_to_send


def test_what_changes_nothing_is_not_told():
    ear = Ear()
    pair = observed(ear)
    pair.client.send_choke(True)
    pair.client.send_interested(False)
    pair.client.send_pieces(Bitfield.from_indices(10, [1]))
    assert ear.heard == []


def test_requests_are_told_one_by_one_without_those_that_are_taken():
    ear = Ear(["sent_request"], [(2, 0, 16384)])
    pair = observed(ear)
    before = pair.client.counts.sent[6]
    pair.client.send_requests([(1, 0, 16384), (2, 0, 16384)])
    assert ear.heard == [("sent_request", BLOCK)]
    assert pair.client.counts.sent[6] == before + 1


def test_of_requests_that_are_all_taken_nothing_is_sent():
    ear = Ear([], [(1, 0, 16384)])
    pair = observed(ear)
    pair.client.data_to_send()
    pair.client.send_requests([BLOCK])
    assert not pair.client.has_data_to_send


def test_it_is_laid_out_as_the_plain_connection():
    assert ObservedConnection.__basicsize__ == PeerConnection.__basicsize__
