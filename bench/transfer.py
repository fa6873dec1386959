"""One transfer: a seed, its leeches, the comparison of what arrived."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from .bare import BARE, whole_slabs
from .children import BenchFailure, Child, Children
from .client import UTP_ONLY
from .figures import Figures
from .machine import prepare_memory, warm
from .options import GIB, MIB, Options
from .payload import DATA_NAME, Payload, is_equal
from .ssl_payload import SslPayload

OVER_UTP: Final = " uTP"
"""What ends the name of a contender whose peers know nothing but uTP; the others know nothing but TCP."""


class Transfer:
    """Measures `seed→leech` contenders over one payload."""

    def __init__(
        self,
        options: Options,
        case: str,
        payload: Payload,
        num_leeches: int = 1,
        *,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        """`settings` are those of all ends.  Any: as both clients take them."""
        self._settings = settings or {}
        self._options = options
        self._case = case
        self._payload = payload
        self._num_leeches = num_leeches
        self._downloads = options.folder / "downloads"

    def measure(self, contender: str) -> Figures:
        """One round.  BenchFailure."""
        warm(self._payload.data)
        shutil.rmtree(self._downloads, ignore_errors=True)
        try:
            if contender == BARE:
                return self._measure_bare()
            return self._measure_clients(contender)
        finally:
            # Before the kernel writes it back, and before the next round needs the memory.
            shutil.rmtree(self._downloads, ignore_errors=True)

    def _measure_bare(self) -> Figures:
        size = whole_slabs(self._payload.size)
        self._downloads.mkdir(parents=True, exist_ok=True)
        with Children(self._options.timeout) as children:
            seed = children.start("send_bare", folder=str(self._payload.folder), size=size)
            port = seed.read()["port"]
            leech = children.start("take_bare", folder=str(self._downloads), size=size, port=port)
            leech.read()
            prepare_memory(self._options, size)
            leech.go()
            return _figures([leech.read()], seed.read(), size)

    def _measure_clients(self, contender: str) -> Figures:
        seeder, leecher = contender.removesuffix(OVER_UTP).split("→")
        with Children(self._options.timeout) as children:
            seed = self._start(children, "seed", contender, seeder, self._payload.folder)
            port = seed.read()["port"]
            folders = [self._downloads / str(number) for number in range(self._num_leeches)]
            leeches = [self._start(children, "leech", contender, leecher, folder, port) for folder in folders]
            figures = self._run(seed, leeches)
        for folder in folders:
            if not is_equal(self._payload.data, folder / DATA_NAME):
                raise BenchFailure(f"{contender}: what arrived is not what was sent")
        self._show_profiles(contender)
        return figures

    def _start(
        self, children: Children, role: str, contender: str, client: str, folder: Path, port: int = 0
    ) -> Child:
        folder.mkdir(parents=True, exist_ok=True)
        is_profiled = (
            self._options.profile and client == "ours" and folder.name in (self._payload.folder.name, "0")
        )
        ssl = self._payload if isinstance(self._payload, SslPayload) else None
        return children.start(
            role,
            client=client,
            certificate=str(ssl.certificate) if ssl is not None else "",
            key=str(ssl.key) if ssl is not None else "",
            torrent=str(self._payload.torrent),
            folder=str(folder),
            port=port,
            checked=self._options.checked,
            settings=self._settings_of(contender),
            profile=str(self._profile(contender, role)) if is_profiled else "",
        )

    def _settings_of(self, contender: str) -> Mapping[str, Any]:
        """Any: whatever type the setting has."""
        # Eight by default in both: the rest would wait for the choker's turn, which is not the question here.
        slots = {"unchoke_slots_limit": max(8, 2 * self._num_leeches)}
        kind = UTP_ONLY if contender.endswith(OVER_UTP) else {}
        return {**slots, **kind, **self._settings}

    def _run(self, seed: Child, leeches: list[Child]) -> Figures:
        for leech in leeches:
            leech.read()
        prepare_memory(self._options, self._payload.size * len(leeches))
        for leech in leeches:
            leech.go()
        done = [leech.read() for leech in leeches]
        seed.go()
        served = seed.read()
        return _figures(done, served, self._payload.size * len(leeches))

    def _profile(self, contender: str, role: str) -> Path:
        return self._options.folder / "profiles" / f"{self._case}-{contender.replace('→', '-')}-{role}"

    def _show_profiles(self, contender: str) -> None:
        if not self._options.profile:
            return
        for role in ("seed", "leech"):
            path = self._profile(contender, role).with_suffix(".txt")
            if path.exists():
                print(f"\n{path.with_suffix('.prof')}\n{path.read_text(encoding='utf-8')}")


def _figures(done: list[dict[str, Any]], served: dict[str, Any], total: int) -> Figures:
    """Of `total` bytes that one seed sent to all leeches together (Any: what the roles report)."""
    seconds = max(one["end"] for one in done) - min(one["start"] for one in done)
    leech_cpu = sum(one["cpu"] for one in done)
    return {
        "MiB/s": total / MIB / seconds,
        "seed CPU s/GiB": served["cpu"] * GIB / total,
        "leech CPU s/GiB": leech_cpu * GIB / total,
        "both CPU s/GiB": (served["cpu"] + leech_cpu) * GIB / total,
        "seed MiB": served["memory"] / MIB,
        "leech MiB": max(one["memory"] for one in done) / MIB,
    }
