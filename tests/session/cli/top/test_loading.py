from __future__ import annotations

from evtorrent.session.cli.exit_status import CommandFailed
from evtorrent.session.cli.top import loading
from evtorrent.session.cli.top.loading import Loader
from support.command_line import make_sample


def test_sources_come_when_they_are_read(tmp_path, monkeypatch):
    sample = make_sample(tmp_path, size=20_000)
    monkeypatch.setenv("HOME", str(tmp_path))
    loader = Loader({})
    for source in ("~/sample.torrent", "/no/such", "magnet:?xt=urn:btih:" + "a" * 40):
        loader.load(source).join()
    found = dict(loader.results())
    assert found["~/sample.torrent"].ti.name == "sample"
    assert isinstance(found["/no/such"], CommandFailed)
    assert found["magnet:?xt=urn:btih:" + "a" * 40].info_hashes.v1 is not None
    assert list(loader.results()) == []
    assert sample.torrent.exists()


def test_a_proxy_is_not_gone_around():
    loader = Loader({"proxy_type": 2})
    loader.load("http://127.0.0.1:1/x.torrent").join()
    ((_, error),) = loader.results()
    assert "not fetched through a proxy" in str(error)


def test_a_bug_is_told(monkeypatch):
    def broken(source: str) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(loading, "load_source", broken)
    loader = Loader({})
    loader.load("x").join()
    ((_, error),) = loader.results()
    assert str(error) == "cannot use x: ZeroDivisionError('oops')"
