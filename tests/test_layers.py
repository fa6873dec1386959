"""Who may import whom: the table of ARCHITECTURE.md, enforced on the sources."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from support.sources import (
    LAYERS,
    ROOT,
    absolute_imports,
    is_module,
    is_package,
    module_of,
    name_of,
    relative_imports,
    source_files,
    tree_of,
)

ALLOWED = {
    "reactor": {"reactor"},
    "protocols": {"protocols"},
    "listener": {"listener", "protocols"},
    "session": {"session", "listener", "protocols"},
}

REACTOR_USERS = {"session/runtime.py"}
"""Where the session may name the reactor; the command line may too, through public names."""

PURE_FORBIDDEN = {
    *("socket", "select", "selectors", "asyncio", "threading", "time", "os", "secrets"),
    *("multiprocessing", "subprocess", "signal", "concurrent", "fcntl", "uvloop", "_thread"),
}
"""Nothing in protocols/ touches the outside."""

DYNAMIC_IMPORT_SEAMS = {"protocols/engine/multi.py", "protocols/transport/plugins.py"}
"""Multi() without a platform takes the system's by name: the one seam between protocols and reactor.  Transports of other
packages are found by name among their entry points."""

CLI_MODULES = {("protocols", "bencode"), ("session", "aio")}
"""Modules, other than packages, whose names are public."""

FILES = source_files()
PURE = [path for path in FILES if module_of(path)[:1] == ("protocols",)]
PLATFORM_ONLY = [
    path
    for path in FILES
    if module_of(path)[:1] in (("session",), ("listener",)) and module_of(path)[:2] != ("session", "cli")
]
CLI = [path for path in FILES if module_of(path)[:2] == ("session", "cli")]


def by_name(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", paths, ids=name_of)


@by_name(FILES)
def test_imports_within_the_package_are_relative(path: Path) -> None:
    outside = {name for name, _ in absolute_imports(path)}
    own = {name for name in outside if name.split(".")[0] in ("evtorrent", *LAYERS)}
    assert not own, f"absolute imports of our own: {own}"


@by_name(FILES)
def test_relative_imports_exist(path: Path) -> None:
    for target, name, line in relative_imports(path):
        assert is_module(target) or is_module((*target, name)), f"line {line}: {'.'.join(target)}.{name}"


@by_name(FILES)
def test_layers(path: Path) -> None:
    module = module_of(path)
    if not module or module == ("__main__",):
        pytest.skip("the root names everything, lazily")
    allowed = ALLOWED[module[0]]
    if name_of(path) in REACTOR_USERS or module[:2] == ("session", "cli"):
        allowed = allowed | {"reactor"}
    for target, name, line in relative_imports(path):
        layer = target[0] if target else name
        if not target and not is_package((name,)) and module[:2] == ("session", "cli"):
            continue  # a name of the root, which is public
        assert layer in allowed, f"line {line}: {module[0]} imports {layer}"


@by_name(PURE)
def test_protocols_do_no_io(path: Path) -> None:
    for name, line in absolute_imports(path):
        assert name.split(".")[0] not in PURE_FORBIDDEN, f"line {line}: imports {name}"


@by_name(PURE)
def test_protocols_get_their_randomness(path: Path) -> None:
    """`random.Random` may be named as a type; the module's own generator may not be used."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ImportFrom) and node.module == "random" and not node.level:
            names = {alias.name for alias in node.names}
            assert names <= {"Random"}, f"line {node.lineno}: {names}"
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "random":
            assert node.attr == "Random", f"line {node.lineno}: random.{node.attr}"


@by_name(PURE)
def test_protocols_import_nothing_by_name(path: Path) -> None:
    if name_of(path) in DYNAMIC_IMPORT_SEAMS:
        pytest.skip("the seam")
    if path.name == "__init__.py":
        # A package may find its own public names lazily, and may not reach out of itself.
        texts = [node.value for node in ast.walk(tree_of(path)) if isinstance(node, ast.Constant)]
        assert not [text for text in texts if isinstance(text, str) and text.startswith("..")]
        return
    assert not {name for name, _ in absolute_imports(path) if name.split(".")[0] == "importlib"}
    calls = [
        node for node in ast.walk(tree_of(path)) if isinstance(node, ast.Name) and node.id == "__import__"
    ]
    assert not calls


@by_name(PLATFORM_ONLY)
def test_sessions_and_listeners_get_clock_and_randomness(path: Path) -> None:
    """From the engine's platform, so that a whole session runs in the simulator and does the same each time."""
    assert not {
        name for name, _ in absolute_imports(path) if name.split(".")[0] in ("time", "secrets", "uuid")
    }
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            name = f"{node.value.id}.{node.attr}"
            assert name != "os.urandom", f"line {node.lineno}: {name}"
            assert node.value.id != "random" or node.attr == "Random", f"line {node.lineno}: {name}"


@by_name(CLI)
def test_command_line_uses_public_names_only(path: Path) -> None:
    for target, name, line in relative_imports(path):
        if target[:2] == ("session", "cli") or (target == ("session",) and name == "cli"):
            continue
        where = f"line {line}: {'.'.join(target)}.{name}"
        if target in CLI_MODULES or (*target, name) in CLI_MODULES:
            continue
        assert is_package(target), f"{where}: not a package's public name"
        assert not is_module((*target, name)) or is_package((*target, name)), f"{where}: a module, not a name"
        assert name == "__version__" or not name.startswith("_"), where


@by_name(FILES)
def test_no_star_imports(path: Path) -> None:
    assert all(name != "*" for _, name, _ in relative_imports(path))


@pytest.mark.parametrize(
    ("imported", "not_loaded"),
    [
        ("evtorrent", ["reactor", "protocols", "listener", "session"]),
        ("evtorrent.reactor", ["protocols", "listener", "session"]),
        ("evtorrent.reactor.adapters", ["protocols", "listener", "session"]),
        ("evtorrent.protocols.engine", ["reactor", "listener", "session"]),
        (
            "evtorrent.listener",
            ["reactor", "session", "protocols.metainfo", "protocols.peer", "protocols.tracker"],
        ),
    ],
)
def test_importing_a_layer_loads_only_what_is_below(imported: str, not_loaded: list[str]) -> None:
    code = f"import sys, {imported}; print(*(name for name in sys.modules if name.startswith('evtorrent')))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = done.stdout.split()
    for layer in not_loaded:
        name = f"evtorrent.{layer}"
        assert not [each for each in loaded if each == name or each.startswith(f"{name}.")]


def test_the_folders_are_the_layers() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"bench"}
    assert packages == set(LAYERS)
