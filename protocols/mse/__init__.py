"""Message stream encryption (MSE, also called protocol encryption): the handshake, sans-I/O, and its cipher."""

from __future__ import annotations

from .agreement import Agreed, Method, MseError, choose_method
from .initiator import Initiator
from .responder import Responder

__all__ = ["Agreed", "Initiator", "Method", "MseError", "Responder", "choose_method"]
