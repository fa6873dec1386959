"""The API reference: every public name has a text, and the pages build without warnings."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from support.sources import ROOT


def _reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", ROOT / "docs" / "reference.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


reference = _reference()


def _undocumented(module: ModuleType) -> Iterator[str]:
    for name in getattr(module, "__all__", ()):
        value = getattr(module, name)
        if not inspect.isclass(value) and not inspect.isfunction(value):
            continue
        if not value.__doc__:
            yield name
        for member, part in vars(value).items() if inspect.isclass(value) else ():
            if not member.startswith("_") and _is_method(part) and not _text_of(value, member, part):
                yield f"{name}.{member}"


def _is_method(part: Any) -> bool:
    return inspect.isfunction(part) or isinstance(part, property | classmethod | staticmethod)


def _text_of(owner: type, member: str, part: Any) -> str | None:
    # An override says what it overrides unless it has something to add.
    return inspect.getdoc(part if isinstance(part, property) else getattr(owner, member))


@pytest.mark.parametrize("module", list(reference.public_modules()), ids=lambda module: module.__name__)
def test_every_public_name_has_a_text(module: ModuleType) -> None:
    assert list(_undocumented(module)) == []


@pytest.mark.slow
def test_the_pages_build_without_warnings(tmp_path: Path) -> None:
    reference.render(tmp_path)
    text = (tmp_path / "evtorrent" / "session.html").read_text(encoding="utf-8")
    assert 'id="AddTorrentParams.save_path"' in text
    assert (tmp_path / "evtorrent" / "reactor" / "sim.html").stat().st_size > 10_000
