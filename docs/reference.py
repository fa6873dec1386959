"""Renders the API reference with pdoc: `python docs/reference.py [folder]`, by default build/docs.  Warnings are errors.

Packages load their names when they are first asked for; pdoc looks at what is there.  So they are all asked for first.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pdoc

PACKAGES = (
    "evtorrent.reactor",
    "evtorrent.reactor.adapters",
    "evtorrent.reactor.sim",
    "evtorrent.listener",
    "evtorrent.protocols",
    "evtorrent.protocols.dht",
    "evtorrent.protocols.engine",
    "evtorrent.protocols.http",
    "evtorrent.protocols.metainfo",
    "evtorrent.protocols.peer",
    "evtorrent.protocols.portmap",
    "evtorrent.protocols.tracker",
    "evtorrent.protocols.transport",
    "evtorrent.protocols.utp",
    "evtorrent.session",
    "evtorrent.session.alerts",
    "evtorrent.session.plugins",
)
"""Those whose `__all__` is the public face."""

LEFT_OUT = ("!evtorrent.session.cli",)


def public_modules() -> Iterator[ModuleType]:
    """The packages, every public name of theirs loaded."""
    for name in PACKAGES:
        module = importlib.import_module(name)
        for public in getattr(module, "__all__", ()):
            setattr(module, public, getattr(module, public))
        yield module


def render(folder: Path) -> None:
    """Write the pages."""
    list(public_modules())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Names imported for type checkers only are shown as they are written.
        warnings.filterwarnings("ignore", message="Error parsing type annotation")
        # Some packages are found through their parents as well.
        warnings.filterwarnings("ignore", message="The module specification .* already been added")
        pdoc.pdoc(*PACKAGES, *LEFT_OUT, output_directory=folder)


if __name__ == "__main__":
    render(Path(sys.argv[1] if len(sys.argv) > 1 else "build/docs"))
