"""Nearest contacts, against sorting all of them."""

from __future__ import annotations

from random import Random

from evtorrent.protocols.dht.contact import Contact
from evtorrent.protocols.dht.nearest import SortedContacts
from evtorrent.protocols.dht.node_id import NodeId
from hypothesis import given
from hypothesis import strategies as st

IDS = st.sets(st.binary(min_size=20, max_size=20) | st.integers(0, 4000).map(lambda n: n.to_bytes(20, "big")))


def contacts(ids: set[bytes]) -> list[Contact]:
    made = [Contact(NodeId(node_id), ("1.2.3.4", 1 + n)) for n, node_id in enumerate(sorted(ids))]
    for index, contact in enumerate(made):
        if index % 3:
            contact.answered(0.1, 0.0)
    return made


@given(IDS, st.binary(min_size=20, max_size=20) | st.integers(0, 4000).map(lambda n: n.to_bytes(20, "big")))
def test_nearest_is_what_sorting_gives(ids: set[bytes], target: bytes) -> None:
    sorted_contacts = SortedContacts()
    made = contacts(ids)
    for contact in made:
        sorted_contacts.add(contact)
    number = int.from_bytes(target, "big")
    for confirmed in (True, False):
        wanted = [c for c in made if c.is_confirmed or not confirmed]
        wanted.sort(key=lambda c: c.number ^ number)
        assert sorted_contacts.nearest(number, 8, confirmed=confirmed) == wanted[:8]


def test_many() -> None:
    rng = Random(1)
    made = contacts({rng.randbytes(20) for _ in range(500)})
    found = SortedContacts()
    for contact in made:
        found.add(contact)
    for _ in range(50):
        target = rng.getrandbits(160)
        by_distance = sorted((c for c in made if c.is_confirmed), key=lambda c: c.number ^ target)
        assert found.nearest(target, 8) == by_distance[:8]


def test_taking_out() -> None:
    found = SortedContacts()
    one, two = contacts({bytes(20), b"\xff" * 20})
    found.add(one)
    found.add(two)
    found.discard(one)
    found.discard(one)
    assert list(found) == [two]
    found.discard(two)
    assert len(found) == 0
