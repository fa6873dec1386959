"""Settings are checked, documented, and libtorrent's."""

from __future__ import annotations

import ast
import inspect
from dataclasses import fields
from itertools import pairwise
from typing import Any

import pytest
from evtorrent.protocols.dht import settings as module
from evtorrent.protocols.dht.settings import DhtSettings
from evtorrent.protocols.errors import LocalProtocolError

LIBTORRENT = {
    "dht_aggressive_lookups": True,
    "dht_block_ratelimit": 5,
    "dht_block_timeout": 300,
    "dht_enforce_node_id": False,
    "dht_extended_routing_table": True,
    "dht_ignore_dark_internet": True,
    "dht_item_lifetime": 0,
    "dht_max_dht_items": 700,
    "dht_max_fail_count": 20,
    "dht_max_infohashes_sample_count": 20,
    "dht_max_peers": 500,
    "dht_max_peers_reply": 100,
    "dht_max_torrents": 2000,
    "dht_prefer_verified_node_ids": True,
    "dht_privacy_lookups": False,
    "dht_read_only": False,
    "dht_restrict_routing_ips": True,
    "dht_restrict_search_ips": True,
    "dht_sample_infohashes_interval": 21600,
    "dht_search_branching": 5,
    "dht_upload_rate_limit": 8000,
}
"""libtorrent 2.1.1's defaults."""


def test_defaults_are_libtorrents() -> None:
    assert {f"dht_{field.name}": field.default for field in fields(DhtSettings)} == LIBTORRENT
    assert DhtSettings.from_mapping(LIBTORRENT) == DhtSettings()


def test_from_mapping_leaves_others_aside() -> None:
    changed = {"dht_max_peers": 7, "dht_announce_interval": 900, "enable_dht": True, "max_peers": 9}
    assert DhtSettings.from_mapping(changed) == DhtSettings(max_peers=7)


@pytest.mark.parametrize(
    "wrong",
    [
        {"search_branching": 0},
        {"max_fail_count": 0},
        {"max_peers_reply": 151},
        {"upload_rate_limit": -1},
        {"sample_infohashes_interval": 21_601},
        {"max_infohashes_sample_count": 21},
        {"block_ratelimit": 0},
    ],
)
def test_wrong_values_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(LocalProtocolError, match=next(iter(wrong))):
        DhtSettings(**wrong)


def test_every_field_says_what_it_is() -> None:
    tree = ast.parse(inspect.getsource(module))
    (body,) = [node.body for node in tree.body if isinstance(node, ast.ClassDef)]
    documented = {
        getattr(node.target, "id", "")
        for node, following in pairwise(body)
        if isinstance(node, ast.AnnAssign)
        and isinstance(following, ast.Expr)
        and isinstance(following.value, ast.Constant)
    }
    assert documented == {field.name for field in fields(DhtSettings)}
