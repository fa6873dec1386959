from __future__ import annotations

import errno

import pytest
from evtorrent.protocols.errors import EvtorrentError
from evtorrent.session.disk.errors import StorageError, blaming


def test_names_operation_path_and_cause() -> None:
    error = StorageError("write", "/d/f", OSError(errno.ENOSPC, "No space left on device"))
    assert str(error) == "write /d/f: No space left on device"
    assert (error.errno, error.message) == (errno.ENOSPC, "No space left on device")
    assert isinstance(error, EvtorrentError)


def test_cause_without_number() -> None:
    error = StorageError("open", "f", OSError("odd"))
    assert (error.errno, error.message) == (0, "odd")


def test_blaming_translates_system_errors_only() -> None:
    with pytest.raises(StorageError) as caught, blaming("read", "/x"):
        raise PermissionError(errno.EACCES, "Permission denied")
    assert (caught.value.operation, caught.value.path, caught.value.errno) == ("read", "/x", errno.EACCES)
    with pytest.raises(ValueError), blaming("read", "/x"):
        raise ValueError("a bug")
    with blaming("read", "/x"):
        pass


def test_blaming_leaves_what_is_blamed_already() -> None:
    with pytest.raises(StorageError) as caught, blaming("outer", "/x"), blaming("inner", "/y"):
        raise OSError(errno.EIO, "I/O error")
    assert caught.value.operation == "inner"


@pytest.mark.parametrize(
    ("error", "number"),
    [
        (StorageError("a", "b", OSError(errno.ENOENT, "x")), errno.ENOENT),
        (OSError(errno.EROFS, "x"), errno.EROFS),
        (KeyError("k"), errno.EIO),
    ],
)
def test_wrap(error: Exception, number: int) -> None:
    wrapped = StorageError.wrap("job", "name", error)
    assert wrapped.errno == number
    assert (wrapped is error) == isinstance(error, StorageError)
