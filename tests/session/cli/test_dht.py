"""`evtorrent dht`, against a network of sessions on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from evtorrent.protocols.dht import ImmutableItem
from evtorrent.protocols.dht.ed25519 import public_key_of
from evtorrent.session.alerts import DhtAnnounceAlert
from support.command_line import run
from support.dht_thread import DhtThreads

HASH = "ab" * 20


@pytest.fixture(scope="module")
def network() -> Iterator[DhtThreads]:
    with DhtThreads(3) as network:
        yield network


def dht(network: DhtThreads, *arguments: object) -> Result:
    return run("dht", *arguments, "--bootstrap", network.entry, "--timeout", "20")


def table(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_announce_and_get_peers(network: DhtThreads) -> None:
    name = "01" * 20
    nobody = dht(network, "get-peers", name)
    assert (nobody.exit_code, nobody.stdout) == (1, "")
    assert "none of 3 nodes knows a peer" in nobody.stderr
    announced = dht(network, "announce", name, 4321)
    assert (announced.exit_code, announced.stdout) == (0, "3 nodes will tell of it; other peers: 0\n")
    assert network.members[1].wait(DhtAnnounceAlert, lambda alert: alert.port == 4321)
    found = dht(network, "get-peers", name)
    assert (found.exit_code, found.stdout) == (0, "127.0.0.1:4321\n")
    again = table(dht(network, "announce", f"magnet:?xt=urn:btih:{name}", 4322, "--seed", "--json"))
    assert again == {"info_hash": name, "port": 4322, "success": 3, "peers": ["127.0.0.1:4321"]}
    found_again = table(dht(network, "get-peers", name, "--json"))
    assert sorted(found_again["peers"]) == ["127.0.0.1:4321", "127.0.0.1:4322"]
    assert found_again["responses"] == 3


def test_immutable_items(network: DhtThreads) -> None:
    put = dht(network, "put", "some text")
    target = put.stdout.strip()
    assert (put.exit_code, target) == (0, ImmutableItem.of(b"some text").target.hex())
    assert dht(network, "get", target).stdout == "some text\n"
    assert table(dht(network, "get", target, "--json")) == {
        "target": target,
        "value": "some text",
        "copies": 1,
    }
    assert table(dht(network, "put", "other", "--json"))["success"] == 3
    missing = dht(network, "get", HASH)
    assert (missing.exit_code, missing.stdout, missing.stderr) == (1, "", "evtorrent: nobody has it\n")


def test_mutable_items(network: DhtThreads, tmp_path: Path) -> None:
    key = tmp_path / "key"
    first = dht(network, "put", "first", "--key", key, "--new-key")
    public = public_key_of(bytes.fromhex(key.read_text())).hex()
    assert (first.exit_code, first.stdout) == (0, f"{public}\n")
    second = table(dht(network, "put", "second", "--key", key, "--json"))
    assert (second["key"], second["seq"], second["success"]) == (public, 2, 3)
    assert dht(network, "get", public).stdout == "second\n"
    salted = dht(network, "put", "third", "--key", key, "--salt", "a")
    assert salted.stdout == f"{public}:a\n"
    got = table(dht(network, "get", f"{public}:a", "--json"))
    assert (got["value"], got["salt"], got["seq"], got["key"]) == ("third", "a", 1, public)
    assert dht(network, "get", f"{public}:b").exit_code == 1
    assert dht(network, "put", "x", "--key", key, "--new-key").exit_code == 2, "no key is overwritten"
    assert dht(network, "put", "x", "--key", tmp_path / "none").exit_code == 3


def test_sample(network: DhtThreads) -> None:
    dht(network, "announce", "02" * 20, 4000)
    network.members[0].session.apply_settings({"dht_sample_infohashes_interval": 0})
    result = run("dht", "sample", network.entry, "00" * 20, "--timeout", "20")
    assert result.exit_code == 0
    *hashes, count = result.stdout.splitlines()
    assert "02" * 20 in hashes
    assert count == f"{len(hashes)} of {len(hashes)}"
    known = table(run("dht", "sample", network.entry, "00" * 20, "--json"))
    assert known["samples"] == hashes or sorted(known["samples"]) == sorted(hashes)
    assert len(known["id"]) == 40
    assert {node["endpoint"] for node in known["nodes"]} == {
        f"{member.host}:{member.session.listen_port()}" for member in network.members[1:]
    }


def test_nodes(network: DhtThreads) -> None:
    rows = table(dht(network, "nodes", "--json"))["nodes"]
    endpoints = {f"{member.host}:{member.session.listen_port()}" for member in network.members}
    assert {row["endpoint"] for row in rows} == endpoints
    assert all(len(row["id"]) == 40 and 0 <= row["rtt"] < 20 for row in rows)
    shown = dht(network, "nodes")
    assert shown.exit_code == 0
    assert "Round trip" in shown.stdout
    assert all(f" {endpoint} " in shown.stdout for endpoint in endpoints)


@pytest.mark.parametrize(
    "arguments",
    [
        ["get-peers", "nonsense"],
        ["get-peers"],
        ["announce", HASH, "70000"],
        ["get", f"{HASH}:salt"],
        ["put", "x", "--salt", "a"],
        ["put", "x", "--new-key"],
        ["sample", "127.0.0.1", HASH],
        ["nodes", "--bootstrap", "nowhere"],
        ["nonsense"],
    ],
)
def test_wrong_usage(arguments: list[str]) -> None:
    assert run("dht", *arguments).exit_code == 2


def test_too_big(network: DhtThreads) -> None:
    result = dht(network, "put", "x" * 1001)
    assert result.exit_code == 2
    assert "1000" in result.stderr


def test_nobody_there() -> None:
    result = run("dht", "get-peers", HASH, "--bootstrap", "127.0.0.1:9", "--timeout", "0.1")
    assert result.exit_code in (1, 6)
    assert result.stdout == ""


def test_help_names_every_question() -> None:
    text = run("dht", "--help").stdout
    for name in ("get-peers", "announce", "get", "put", "sample", "nodes"):
        assert name in text
        options = run("dht", name, "--help").stdout
        assert all(option in options for option in ("--bootstrap", "--timeout", "--json"))
