"""What is known of another node."""

from __future__ import annotations

from random import Random

from evtorrent.protocols.dht.contact import NEVER, UNKNOWN_RTT, Contact
from evtorrent.protocols.dht.node_id import NodeId, generate_node_id


def contact(host: str = "1.2.3.4") -> Contact:
    return Contact(generate_node_id(host, Random(1)), (host, 5))


def test_somebody_heard_of() -> None:
    heard = contact()
    assert (heard.is_pinged, heard.is_confirmed, heard.is_verified) == (False, False, True)
    assert (heard.last_asked, heard.rtt) == (NEVER, UNKNOWN_RTT)
    assert heard.packed == heard.node_id + bytes((1, 2, 3, 4, 0, 5))
    heard.failed()
    assert not heard.is_pinged


def test_answers_and_failures() -> None:
    known = contact()
    known.answered(0.3, 7.0)
    assert (known.is_pinged, known.is_confirmed, known.rtt, known.last_asked) == (True, True, 0.3, 7.0)
    known.failed()
    assert (known.is_pinged, known.is_confirmed, known.fail_count) == (True, False, 1)
    known.answered(0.6, 8.0)
    assert 0.3 < known.rtt < 0.6
    assert known.is_confirmed
    known.answered(None, 9.0)
    assert 0.3 < known.rtt < 0.6


def test_verified_and_quick_ones_are_better() -> None:
    good, unverified = contact(), Contact(NodeId(bytes(20)), ("1.2.3.4", 5))
    slow = contact()
    good.answered(0.1, 0.0)
    slow.answered(0.5, 0.0)
    unverified.answered(0.05, 0.0)
    assert good.badness < slow.badness < unverified.badness


def test_repr() -> None:
    assert repr(Contact(NodeId(b"\xab" * 20), ("1.2.3.4", 5))) == "<Contact abababab 1.2.3.4:5>"
