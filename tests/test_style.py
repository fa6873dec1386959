"""Sizes and names that CONTRIBUTING.md promises."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from support.sources import ROOT, name_of, source_files, tree_of

MAX_FUNCTION_LINES = 80
MAX_FILE_LINES = 800
MAX_TEST_LINES = 1200
MAX_POSITIONAL = 5

TABLES = {
    "session/settings_table.py": "a row for each setting",
    "session/error_table.py": "a row for each error code",
}
"""Files that may be long, and why."""

NOT_MODULES = {"utils", "helpers", "common", "manager", "misc", "util", "helper"}

FILES = source_files()


def by_name(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", paths, ids=name_of)


@by_name(FILES)
def test_sizes(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= MAX_FILE_LINES or name_of(path) in TABLES
    for node in ast.walk(tree_of(path)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert node.end_lineno is not None
            length = node.end_lineno - node.lineno + 1
            assert length <= MAX_FUNCTION_LINES, f"{node.name} has {length} lines"
            arguments = [*node.args.posonlyargs, *node.args.args]
            count = len(arguments) - (bool(arguments) and arguments[0].arg in ("self", "cls"))
            assert count <= MAX_POSITIONAL, f"{node.name} takes {count} positional parameters"


@by_name(FILES)
def test_every_module_says_what_it_is(path: Path) -> None:
    tree = tree_of(path)
    if not tree.body:
        assert path.name == "__init__.py"
        return
    assert ast.get_docstring(tree), "no docstring"
    if path.name != "__init__.py":
        assert path.stem.strip("_") not in NOT_MODULES
        assert any(isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in tree.body), (
            "no `from __future__ import annotations`"
        )


@by_name(sorted((ROOT / "tests").rglob("*.py")))
def test_test_files(path: Path) -> None:
    assert path.name != "__init__.py"
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_TEST_LINES


@pytest.mark.parametrize("folder", sorted({path.parent for path in FILES} - {ROOT}), ids=name_of)
def test_every_folder_has_its_page(folder: Path) -> None:
    page = folder / "README.md"
    assert page.is_file()
    assert page.read_text(encoding="utf-8").strip()
