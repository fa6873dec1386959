"""`evtorrent top`: a session on the whole screen."""

from __future__ import annotations

from .program import command

__all__ = ["command"]
