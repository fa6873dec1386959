"""Which events a reactor knows: found where they wait, so that adding and removing them keeps no list.

An event waits as a watch, a signal, a deadline or for its activation, or is due; idle ones are in none of these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .event import Event
from .flags import READ, WRITE, EventFlags
from .statistics import ReactorStatistics

if TYPE_CHECKING:
    from .core import LoopCore
    from .handles.descriptor import Watch

__all__ = ["activate_descriptor", "activate_signal", "events_of", "statistics_of"]


def events_of(core: LoopCore) -> list[Event]:
    """Every event that is pending or due, once."""
    found: dict[Event, None] = {}
    for watch in core.descriptors:
        if (event := _event_of(watch)) is not None:
            found[event] = None
    found.update(dict.fromkeys((*core.signals, *core.passive)))
    found.update((item, None) for item in (*core.timers, *core.active) if isinstance(item, Event))
    return list(found)


def activate_descriptor(core: LoopCore, fd: int, flags: int) -> None:
    """Make every added event of a descriptor due that waits for some of `flags`.  Nothing for a number without."""
    wanted = flags & (READ | WRITE)
    for watch in core.descriptors.of(fd):
        if (event := _event_of(watch)) is not None and event.flags & wanted:
            event.activate(event.flags & wanted)
    if flags & EventFlags.TIMEOUT:
        for deadline in core.timers:
            if isinstance(deadline, Event) and deadline.fd == fd:
                deadline.activate(EventFlags.TIMEOUT)


def activate_signal(core: LoopCore, signum: int) -> None:
    """The same for the events of a signal, as if it had come once."""
    for event in core.signals.of(signum):
        event.on_signal()


def statistics_of(core: LoopCore, *, reset: bool) -> ReactorStatistics:
    """The snapshot; `reset` starts the maxima again."""
    gauges = {
        "watches": core.descriptors.gauge,
        "timers": core.timers.gauge,
        "signals": core.signals.gauge,
        "passive": core.passive.gauge,
        "active": core.active.gauge,
        "jobs": core.jobs,
    }
    counts = {f"num_{name}": gauge.value for name, gauge in gauges.items()}
    maxima = {f"max_{name}": gauge.maximum for name, gauge in gauges.items()}
    if reset:
        for gauge in gauges.values():
            gauge.reset_maximum()
    return ReactorStatistics(num_hooks=len(core.hooks), **counts, **maxima)


def _event_of(watch: Watch) -> Event | None:
    owner = getattr(watch.callback, "__self__", None)  # an event watches with a method of its own
    return owner if isinstance(owner, Event) else None
