from __future__ import annotations

import io

from evtorrent.session.cli.hashing_bar import HashingBar
from rich.console import Console


def test_it_is_shown_on_a_terminal():
    out = io.StringIO()
    with HashingBar(console=Console(file=out, force_terminal=True, width=80)) as bar:
        bar.update(1 << 20, 4 << 20)
    assert "1.0/4.0 MiB" in out.getvalue()


def test_it_is_not_shown_elsewhere(capsys):
    for enabled in (True, False):
        with HashingBar(enabled=enabled) as bar:
            bar.update(1, 2)
    assert capsys.readouterr().err == ""
