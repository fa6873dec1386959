"""Every module has its test file, and every test file its module: `a/b.py` and `tests/a/test_b.py`.

A test file may say more than the module's name: `test_multi_timers.py` belongs to `multi.py`.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from support.sources import LAYERS, ROOT, name_of, source_files, tree_of

WITHOUT_TEST = {
    "__init__.py": "tests/test_packaging.py resolves every public name",
    "__main__.py": "tests/test_packaging.py runs it",
    "protocols/engine/ports.py": "shapes only: nothing runs",
    "protocols/portmap/dialect.py": "shapes only: nothing runs",
    "protocols/portmap/events.py": "shapes only: nothing runs",
}
"""Modules without a test file of their own, and why."""

TESTS = ROOT / "tests"


def modules() -> list[Path]:
    """The modules that hold code: a package's `__init__` counts when it does more than name things."""
    return [path for path in source_files() if path.name != "__init__.py" or path.parent == ROOT]


def test_file_of(path: Path) -> Path:
    relative = path.relative_to(ROOT)
    return TESTS / relative.parent / f"test_{relative.stem.lstrip('_')}.py"


test_file_of.__test__ = False  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_module_has_a_test_file(path: Path) -> None:
    expected = test_file_of(path)
    if name_of(path) in WITHOUT_TEST:
        assert not expected.exists(), f"{name_of(path)} has tests now: strike it from WITHOUT_TEST"
        return
    assert expected.is_file(), f"{expected.relative_to(ROOT)} is missing"


def test_exceptions_exist() -> None:
    names = {name_of(path) for path in modules()}
    assert set(WITHOUT_TEST) <= names


@pytest.mark.parametrize(
    "path", sorted(path for layer in LAYERS for path in (TESTS / layer).rglob("test_*.py")), ids=name_of
)
def test_test_file_has_a_module(path: Path) -> None:
    folder = ROOT / path.relative_to(TESTS).parent
    name = path.stem.removeprefix("test_")
    stems = {module.stem.strip("_") for module in folder.glob("*.py")} | {
        child.name for child in folder.glob("*/") if (child / "__init__.py").is_file()
    }
    assert any(name == stem or name.startswith(f"{stem}_") for stem in stems), (
        f"no module {name} in {folder.name}/"
    )


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_test_file_holds_tests(path: Path) -> None:
    expected = test_file_of(path)
    if expected.is_file():
        assert "def test_" in expected.read_text(encoding="utf-8") or "class Test" in expected.read_text(
            encoding="utf-8"
        )
        assert tree_of(expected).body
