from __future__ import annotations

import subprocess
import sys

import click
import evtorrent
import pytest
from click.testing import CliRunner
from evtorrent.session import TorrentParamsError
from evtorrent.session.cli import main as program
from support.command_line import run


def test_version_and_help_load_no_session():
    code = (
        "import sys; from evtorrent.session.cli.main import main; "
        "status = main(['--help']); "
        "print(status, *[m for m in sys.modules if m in ('rich', 'evtorrent.session.session')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "0"
    assert all(name in done.stdout for name in program.COMMANDS)
    assert run("--version").output == f"evtorrent, version {evtorrent.__version__}\n"


@pytest.mark.parametrize("name", program.COMMANDS)
def test_every_command_has_help(name):
    result = run(name, "--help")
    assert result.exit_code == 0
    assert "--json" in result.output or name in ("magnet", "dht")


@pytest.mark.parametrize("arguments", [["nonsense"], ["get"], ["get", "--nonsense"], ["--nonsense"]])
def test_wrong_usage_is_2(arguments):
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Error" in result.stderr


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (click.Abort(), 130, "interrupted"),
        (OSError(28, "No space left on device", "/x"), 4, "cannot use /x: No space left on device"),
        (TorrentParamsError("save_path is missing"), 1, "save_path is missing"),
    ],
)
def test_errors_are_one_line_and_a_status(monkeypatch, error, status, line):
    @click.command()
    def fails():
        raise error

    monkeypatch.setattr(program.Program, "get_command", lambda self, ctx, name: fails)
    result = CliRunner().invoke(program.command, ["fails"])
    assert (result.exit_code, result.stderr) == (status, f"evtorrent: {line}\n")


def test_a_bug_is_not_hidden(monkeypatch):
    @click.command()
    def fails():
        raise ZeroDivisionError

    monkeypatch.setattr(program.Program, "get_command", lambda self, ctx, name: fails)
    assert isinstance(CliRunner().invoke(program.command, ["fails"]).exception, ZeroDivisionError)


def test_main_returns_the_status(capsys):
    assert program.main(["--version"]) == 0
    assert program.main(["get"]) == 2
    assert program.main(["get", "/nonexistent.torrent"]) == 3
    assert capsys.readouterr().err.endswith(
        "evtorrent: cannot read /nonexistent.torrent: No such file or directory\n"
    )


@pytest.mark.slow
def test_a_reader_that_goes_away_is_no_error(tmp_path):
    code = f"{sys.executable} -m evtorrent --help | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stderr
