"""Any number of watches on one descriptor, over the single poll handle libuv allows.

A lone watch is registered with the loop as it is, so a wake-up costs nothing here.  Where the reactor must count or hold
back callbacks (rounds, and after `stop`) every descriptor goes through a gate instead; switching costs no system call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from enum import Enum, auto
from typing import Protocol

from ..arguments import check_mask
from ..flags import READ, WRITE
from ..statistics import Gauge
from .poll import Poll

__all__ = ["Descriptor", "DescriptorTable", "Gate", "GateKeeper", "Watch"]

_NO_INTEREST = ~(READ | WRITE)


class Gate(Enum):
    """What happens to a descriptor that is ready."""

    DIRECT = auto()
    """The loop calls the lone watch itself."""
    OPEN = auto()
    """Watches are called and the keeper is told."""
    PROBE = auto()
    """The keeper is told; nothing is called.  Polling is by level, so nothing is lost."""
    SHUT = auto()
    """Nothing happens."""


class GateKeeper(Protocol):
    """Who sets the gate."""

    def on_knock(self) -> None:
        """A descriptor is ready while probing."""
        ...

    def on_passed(self) -> None:
        """A watch is about to be called through the open gate."""
        ...

    def on_withdrawn(self) -> None:
        """Nothing may be left to wait for."""
        ...

    @property
    def report(self) -> Callable[[str, BaseException], object]:
        """Called when a watch's callback raised."""
        ...


class Watch:
    """Interest in one descriptor, made by `Reactor.watch`."""

    __slots__ = ("_descriptor", "callback", "fd", "mask")

    def __init__(self, descriptor: Descriptor, callback: Callable[[int], object]) -> None:
        self.fd = descriptor.fd
        self.mask = 0
        """READ | WRITE now asked for."""
        self.callback = callback
        self._descriptor: Descriptor | None = descriptor

    def modify(self, mask: int) -> None:
        """Replace the interest; 0 keeps the registration and watches nothing.  Without effect once closed."""
        if mask & _NO_INTEREST:
            check_mask(mask)
        if self._descriptor is not None and mask != self.mask:
            self._descriptor.set_mask(self, mask)

    def close(self) -> None:
        """Withdraw; no callback runs afterwards, the descriptor may be closed at once.  Repeatable."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            descriptor.remove(self)

    def __repr__(self) -> str:
        state = "closed" if self._descriptor is None else f"mask={self.mask:#x}"
        return f"<Watch fd={self.fd} {state}>"


class Descriptor:
    """One number, its poll handle and the watches that share it."""

    __slots__ = ("_deliver", "_poll", "_table", "fd", "watches")

    def __init__(self, table: DescriptorTable, fd: int) -> None:
        self.fd = fd
        self.watches: list[Watch] = []
        self._table = table
        self._poll = Poll(table.loop, fd)
        self._deliver = self._pass_gate

    def set_mask(self, watch: Watch, mask: int) -> None:
        """Change what one watch asks for.  OSError and ReactorBusy leave everything as it was."""
        old, watch.mask = watch.mask, mask
        try:
            self.apply()
        except BaseException:
            watch.mask = old
            raise
        self._table.count(bool(watch.mask) - bool(old))

    def remove(self, watch: Watch) -> None:
        """Forget a watch; the last one ends polling."""
        self._table.count(-bool(watch.mask))
        watch.mask = 0
        self.watches.remove(watch)
        if self.watches:
            self.apply()
        else:
            self._table.forget(self)

    def apply(self) -> None:
        """Tell the loop what the watches and the gate make of it."""
        mask = 0
        for watch in self.watches:
            mask |= watch.mask
        is_direct = self._table.gate is Gate.DIRECT and len(self.watches) == 1
        self._poll.start(mask, self.watches[0].callback if is_direct else self._deliver)

    def move(self, loop: asyncio.AbstractEventLoop) -> None:
        """Be polled by another loop.  OSError when it cannot be; nothing is asked for then."""
        self._poll.close()
        self._poll = Poll(loop, self.fd)
        try:
            self.apply()
        except BaseException:
            for watch in self.watches:
                self._table.count(-bool(watch.mask))
                watch.mask = 0
            raise

    def close(self) -> None:
        """End polling."""
        self._poll.close()

    def _pass_gate(self, ready: int) -> None:
        table = self._table
        if table.is_shut():
            return
        if table.gate is Gate.PROBE:
            table.keeper.on_knock()
            return
        for watch in tuple(self.watches):
            # An earlier callback may have closed this watch or stopped the reactor.
            if watch.mask & ready and not table.is_shut():
                table.keeper.on_passed()
                try:
                    watch.callback(ready)
                except Exception as exc:  # the border of the loop: the others are still called
                    table.keeper.report(f"exception in a watch of descriptor {self.fd}", exc)


class DescriptorTable:
    """Every watched descriptor of a reactor."""

    def __init__(self, loop: asyncio.AbstractEventLoop, keeper: GateKeeper) -> None:
        self.loop = loop
        self.keeper = keeper
        self.gate = Gate.DIRECT
        self.gauge = Gauge()
        """Watches that ask for something."""
        self._descriptors: dict[int, Descriptor] = {}

    def watch(self, fd: int, mask: int, callback: Callable[[int], object]) -> Watch:
        """Add a watch.  OSError when the descriptor cannot be polled."""
        descriptor = self._descriptors.get(fd)
        if descriptor is None:
            descriptor = self._descriptors[fd] = Descriptor(self, fd)
        watch = Watch(descriptor, callback)
        descriptor.watches.append(watch)
        try:
            descriptor.set_mask(watch, mask)
        except BaseException:
            watch.close()
            raise
        return watch

    def set_gate(self, gate: Gate) -> None:
        """Change what happens to ready descriptors, also to those ready in the batch under way."""
        was_direct = self.gate is Gate.DIRECT
        self.gate = gate
        if was_direct != (gate is Gate.DIRECT):
            for descriptor in self._descriptors.values():
                descriptor.apply()

    def is_shut(self) -> bool:
        """No watch may be called."""
        return self.gate is Gate.SHUT

    def count(self, change: int) -> None:
        """Keep `num_watching`."""
        self.gauge.add(change)
        if change < 0 and not self.gauge.value:
            self.keeper.on_withdrawn()

    def forget(self, descriptor: Descriptor) -> None:
        """End a descriptor without watches."""
        del self._descriptors[descriptor.fd]
        descriptor.close()

    def move(self, loop: asyncio.AbstractEventLoop) -> None:
        """Poll everything on another loop; what cannot be is reported and watched no more."""
        self.loop = loop
        for descriptor in list(self._descriptors.values()):
            try:
                descriptor.move(loop)
            except Exception as exc:  # one descriptor's failure is its own
                self.keeper.report(f"descriptor {descriptor.fd} cannot be polled on", exc)

    def of(self, fd: int) -> tuple[Watch, ...]:
        """The watches of one number."""
        descriptor = self._descriptors.get(fd)
        return () if descriptor is None else tuple(descriptor.watches)

    def __iter__(self) -> Iterator[Watch]:
        for descriptor in self._descriptors.values():
            yield from descriptor.watches

    def close(self) -> None:
        """Close every watch."""
        for descriptor in list(self._descriptors.values()):
            for watch in list(descriptor.watches):
                watch.close()
