"""Whole downloads between us and aria2, in both directions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from evtorrent.session import CloseReason
from evtorrent.session.alerts import HashFailedAlert, PeerDisconnectedAlert, PeerErrorAlert
from support.real_peers import ANY_SIZE, Aria2, many_files, one_file
from support.sessions import Content, Member

pytestmark = pytest.mark.interop

CONTENTS = {**{f"one file, pieces of {name}": size for name, size in ANY_SIZE.items()}, "many files": 0}


@pytest.fixture(params=CONTENTS)
def content(request: pytest.FixtureRequest) -> Content:
    size = CONTENTS[request.param]
    return one_file(size) if size else many_files()


@pytest.fixture
def program(require_peer: Any) -> str:
    return str(require_peer("aria2"))


@pytest.fixture
def ours() -> Iterator[Member]:
    with Member() as member:
        yield member
        assert member.all(HashFailedAlert) == []


def test_from_aria2_to_us(program: str, ours: Member, content: Content, tmp_path: Path) -> None:
    folder = content.write(tmp_path / "theirs")
    with Aria2(program, content, folder, tmp_path / "x.torrent", verify=True) as theirs:
        handle = ours.add(content, tmp_path / "ours")
        handle.connect_peer(theirs.address)
        ours.finish(handle)
    content.assert_in(tmp_path / "ours")


def test_from_us_to_aria2(program: str, ours: Member, content: Content, tmp_path: Path) -> None:
    handle = ours.seed(content, tmp_path / "ours")
    with Aria2(program, content, tmp_path / "theirs", tmp_path / "x.torrent") as theirs:
        handle.connect_peer(theirs.address)
        ended = ours.wait(PeerDisconnectedAlert)
        assert ours.all(PeerErrorAlert) == []
        assert ended.reason is CloseReason.upload_to_upload, "it told us that it has everything"
        theirs.finish()
    content.assert_in(tmp_path / "theirs")
