"""Transports of other packages, found by name through the entry points of installed distributions.

A distribution that declares

    [project.entry-points."evtorrent.transport"]
    scramble = "its_package:put_on_scramble"

lets chains name "scramble".  The object is a filter factory, `factory(below, context)`, or a base, an object with `dial` and
`listen` (`chain.TransportBase`).  Nothing is imported before a chain names it.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

from ..errors import LocalProtocolError

__all__ = ["GROUP", "find_transport"]

GROUP = "evtorrent.transport"
"""The entry point group."""


def find_transport(name: str) -> object | None:
    """What an installed distribution offers under `name`; None when nobody does.

    LocalProtocolError, naming transport and distribution, when it cannot be loaded or two distributions offer it.
    """
    offers = list(entry_points(group=GROUP, name=name))
    if not offers:
        return None
    if len({offer.value for offer in offers}) > 1:
        makers = ", ".join(sorted(_maker_of(offer) for offer in offers))
        raise LocalProtocolError(f"transport {name!r} is offered by several: {makers}")
    offer = offers[0]
    try:
        found: object = offer.load()
    except Exception as exc:  # whatever somebody else's module does while it is imported
        raise LocalProtocolError(
            f"transport {name!r} of {_maker_of(offer)} cannot be loaded: {type(exc).__name__}: {exc}"
        ) from exc
    return found


def _maker_of(offer: EntryPoint) -> str:
    return f"{offer.dist.name if offer.dist is not None else '?'} ({offer.value})"
