"""A conversation with one question, fed in every way."""

from __future__ import annotations

import pytest
from evtorrent.protocols.dialogue import Dialogue, Script
from evtorrent.protocols.errors import LocalProtocolError, RemoteProtocolError
from support.feeding import ways_to_cut


class Greeting(Dialogue):
    """Says a question, skips noise up to "->", takes two bytes."""

    def _talk(self) -> Script:
        self._output += b"who?"
        if not (yield from self._skip_to(b"->", 4)):
            raise RemoteProtocolError("no arrow")
        self.answer = yield from self._take(2)
        self._output += b"hello " + self.answer


def feed(dialogue: Dialogue, chunks: list[bytes]) -> bytes:
    """Feeds until it is done; gives what was not fed and what it left."""
    left = b""
    for chunk in chunks:
        if dialogue.is_done:
            left += chunk
        else:
            dialogue.receive_data(chunk)
    return dialogue.take_rest() + left


def test_it_speaks_first_and_leaves_what_comes_behind() -> None:
    for how, chunks in ways_to_cut(b"--->me and more"):
        greeting = Greeting()
        assert greeting.data_to_send() == b"who?"
        assert greeting.data_to_send() == b""
        assert feed(greeting, chunks) == b" and more", how
        assert greeting.data_to_send() == b"hello me"
        assert greeting.take_rest() == b""


def test_the_search_has_a_limit() -> None:
    for noise, is_found in ((b"", True), (b"1234", True), (b"12345", False)):
        for how, chunks in ways_to_cut(noise + b"->me"):
            greeting = Greeting()
            if is_found:
                feed(greeting, chunks)
                assert greeting.answer == b"me", how
            else:
                with pytest.raises(RemoteProtocolError, match="no arrow"):
                    feed(greeting, chunks)


def test_after_the_end_nothing_may_be_fed() -> None:
    done, failed = Greeting(), Greeting()
    done.receive_data(b"->me")
    with pytest.raises(RemoteProtocolError):
        failed.receive_data(b"some noise")
    for greeting in (done, failed):
        with pytest.raises(LocalProtocolError, match="over"):
            greeting.receive_data(b"x")
    assert not failed.is_done
