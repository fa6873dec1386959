"""The tree of protocol and transport errors.

EvtorrentError
    ProtocolError
        LocalProtocolError      we broke a rule: a bug of the caller
        RemoteProtocolError     they did; whatever a peer sends, nothing else may come out of a parser
    TransportError              (operation, cause), never the cause alone
        TransportClosed         closed by us
        TransportBroken         ended by the world
        TransportBusy           somebody else is using it
    EngineError                 misuse of the `Multi`
        EngineTypeError         an argument of the wrong type; also a TypeError
"""

from __future__ import annotations

__all__ = [
    "EngineError",
    "EngineTypeError",
    "EvtorrentError",
    "LocalProtocolError",
    "ProtocolError",
    "RemoteProtocolError",
    "TransportBroken",
    "TransportBusy",
    "TransportClosed",
    "TransportError",
]


class EvtorrentError(Exception):
    """Base of every error this package raises on purpose."""


class ProtocolError(EvtorrentError):
    """A rule of a protocol was broken; `str()` says which."""


class LocalProtocolError(ProtocolError):
    """We, or the application, asked for something the protocol does not allow."""


class RemoteProtocolError(ProtocolError):
    """The other side sent something the protocol does not allow."""


class TransportError(EvtorrentError):
    """An operation on a transport failed."""

    def __init__(self, operation: str, cause: BaseException | str) -> None:
        super().__init__(operation, cause)
        self.operation = operation
        """What was being done: "connect", "recv", "send", "resolve", "handshake", …"""
        self.cause = cause
        """The error below, or a sentence where there is none."""

    def __str__(self) -> str:
        cause = self.cause
        if isinstance(cause, OSError) and cause.strerror:
            return f"{self.operation}: {cause.strerror}"
        return f"{self.operation}: {cause}"


class TransportClosed(TransportError):
    """Used after we closed it."""


class TransportBroken(TransportError):
    """The world ended it: reset, refused, timed out, bad certificate."""


class TransportBusy(TransportError):
    """In use by somebody else."""


class EngineError(EvtorrentError):
    """The dispatcher was misused; carries curl's code where there is one.

    `args` are (code, message), or (message,) without a code: those of pycurl's `error`.
    """

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(*((code, message) if code else (message,)))
        self.message = message
        self.code = code
        """A CURLM_* value (RECURSIVE_API_CALL is 8, ABORTED_BY_CALLBACK 11, …)."""

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[type[EngineError], tuple[str, int]]:
        return type(self), (self.message, self.code)


class EngineTypeError(EngineError, TypeError):
    """An argument of the wrong type: curl answers with a number, pycurl raises TypeError, and this is both."""
