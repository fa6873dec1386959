from __future__ import annotations

import pytest
from evtorrent.protocols.peer.extensions.upload_only import pack_upload_only, parse_upload_only


@pytest.mark.parametrize("value", [True, False])
def test_round_trip(value: bool) -> None:
    assert parse_upload_only(pack_upload_only(value)) is value


@pytest.mark.parametrize(
    ("payload", "value"),
    [(b"\x02", True), (b"", None), (b"\1\1", None), (b"i1e", None), (bytes(70_000), None)],
)
def test_other_payloads(payload: bytes, value: bool | None) -> None:
    assert parse_upload_only(payload) is value
