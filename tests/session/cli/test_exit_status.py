from __future__ import annotations

import errno

from evtorrent.session.cli.exit_status import CommandFailed, ExitStatus, status_of_signal


def test_the_documented_numbers():
    assert {status.name: int(status) for status in ExitStatus} == {
        "DONE": 0,
        "FAILED": 1,
        "USAGE": 2,
        "BAD_INPUT": 3,
        "DISK": 4,
        "CANNOT_LISTEN": 5,
        "TIMEOUT": 6,
    }
    assert status_of_signal(2) == 130


def test_a_failure_is_one_safe_line():
    failure = CommandFailed("bad\n\x1b[31mname", ExitStatus.BAD_INPUT)
    assert (str(failure), failure.status) == ("bad \\x1b[31mname", 3)


def test_a_full_disk_has_a_status_of_its_own():
    full = CommandFailed.from_os_error(OSError(errno.ENOSPC, "No space left on device", "/x"), "cannot write")
    assert (str(full), full.status) == ("cannot write /x: No space left on device", ExitStatus.DISK)
    other = CommandFailed.from_os_error(OSError(errno.ENOENT, "No such file"))
    assert (str(other), other.status) == ("cannot use: No such file", ExitStatus.FAILED)
