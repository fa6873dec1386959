from __future__ import annotations

import click
import pytest
from evtorrent.protocols.bencode import decode, encode
from evtorrent.session import (
    AddTorrentParams,
    SettingsPack,
    load_torrent_file,
    make_magnet_uri,
    write_torrent_file_buf,
)
from evtorrent.session.cli.certificates import Certificates
from evtorrent.session.cli.exit_status import CommandFailed
from support.certificates import _pem, server_context
from support.command_line import LOOPBACK, event, make_sample, run, same_files, seeding
from support.sessions import Member
from support.ssl_torrents import LISTENING, SslContent, authority, star
from support.trackers import LocalTracker


@pytest.fixture
def files(tmp_path):
    """Names of an authority's certificate, a peer's, and its key."""
    pair = star()
    texts = {"root.pem": authority().pem.decode(), "peer.pem": pair.certificate, "key.pem": pair.key}
    texts["both.pem"] = pair.certificate + pair.key
    texts["locked.pem"] = authority().issue("*", passphrase="sesame").key
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    return {name.removesuffix(".pem"): str(tmp_path / name) for name in texts}


@pytest.fixture
def secret(tmp_path):
    """A session with an SSL torrent: the content, and HOST:PORT."""
    content = SslContent()
    with Member(LISTENING) as member:
        handle = member.seed(content, tmp_path / "seed")
        handle.set_ssl_certificate_buffer(star().certificate, star().key)
        yield content, f"127.0.0.1:{member.session.ssl_listen_port()}"


@pytest.fixture
def sample(tmp_path):
    """Files whose only seed is known to an HTTPS tracker alone."""
    sample = make_sample(tmp_path)
    with LocalTracker(tls=server_context()) as tracker, seeding(sample) as peer:
        name = bytes(load_torrent_file(sample.torrent).info_hashes.best())
        tracker.swarms.announce(name, "127.0.0.1", int(peer.rpartition(":")[2]), left=0)
        table = decode(sample.torrent.read_bytes())
        sample.torrent.write_bytes(encode({**table, b"announce": tracker.https_url}))
        yield sample


def get(*arguments, timeout="30"):
    return run("get", *arguments, *LOOPBACK, "--no-dht", "--no-lsd", "--no-resume", "--timeout", timeout)


def test_nothing_chosen_changes_nothing():
    params = AddTorrentParams()
    Certificates().put_on(params)
    assert params.root_certificate == ""
    assert Certificates().settings == {}


def test_settings():
    settings = Certificates(verify_https=False).settings
    assert SettingsPack(settings).get_bool("validate_https_trackers") is False


def test_what_cannot_be(tmp_path):
    with pytest.raises(click.UsageError, match="--certificate"):
        Certificates(private_key="key.pem")
    (tmp_path / "x").write_bytes(b"\xff\xfe")
    for name in ("x", "missing"):
        with pytest.raises(CommandFailed, match="is no certificate"):
            Certificates(root_cert=str(tmp_path / name)).put_on(AddTorrentParams())


def test_an_ssl_torrent(secret, files, tmp_path):
    content, peer = secret
    (tmp_path / "t.torrent").write_bytes(write_torrent_file_buf(content.params(tmp_path)))
    certificate = ["--certificate", files["peer"], "--private-key", files["key"]]
    result = get(tmp_path / "t.torrent", "-o", tmp_path / "dl", "--peer", peer, *certificate)
    assert result.exit_code == 0, result.output
    content.assert_in(tmp_path / "dl")
    assert "SSL torrent" not in result.stderr


def test_a_magnet_link_of_one(secret, files, tmp_path):
    content, peer = secret
    options = [make_magnet_uri(content.params(tmp_path)), "--peer", peer, "--root-cert", files["root"]]
    listed = get(*options, "--certificate", files["both"], "--list-files")
    assert listed.exit_code == 0, listed.output
    assert "secret" in listed.stdout
    result = get(*options, "-o", tmp_path / "dl", "--certificate", files["both"])
    assert result.exit_code == 0, result.output
    content.assert_in(tmp_path / "dl")


def test_an_ssl_torrent_without_a_certificate_says_what_it_wants(secret, tmp_path):
    content, peer = secret
    (tmp_path / "t.torrent").write_bytes(write_torrent_file_buf(content.params(tmp_path)))
    result = get(tmp_path / "t.torrent", "-o", tmp_path / "dl", "--peer", peer, "--json", timeout="0.3")
    assert result.exit_code != 0
    assert event(result.stdout, "need_certificate")["name"] == "secret"
    assert "--certificate" in result.stderr


@pytest.mark.parametrize("passphrase", ["sesame", "wrong"])
def test_a_locked_key(files, passphrase, tmp_path, monkeypatch):
    monkeypatch.setenv("EVTORRENT_KEY_PASSPHRASE", passphrase)
    content, pair = SslContent(), authority().issue("*", passphrase="sesame")
    (tmp_path / "both.pem").write_text(pair.certificate + pair.key)
    (tmp_path / "t.torrent").write_bytes(write_torrent_file_buf(content.params(tmp_path)))
    result = get(
        tmp_path / "t.torrent", "-o", tmp_path / "dl", "--certificate", tmp_path / "both.pem", timeout="0.3"
    )
    assert ("invalid SSL" in result.stderr) is (passphrase == "wrong"), result.output


@pytest.mark.parametrize("trust", ["no verification", "environment"])
def test_https_trackers_that_are_believed(trust, sample, tmp_path, monkeypatch):
    options = ["--no-verify-https"] if trust == "no verification" else []
    if trust == "environment":
        (tmp_path / "ca.pem").write_bytes(_pem())
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    result = get(sample.torrent, "-o", tmp_path / "dl", *options)
    assert result.exit_code == 0, result.output
    assert same_files(sample.root, tmp_path / "dl" / "sample")


def test_an_https_tracker_that_nobody_vouches_for(sample, tmp_path):
    result = get(sample.torrent, "-o", tmp_path / "dl", timeout="0.5")
    assert result.exit_code != 0
    assert "certificate" in result.stderr


@pytest.mark.parametrize("has_certificate", [True, False])
def test_seeding_an_ssl_torrent(has_certificate, files, tmp_path):
    content = SslContent()
    (tmp_path / "t.torrent").write_bytes(write_torrent_file_buf(content.params(tmp_path)))
    options = ["-o", content.write(tmp_path / "seed"), "--listen", LISTENING["listen_interfaces"], "--json"]
    if has_certificate:
        options += ["--certificate", files["both"]]
    result = run("seed", tmp_path / "t.torrent", *options, "--no-dht", "--no-lsd", "--seed-time", "0.1s")
    assert result.exit_code == 0, result.output
    assert ("need_certificate" in result.stdout) is not has_certificate
