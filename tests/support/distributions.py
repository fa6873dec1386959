"""Installed distributions made by hand, in a folder that is put on the path."""

from __future__ import annotations

from pathlib import Path

GROUP = "evtorrent.transport"


def install(folder: Path, name: str, offers: dict[str, str], code: str = "") -> None:
    """Put a distribution `name` with entry points and one module, named like it, into `folder`."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [f"{offer} = {target}" for offer, target in offers.items()]
    (info / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines, ""]))
    (folder / f"{name}.py").write_text(code)
