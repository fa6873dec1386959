"""The package's sources, for tests about the tree itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

LAYERS = ("reactor", "listener", "protocols", "session")
"""The folders that are packages of evtorrent; tests, bench, examples and docs are not."""


def source_files() -> list[Path]:
    """Every module of the package, the root's two included."""
    found = [ROOT / "__init__.py", ROOT / "__main__.py"]
    for layer in LAYERS:
        found += (ROOT / layer).rglob("*.py")
    return sorted(found)


def name_of(path: Path) -> str:
    """The path as the repository spells it."""
    return path.relative_to(ROOT).as_posix()


def module_of(path: Path) -> tuple[str, ...]:
    """The dotted name below `evtorrent`, as parts; a package is its folder."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def relative_imports(path: Path) -> Iterator[tuple[tuple[str, ...], str, int]]:
    """(module below evtorrent, imported name, line) for each `from .x import y`; name "" never occurs."""
    module = module_of(path)
    package = module if path.name == "__init__.py" else module[:-1]
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ImportFrom) and node.level:
            climbed = package[: len(package) - (node.level - 1)]
            target = (*climbed, *(node.module.split(".") if node.module else ()))
            for alias in node.names:
                yield target, alias.name, node.lineno


def absolute_imports(path: Path) -> Iterator[tuple[str, int]]:
    """(dotted name, line) of everything imported from outside the package."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom) and not node.level:
            assert node.module is not None
            yield node.module, node.lineno


def is_package(module: tuple[str, ...]) -> bool:
    return (ROOT.joinpath(*module) / "__init__.py").is_file()


def is_module(module: tuple[str, ...]) -> bool:
    return is_package(module) or ROOT.joinpath(*module).with_suffix(".py").is_file()
