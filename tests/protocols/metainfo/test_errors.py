from __future__ import annotations

import pytest
from evtorrent.protocols.errors import LocalProtocolError, RemoteProtocolError
from evtorrent.protocols.metainfo import CreateError, MagnetError, MetainfoError


@pytest.mark.parametrize(
    ("kind", "base"),
    [
        (MetainfoError, RemoteProtocolError),
        (MagnetError, RemoteProtocolError),
        (CreateError, LocalProtocolError),
    ],
)
def test_an_error_has_a_name_for_programs_and_a_sentence_for_people(kind: type, base: type) -> None:
    error = kind("torrent_missing_name", "a file without a name")
    assert isinstance(error, base)
    assert (error.reason, error.detail, str(error)) == (
        "torrent_missing_name",
        "a file without a name",
        "a file without a name",
    )
