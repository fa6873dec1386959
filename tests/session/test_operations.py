from __future__ import annotations

import pytest
from evtorrent.protocols.errors import RemoteProtocolError, TransportBroken
from evtorrent.session import Operation
from evtorrent.session.close_reason import CloseReason
from evtorrent.session.disk.errors import StorageError
from evtorrent.session.operations import operation_of
from evtorrent.session.torrent.link_end import LinkEnded

OS_ERROR = OSError(5, "Input/output error")


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("open", Operation.file_open),
        ("read", Operation.file_read),
        ("write", Operation.file_write),
        ("mkdir", Operation.mkdir),
        ("allocate", Operation.file_fallocate),
        ("stat", Operation.file_stat),
        ("job", Operation.file),
    ],
)
def test_of_the_disk(operation, expected):
    assert operation_of(StorageError(operation, "/x", OS_ERROR)) is expected


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("connect", Operation.connect),
        ("resolve", Operation.hostname_lookup),
        ("recv", Operation.sock_read),
        ("send", Operation.sock_write),
        ("handshake", Operation.ssl_handshake),
        ("mse", Operation.encryption),
        ("poll", Operation.unknown),
    ],
)
def test_of_transports(operation, expected):
    assert operation_of(TransportBroken(operation, OS_ERROR)) is expected


@pytest.mark.parametrize("error", [RemoteProtocolError("nonsense"), LinkEnded(CloseReason.none)])
def test_of_the_protocol(error):
    assert operation_of(error) is Operation.bittorrent
