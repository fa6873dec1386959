"""Contacts in order of their ids, for finding those nearest to a target without looking at all of them.

Ids with a common prefix stand together in a sorted list, and everything under a prefix of the target is nearer to it than
everything outside.  So the nearest are found by shortening the prefix until enough share it, and sorting only those.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from operator import attrgetter

from .contact import Contact
from .node_id import ID_BITS

__all__ = ["SortedContacts"]

_number = attrgetter("number")


class SortedContacts:
    """A set of contacts with distinct ids."""

    __slots__ = ("_contacts", "_numbers")

    def __init__(self) -> None:
        self._numbers: list[int] = []
        self._contacts: list[Contact] = []

    def add(self, contact: Contact) -> None:
        """Insert; its id is not there yet."""
        insort(self._contacts, contact, key=_number)
        insort(self._numbers, contact.number)

    def discard(self, contact: Contact) -> None:
        """Take out, if it is there."""
        index = bisect_left(self._numbers, contact.number)
        if index < len(self._numbers) and self._contacts[index] is contact:
            del self._numbers[index]
            del self._contacts[index]

    def nearest(self, target: int, count: int, *, confirmed: bool = True) -> list[Contact]:
        """The `count` contacts nearest to `target`, nearest first; `confirmed` ones only, or any."""
        numbers = self._numbers
        # Of n uniform ids about `count` share the first log2(n / count) bits.
        bits = max(0, (len(numbers) // count).bit_length() - 1)
        while True:
            shift = ID_BITS - bits
            first = target >> shift << shift
            low = bisect_left(numbers, first)
            high = bisect_left(numbers, first + (1 << shift), low)
            if high - low >= count or not bits:
                found = self._contacts[low:high]
                if confirmed:
                    found = [contact for contact in found if contact.fail_count == 0]
                if len(found) >= count or not bits:
                    break
            bits -= 1
        found.sort(key=lambda contact: contact.number ^ target)
        return found[:count]

    def has(self, number: int) -> bool:
        """A contact of this id is there."""
        index = bisect_left(self._numbers, number)
        return index < len(self._numbers) and self._numbers[index] == number

    def __iter__(self) -> Iterator[Contact]:
        return iter(self._contacts)

    def __len__(self) -> int:
        return len(self._numbers)
