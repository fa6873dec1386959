from __future__ import annotations

import errno
import socket
import ssl

import pytest
from evtorrent.protocols.errors import EvtorrentError, RemoteProtocolError, TransportBroken
from evtorrent.protocols.metainfo import MetainfoError
from evtorrent.session.errors import (
    NO_ERROR,
    DuplicateTorrent,
    ErrorCode,
    InvalidSetting,
    InvalidTorrentHandle,
    Operation,
    ResumeDataError,
    SessionError,
    SettingsError,
    StateDataError,
    TorrentErrc,
    TorrentParamsError,
    UnknownSetting,
    UnsupportedFeature,
    UnsupportedSetting,
    operation_name,
)


def test_no_error_is_false_and_says_so():
    assert not NO_ERROR
    assert str(NO_ERROR) == "no error"
    assert ErrorCode() == NO_ERROR


def test_a_code_of_the_table_has_value_category_and_text():
    code = ErrorCode.of(TorrentErrc.duplicate_torrent)
    assert code == ErrorCode(19, "libtorrent", "torrent already exists in session")
    assert code
    assert str(code) == "torrent already exists in session"


def test_an_unknown_number_still_has_a_text():
    assert ErrorCode.of(9999).message == "error 9999"


def test_http_status():
    assert ErrorCode.from_http(404, "Not Found") == ErrorCode(404, "http", "404 Not Found")
    assert ErrorCode.from_http(500).message == "500"


def test_errno():
    assert ErrorCode.from_errno(errno.ENOSPC) == ErrorCode(errno.ENOSPC, "system", "No space left on device")


class Wrapped(EvtorrentError):
    def __init__(self, cause: BaseException) -> None:
        super().__init__("wrapped")
        self.cause = cause


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (None, NO_ERROR),
        (DuplicateTorrent(), ErrorCode.of(TorrentErrc.duplicate_torrent)),
        (OSError(errno.EIO, "x"), ErrorCode.from_errno(errno.EIO)),
        (
            TransportBroken("connect", ConnectionRefusedError(errno.ECONNREFUSED, "no")),
            ErrorCode.from_errno(errno.ECONNREFUSED),
        ),
        (TransportBroken("connect", "gone"), ErrorCode(1, "generic", "connect: gone")),
        (Wrapped(DuplicateTorrent()), ErrorCode.of(TorrentErrc.duplicate_torrent)),
        (TimeoutError(), ErrorCode.from_errno(errno.ETIMEDOUT)),
        (socket.gaierror(socket.EAI_NONAME, "no such name"), ErrorCode(1, "generic", "no such name")),
        (ssl.SSLError(1, "bad certificate"), ErrorCode(1, "generic", "bad certificate")),
        (MemoryError(), ErrorCode.of(TorrentErrc.no_memory)),
        (RemoteProtocolError("bad length"), ErrorCode(1, "generic", "bad length")),
        (
            MetainfoError("torrent_missing_name", "no name"),
            ErrorCode(TorrentErrc.torrent_missing_name, "libtorrent", "no name"),
        ),
        (MetainfoError("not_in_the_table", "odd"), ErrorCode(1, "generic", "odd")),
        (ValueError(), ErrorCode(1, "generic", "ValueError")),
    ],
)
def test_exceptions_become_codes(error, code):
    made = ErrorCode.from_exception(error)
    if code is not None:
        assert made == code
    assert bool(made) == (error is not None)


def test_an_error_that_is_its_own_cause_does_not_loop():
    error = OSError(errno.EPIPE, "x")
    error.cause = error
    assert ErrorCode.from_exception(error) == ErrorCode.from_errno(errno.EPIPE)


def test_session_errors_carry_a_code():
    assert InvalidTorrentHandle().code == ErrorCode.of(TorrentErrc.invalid_torrent_handle)
    assert str(InvalidTorrentHandle()) == "invalid torrent handle used"
    named = TorrentParamsError("no save path")
    assert (named.code.value, named.code.message) == (TorrentErrc.missing_info_hash, "no save path")
    given = ResumeDataError("short", NO_ERROR)
    assert given.code is NO_ERROR
    assert SessionError("x").code == ErrorCode(1, "generic", "x")
    assert SessionError().code.message == "SessionError"
    assert StateDataError().code.value == TorrentErrc.not_a_dictionary


def test_settings_errors_name_what_was_wrong():
    unknown = UnknownSetting("colour")
    assert isinstance(unknown, KeyError)
    assert isinstance(unknown, SettingsError)
    assert str(unknown) == "unknown setting 'colour'"
    invalid = InvalidSetting("num_want", -1, "it is from 0 to 9")
    assert isinstance(invalid, ValueError)
    assert str(invalid) == "setting 'num_want' cannot be -1: it is from 0 to 9"
    assert (invalid.name, invalid.value, invalid.expected) == ("num_want", -1, "it is from 0 to 9")
    unsupported = UnsupportedSetting("enable_dht", "there is no DHT")
    assert str(unsupported) == "setting 'enable_dht' is not supported: there is no DHT"
    assert (unsupported.name, unsupported.why) == ("enable_dht", "there is no DHT")


def test_an_unsupported_feature_says_why():
    error = UnsupportedFeature("super_seeding", "not built")
    assert str(error) == "super_seeding: not built"
    assert (error.name, error.why) == ("super_seeding", "not built")


def test_operations_have_libtorrents_names():
    assert operation_name(Operation.file_write) == "file_write"
    assert operation_name(16) == "connect"


@pytest.mark.interop
def test_operations_are_libtorrents(require_peer):
    lt = require_peer("libtorrent")
    for name, value in lt.operation_t.names.items():
        assert Operation[name] == int(value)
