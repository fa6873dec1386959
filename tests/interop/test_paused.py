"""A torrent added paused, and what it is found to be: the same in libtorrent and here."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from evtorrent.protocols.bits import Bitfield
from evtorrent.session import TorrentFlags, TorrentState, read_resume_data, write_resume_data_buf
from support.real_peers import LibtorrentPeer
from support.sessions import Content, Member, plain_flags
from support.waiting import wait_for

pytestmark = pytest.mark.interop

CONTENT = Content([("a", 100_000), ("b", 50_000)], 16_384)


def prepare(folder: Path, case: str) -> bytes:
    """The files of a case, and resume data of a torrent that is to be added paused."""
    claims: Bitfield | None = None
    if case != "nothing":
        CONTENT.write(folder)
    if "resume" in case:
        claims = Bitfield(CONTENT.info.num_pieces)
        claims.set_all()
    if case == "bad resume data":
        (folder / CONTENT.info.files.path(0)).unlink()
    params = CONTENT.params(folder, flags=plain_flags(paused=True), have_pieces=claims)
    return write_resume_data_buf(params)


@pytest.mark.parametrize("is_rechecked", [False, True])
@pytest.mark.parametrize("case", ["nothing", "files", "resume data", "bad resume data"])
def test_states(case: str, is_rechecked: bool, require_peer: Any, tmp_path: Path) -> None:
    lt = require_peer("libtorrent")
    data = prepare(tmp_path, case)

    with LibtorrentPeer(lt) as theirs:
        handle = theirs.session.add_torrent(lt.read_resume_data(data))
        wait_for(lambda: handle.status().state != lt.torrent_status.checking_resume_data)
        if is_rechecked:
            handle.force_recheck()
            wait_for(lambda: handle.status().state != lt.torrent_status.checking_resume_data)
        status = handle.status()
        expected = str(status.state), status.num_pieces, bool(status.flags & lt.torrent_flags.paused)
        theirs.session.remove_torrent(handle)
    if case == "nothing":
        shutil.rmtree(tmp_path / CONTENT.info.name, ignore_errors=True)

    with Member() as ours:
        mine = ours.session.add_torrent(read_resume_data(data))
        wait_for(lambda: mine.status().state is not TorrentState.checking_resume_data)
        if is_rechecked:
            mine.force_recheck()
            wait_for(lambda: mine.status().state is not TorrentState.checking_resume_data)
        got = mine.status()
        is_paused = bool(got.flags & TorrentFlags.paused)
        assert (got.state.name, got.num_pieces, is_paused) == expected
