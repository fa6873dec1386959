"""Errors of the session, and error codes as data.

EvtorrentError
    SessionError                    carries `code`, an `ErrorCode`
        InvalidSessionHandle        the session was closed
        InvalidTorrentHandle        the torrent was removed, or never was
        DuplicateTorrent            it is in the session already
        TorrentParamsError          what was given cannot be added
        ResumeDataError             resume data that is no resume data
        StateDataError              saved session state that is none
        UnsupportedFeature          libtorrent has it, this version has not
        PluginError                 a plug-in that is none, is not installed, or has hooks that are not supported
        SettingsError
            UnknownSetting          no such name (also a KeyError)
            InvalidSetting          wrong type or out of range (also a ValueError)
            UnsupportedSetting      a name this version does not act on

An `ErrorCode` is what alerts and status objects carry: value and category are libtorrent's, so programs can compare
them; unlike there, value, category and message are plain attributes.
"""

from __future__ import annotations

import errno
import os
import ssl
from dataclasses import dataclass
from enum import IntEnum

from ..protocols.errors import EvtorrentError, ProtocolError
from .error_table import LIBTORRENT_MESSAGES, TorrentErrc

__all__ = [
    "NO_ERROR",
    "DuplicateTorrent",
    "ErrorCode",
    "InvalidSessionHandle",
    "InvalidSetting",
    "InvalidTorrentHandle",
    "Operation",
    "PluginError",
    "ResumeDataError",
    "SessionError",
    "SettingsError",
    "StateDataError",
    "TorrentErrc",
    "TorrentParamsError",
    "UnknownSetting",
    "UnsupportedFeature",
    "UnsupportedSetting",
    "operation_name",
]

LIBTORRENT_CATEGORY = "libtorrent"
SYSTEM_CATEGORY = "system"
HTTP_CATEGORY = "http"
GENERIC_CATEGORY = "generic"


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """What went wrong, as three plain values.  False when nothing did."""

    value: int = 0
    """The number within its category; 0 is success."""
    category: str = SYSTEM_CATEGORY
    """"libtorrent", "system" (errno), "http" (status code), "upnp", "pcp error", or "generic" (only a sentence)."""
    message: str = ""
    """One sentence for people."""

    @classmethod
    def of(cls, value: TorrentErrc | int) -> ErrorCode:
        """A code of the "libtorrent" category with its standard text."""
        number = int(value)
        return cls(number, LIBTORRENT_CATEGORY, LIBTORRENT_MESSAGES.get(number, f"error {number}"))

    @classmethod
    def from_errno(cls, value: int, message: str = "") -> ErrorCode:
        """A code of the "system" category."""
        return cls(value, SYSTEM_CATEGORY, message or os.strerror(value))

    @classmethod
    def from_http(cls, status: int, reason: str = "") -> ErrorCode:
        """A code of the "http" category."""
        return cls(status, HTTP_CATEGORY, f"{status} {reason}".rstrip())

    @classmethod
    def from_exception(cls, error: BaseException | None) -> ErrorCode:
        """The code that describes `error` best; `NO_ERROR` for None."""
        if error is None:
            return NO_ERROR
        if isinstance(error, SessionError):
            return error.code
        cause = getattr(error, "cause", None)
        if isinstance(cause, OSError | SessionError | ProtocolError) and cause is not error:
            return cls.from_exception(cause)
        if isinstance(error, OSError):
            return cls._from_os_error(error)
        reason = getattr(error, "reason", None)
        if isinstance(reason, str) and reason in TorrentErrc.__members__ and isinstance(error, ProtocolError):
            return cls(TorrentErrc[reason], LIBTORRENT_CATEGORY, str(error))
        if isinstance(error, MemoryError):
            return cls.of(TorrentErrc.no_memory)
        return cls(1, GENERIC_CATEGORY, str(error) or type(error).__name__)

    @classmethod
    def _from_os_error(cls, error: OSError) -> ErrorCode:
        number = error.errno if type(error.errno) is int else 0
        if number > 0 and not isinstance(error, ssl.SSLError):
            return cls.from_errno(number)
        if isinstance(error, TimeoutError):
            return cls.from_errno(errno.ETIMEDOUT)
        # Resolver and TLS errors have numbers of their own, which are no errno.
        return cls(1, GENERIC_CATEGORY, error.strerror or str(error) or type(error).__name__)

    def __bool__(self) -> bool:
        return self.value != 0

    def __str__(self) -> str:
        return self.message or "no error"


