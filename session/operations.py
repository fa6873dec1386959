"""Which of libtorrent's operations (`operation_t`) an error of ours happened in."""

from __future__ import annotations

from ..protocols.errors import TransportError
from .disk.errors import StorageError
from .errors import Operation

__all__ = ["operation_of"]

_STORAGE = {
    "open": Operation.file_open,
    "read": Operation.file_read,
    "write": Operation.file_write,
    "mkdir": Operation.mkdir,
    "allocate": Operation.file_fallocate,
    "rename": Operation.file_rename,
    "remove": Operation.file_remove,
    "stat": Operation.file_stat,
    "truncate": Operation.file_truncate,
    "copy": Operation.file_copy,
    "link": Operation.file_hard_link,
    "symlink": Operation.symlink,
}
_TRANSPORT = {
    "connect": Operation.connect,
    "resolve": Operation.hostname_lookup,
    "recv": Operation.sock_read,
    "send": Operation.sock_write,
    "socket": Operation.sock_open,
    "bind": Operation.sock_bind,
    "listen": Operation.sock_listen,
    "accept": Operation.sock_accept,
    "handshake": Operation.ssl_handshake,
    "mse": Operation.encryption,
    "http_connect": Operation.connect,
    "socks4": Operation.connect,
    "socks5": Operation.connect,
}


def operation_of(error: BaseException) -> Operation:
    """libtorrent's number for what was being done; `bittorrent` for a broken rule of the protocol."""
    if isinstance(error, StorageError):
        return _STORAGE.get(error.operation, Operation.file)
    if isinstance(error, TransportError):
        return _TRANSPORT.get(error.operation, Operation.unknown)
    return Operation.bittorrent
