from __future__ import annotations

import stat

import click
import pytest
from evtorrent.session.cli.dht_values import (
    as_json_value,
    as_text,
    endpoint_text,
    parse_hash,
    parse_item_name,
    read_key,
    write_key,
)
from evtorrent.session.cli.exit_status import CommandFailed, ExitStatus

HASH = bytes(range(20))


@pytest.mark.parametrize(
    "text",
    [
        HASH.hex(),
        HASH.hex().upper(),
        "AAAQEAYEAUDAOCAJBIFQYDIOB4IBCEQT",
        "aaaqeayeaudaocajbifqydiob4ibceqt",
        f"magnet:?xt=urn:btih:{HASH.hex()}",
    ],
)
def test_hashes(text):
    assert parse_hash(text) == HASH


def test_v2_magnet_links_are_cut_to_what_the_dht_takes():
    assert parse_hash("magnet:?xt=urn:btmh:1220" + "ab" * 32) == b"\xab" * 20


@pytest.mark.parametrize("text", ["", "ab", "g" * 40, "a" * 41, "1" * 32, "magnet:?dn=x", "ab" * 32])
def test_what_is_no_hash(text):
    with pytest.raises(click.BadParameter):
        parse_hash(text)


def test_names_of_items():
    key = "cd" * 32
    assert parse_item_name(HASH.hex()) == (HASH, b"")
    assert parse_item_name(key) == (b"\xcd" * 32, b"")
    assert parse_item_name(f"{key}:a:ü") == (b"\xcd" * 32, "a:ü".encode())
    for wrong in (f"{HASH.hex()}:salt", "x" * 64, ""):
        with pytest.raises(click.BadParameter):
            parse_item_name(wrong)


def test_keys(tmp_path):
    path = tmp_path / "key"
    write_key(str(path))
    assert len(read_key(str(path))) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(CommandFailed, match="exists already"):
        write_key(str(path))
    for data in (b"k" * 32, b"k" * 64, b"6b" * 32, b"6b" * 64 + b"\n"):
        path.write_bytes(data)
        assert set(read_key(str(path))) == {ord("k")}
    for data in (b"", b"k" * 33, b"zz" * 31, b"\xff" * 128):
        path.write_bytes(data)
        with pytest.raises(CommandFailed) as failure:
            read_key(str(path))
        assert failure.value.status == ExitStatus.BAD_INPUT
    with pytest.raises(CommandFailed, match="No such file"):
        read_key(str(tmp_path / "none"))


@pytest.mark.parametrize(
    ("value", "text", "table"),
    [
        (b"plain", "plain", "plain"),
        (b"\x1b[31mred", "\\x1b[31mred", "\x1b[31mred"),
        (b"\xff\x00", "ff00", {"hex": "ff00"}),
        (-5, "-5", -5),
        ([1, b"a", [b"\xff"]], "[1, a, [ff]]", [1, "a", [{"hex": "ff"}]]),
        ({b"a": {b"\xff": 1}}, "{a: {ff: 1}}", {"a": {"\\xff": 1}}),
    ],
)
def test_items_for_people_and_for_machines(value, text, table):
    assert as_text(value) == text
    assert as_json_value(value) == table


def test_endpoints():
    assert endpoint_text(("10.0.0.1", 5)) == "10.0.0.1:5"
    assert endpoint_text(("::1", 5)) == "[::1]:5"