NO_ERROR = ErrorCode()
"""Success."""


class Operation(IntEnum):
    """What was being done when an error came, libtorrent `operation_t`."""

    unknown = 0
    bittorrent = 1
    iocontrol = 2
    getpeername = 3
    getname = 4
    alloc_recvbuf = 5
    alloc_sndbuf = 6
    file_write = 7
    file_read = 8
    file = 9
    sock_write = 10
    sock_read = 11
    sock_open = 12
    sock_bind = 13
    available = 14
    encryption = 15
    connect = 16
    ssl_handshake = 17
    get_interface = 18
    sock_listen = 19
    sock_bind_to_device = 20
    sock_accept = 21
    parse_address = 22
    enum_if = 23
    file_stat = 24
    file_copy = 25
    file_fallocate = 26
    file_hard_link = 27
    file_remove = 28
    file_rename = 29
    file_open = 30
    mkdir = 31
    check_resume = 32
    exception = 33
    alloc_cache_piece = 34
    partfile_move = 35
    partfile_read = 36
    partfile_write = 37
    hostname_lookup = 38
    symlink = 39
    handshake = 40
    sock_option = 41
    enum_route = 42
    file_seek = 43
    timer = 44
    file_mmap = 45
    file_truncate = 46


def operation_name(operation: Operation) -> str:
    """libtorrent's name of an operation."""
    return Operation(operation).name


class SessionError(EvtorrentError):
    """Something the session was asked for could not be done."""

    default = TorrentErrc.no_error
    """The value a subclass reports when it was given no code."""

    def __init__(self, message: str = "", code: ErrorCode | None = None) -> None:
        self.code = code if code is not None else self._code(message)
        """The same as three values, as alerts carry it."""
        super().__init__(message or self.code.message)

    def _code(self, message: str) -> ErrorCode:
        if self.default is TorrentErrc.no_error:
            return ErrorCode(1, GENERIC_CATEGORY, message or type(self).__name__)
        standard = ErrorCode.of(self.default)
        return ErrorCode(standard.value, standard.category, message) if message else standard


class InvalidSessionHandle(SessionError):
    """The session was closed."""

    default = TorrentErrc.invalid_session_handle


class InvalidTorrentHandle(SessionError):
    """The torrent was removed, or the handle never had one."""

    default = TorrentErrc.invalid_torrent_handle


class DuplicateTorrent(SessionError):
    """The torrent is in the session already."""

    default = TorrentErrc.duplicate_torrent


class TorrentParamsError(SessionError):
    """What was given to `add_torrent` cannot be added: no info-hash, no save path, contradicting fields."""

    default = TorrentErrc.missing_info_hash


class ResumeDataError(SessionError):
    """Not resume data, or resume data of another torrent."""

    default = TorrentErrc.invalid_file_tag


class StateDataError(SessionError):
    """Not saved session state."""

    default = TorrentErrc.not_a_dictionary


class UnsupportedFeature(SessionError):
    """libtorrent has it and this version has not; nothing was done."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name}: {why}")
        self.name = name
        self.why = why


class PluginError(SessionError):
    """What was given is no plug-in, is not installed, cannot be loaded, or has hooks that are not supported."""


class SettingsError(SessionError):
    """A setting was refused; no setting of the same call was changed."""


class UnknownSetting(SettingsError, KeyError):
    """There is no setting of that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"unknown setting {name!r}")
        self.name = name

    # KeyError would show the repr of the message.
    __str__ = Exception.__str__


class InvalidSetting(SettingsError, ValueError):
    """The value has the wrong type or is out of range."""

    def __init__(self, name: str, value: object, expected: str) -> None:
        super().__init__(f"setting {name!r} cannot be {value!r}: {expected}")
        self.name = name
        self.value = value
        self.expected = expected


class UnsupportedSetting(SettingsError):
    """The setting exists, and this version does not act on it, so only its default is accepted."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"setting {name!r} is not supported: {why}")
        self.name = name
        self.why = why
