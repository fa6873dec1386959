"""Which hooks a plug-in has: those its class defines.  What it does not define is not called."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

from ..errors import PluginError
from .base import UNSUPPORTED_HOOKS, PeerPlugin, SessionPlugin, TorrentPlugin

__all__ = ["BASES", "HookTable", "checked", "hooks_of", "table_of"]

BASES = (SessionPlugin, TorrentPlugin, PeerPlugin)

HookTable: TypeAlias = dict[str, tuple[tuple[Any, Callable[..., Any]], ...]]
"""Hook → (plug-in, method) of those that have it, in the order they came (Any: whichever kind of plug-in)."""


def hooks_of(kind: type) -> frozenset[str]:
    """The hooks a class of plug-ins defines.  PluginError when one of them is not supported."""
    known = _known.get(kind)
    if known is None:
        known = _known[kind] = _find_hooks(kind)
    return known


def _find_hooks(kind: type) -> frozenset[str]:
    base = next((base for base in BASES if issubclass(kind, base)), None)
    if base is None:
        raise PluginError(
            f"{kind.__qualname__} is no subclass of {' or '.join(each.__name__ for each in BASES)}"
        )
    for name, why in UNSUPPORTED_HOOKS.items():
        if hasattr(kind, name):
            raise PluginError(f"{kind.__qualname__}.{name} would never be called: {why}")
    return frozenset(
        name
        for name, value in vars(base).items()
        if not name.startswith("_") and callable(value) and getattr(kind, name) is not value
    )


def checked(plugin: Any, base: type) -> Any:
    """`plugin`, a `base` whose hooks are all supported.  PluginError.  Any: it comes from the program."""
    if not isinstance(plugin, base):
        raise PluginError(f"{plugin!r} is no {base.__name__}")
    hooks_of(type(plugin))
    return plugin


def table_of(plugins: Iterable[Any]) -> HookTable:
    """The hooks of plug-ins of one kind."""
    table: HookTable = {}
    for plugin in plugins:
        for hook in sorted(hooks_of(type(plugin))):
            table[hook] = (*table.get(hook, ()), (plugin, getattr(plugin, hook)))
    return table


_known: WeakKeyDictionary[type, frozenset[str]] = WeakKeyDictionary()
"""What was found; a connection asks for each of its plug-ins."""
