"""The wheel: built from a clean copy, installed into a clean environment, complete."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path
from typing import Any

import evtorrent
import pytest
from support.sources import ROOT, source_files

NOT_SOURCES = shutil.ignore_patterns(
    ".*", "build", "dist", "*.egg-info", "__pycache__", "downloads", "results", "tests", "bench"
)


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built without network when the build tool is installed."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "clone"
    shutil.copytree(ROOT, copy, ignore=NOT_SOURCES)
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        str(folder),
        str(copy),
    ]
    if _has_build_tool():
        command.insert(4, "--no-build-isolation")
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def clean_python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel; third-party packages are borrowed from here, our checkout is not."""
    home = tmp_path_factory.mktemp("clean")
    venv.create(home, with_pip=False, symlinks=os.name != "nt")
    python = home / "bin" / "python"
    install = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
    ]
    done = subprocess.run([*install, str(wheel)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    (site,) = home.glob("lib/python*/site-packages")
    # A path added by a .pth file does not get its own .pth files read, so the editable install stays out.
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return python


def run(*command: Any, cwd: Path) -> str:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=120, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_packages_are_listed(project: dict[str, Any]) -> None:
    in_tree = {
        ".".join(("evtorrent", *path.parent.relative_to(ROOT).parts))
        for path in source_files()
        if path.name == "__init__.py"
    }
    assert set(project["tool"]["setuptools"]["packages"]) == in_tree


def test_every_folder_with_modules_is_a_package() -> None:
    for path in source_files():
        assert (path.parent / "__init__.py").is_file(), path


def test_versions_agree(project: dict[str, Any]) -> None:
    assert project["project"]["version"] == evtorrent.__version__
    assert importlib.metadata.version("evtorrent") == evtorrent.__version__


def test_changelog_knows_the_version() -> None:
    assert f"## {evtorrent.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_wheel_holds_every_module_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    expected = {f"evtorrent/{path.relative_to(ROOT).as_posix()}" for path in source_files()}
    assert names == expected | {"evtorrent/py.typed"}


@pytest.mark.slow
def test_installed_command_tells_its_version(clean_python: Path, tmp_path: Path) -> None:
    assert evtorrent.__version__ in run(clean_python.parent / "evtorrent", "--version", cwd=tmp_path)
    assert evtorrent.__version__ in run(clean_python, "-m", "evtorrent", "--version", cwd=tmp_path)


@pytest.mark.slow
def test_every_package_imports_from_the_wheel(
    clean_python: Path, project: dict[str, Any], tmp_path: Path
) -> None:
    packages = project["tool"]["setuptools"]["packages"]
    code = f"import {', '.join(packages)}; print(evtorrent.__file__)"
    where = run(clean_python, "-W", "error", "-c", code, cwd=tmp_path)
    assert where.startswith(str(clean_python.parent.parent))


@pytest.mark.parametrize("name", evtorrent.__all__)
def test_public_name_resolves(name: str) -> None:
    assert getattr(evtorrent, name) is not None
    assert name in dir(evtorrent)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        evtorrent.no_such_name  # noqa: B018


def test_main_module_is_the_command() -> None:
    main = importlib.import_module("evtorrent.__main__")
    assert main.main is importlib.import_module("evtorrent.session.cli.main").main


def _has_build_tool() -> bool:
    try:
        version = importlib.metadata.version("setuptools")
    except importlib.metadata.PackageNotFoundError:
        return False
    return int(version.split(".")[0]) >= 77
