from __future__ import annotations

import pytest
from evtorrent.session.status import TorrentState
from evtorrent.session.torrent.phase import Phase, state_of


@pytest.mark.parametrize("is_seed", [False, True])
@pytest.mark.parametrize("is_finished", [False, True])
@pytest.mark.parametrize(
    ("phase", "state"),
    [
        (Phase.NEW, TorrentState.checking_resume_data),
        (Phase.RESUMING, TorrentState.checking_resume_data),
        (Phase.METADATA, TorrentState.downloading_metadata),
        (Phase.CHECKING, TorrentState.checking_files),
    ],
)
def test_before_the_pieces_are_known_they_do_not_matter(phase, state, is_seed, is_finished):
    assert state_of(phase, is_seed=is_seed, is_finished=is_finished) is state


@pytest.mark.parametrize("phase", [Phase.ACTIVE, Phase.LOOKED])
def test_then_the_state_follows_from_them(phase):
    assert state_of(phase, is_seed=False, is_finished=False) is TorrentState.downloading
    assert state_of(phase, is_seed=False, is_finished=True) is TorrentState.finished
    assert state_of(phase, is_seed=True, is_finished=True) is TorrentState.seeding
