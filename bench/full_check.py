"""Full check of a torrent, ours against libtorrent's: `python bench/full_check.py [--size MiB] [--rounds N]`.

Each check is a process of its own, the programs take turns, and the file is in the page cache, so hashing and the
program around it are measured and not the device.  libtorrent runs twice: as it comes (one hashing thread), and with as many
threads as we use.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

MIB = 1024 * 1024
THREADS = 2
DATA_NAME = "data.bin"
TORRENT_NAME = "data.torrent"
CONTENDERS = ("evtorrent", "libtorrent", f"libtorrent, {THREADS} threads")

Figures = dict[str, float]


def main() -> None:
    """Run all rounds and print the tables, or be one of the measured processes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1024, metavar="MIB")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pieces", type=int, nargs="+", default=[16, 256, 1024], metavar="KIB")
    parser.add_argument("--child", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", default=".", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure(options.child, Path(options.folder))))
        return
    for piece_kib in options.pieces:
        print_table(piece_kib, options.size, run(options.size, piece_kib * 1024, options.rounds))


def run(size_mib: int, piece_length: int, rounds: int) -> dict[str, list[Figures]]:
    """Alternating rounds over one torrent."""
    results: dict[str, list[Figures]] = {name: [] for name in CONTENDERS}
    with tempfile.TemporaryDirectory() as folder:
        make_torrent(Path(folder), size_mib, piece_length)
        for _ in range(rounds):
            for name in CONTENDERS:
                command = [sys.executable, "-W", "ignore", __file__, "--child", name, "--folder", folder]
                output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                results[name].append(json.loads(output))
    return results


def print_table(piece_kib: int, size_mib: int, results: dict[str, list[Figures]]) -> None:
    """Medians, and our speed as a multiple of each other's."""
    medians = {
        name: {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}
        for name, rounds in results.items()
    }
    ours = medians[CONTENDERS[0]]["rate"]
    print(f"full check, {size_mib} MiB, pieces of {piece_kib} KiB (median of {len(results[CONTENDERS[0]])})")
    print(f"  {'':<24}{'MiB/s':>8}{'CPU s/GiB':>11}{'memory MiB':>12}{'ours is':>9}")
    for name, row in medians.items():
        ratio = ours / row["rate"]
        print(f"  {name:<24}{row['rate']:>8.0f}{row['cpu']:>11.2f}{row['memory']:>12.0f}{ratio:>8.2f}x")


def make_torrent(folder: Path, size_mib: int, piece_length: int) -> None:
    """Random data and its torrent."""
    from evtorrent.protocols.bencode import encode

    hashes = []
    with (folder / DATA_NAME).open("wb") as data:
        for _ in range(size_mib * MIB // piece_length):
            piece = os.urandom(piece_length)
            hashes.append(hashlib.sha1(piece).digest())
            data.write(piece)
        size = data.tell()
    table = {"name": DATA_NAME, "piece length": piece_length, "length": size, "pieces": b"".join(hashes)}
    (folder / TORRENT_NAME).write_bytes(encode({"info": table}))


def measure(name: str, folder: Path) -> Figures:
    """One check in this process.  RuntimeError unless every piece is found good."""
    size = (folder / DATA_NAME).stat().st_size
    if name == CONTENDERS[0]:
        seconds, cpu = check_ours(folder)
    else:
        seconds, cpu = check_libtorrent(folder, 1 if name == CONTENDERS[1] else THREADS)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"rate": size / MIB / seconds, "cpu": cpu * 1024 * MIB / size, "memory": memory}


def check_ours(folder: Path) -> tuple[float, float]:
    """Seconds and CPU seconds the disk layer takes on a bare loop."""
    from evtorrent.protocols.engine import Multi
    from evtorrent.protocols.metainfo import parse_torrent
    from evtorrent.reactor.adapters import drive_selectors
    from evtorrent.session.disk import DiskIo, DiskSettings, StorageParams

    info = parse_torrent((folder / TORRENT_NAME).read_bytes()).info
    multi = Multi()
    driver = drive_selectors(multi)
    disk = DiskIo(multi, multi.platform.submit, settings=DiskSettings(hashing_threads=THREADS))
    storage = disk.open(StorageParams(info, str(folder)))
    num_good = 0
    errors: list[Any] = []

    def on_progress(results: list[tuple[int, bool]]) -> None:
        nonlocal num_good
        num_good += sum(ok for _, ok in results)

    start, start_cpu = time.perf_counter(), time.process_time()
    disk.submit_check(storage, None, on_progress, errors.append)
    driver.run(until=lambda: errors)
    seconds, cpu = time.perf_counter() - start, time.process_time() - start_cpu
    if errors != [None] or num_good != info.num_pieces:
        raise RuntimeError(f"{num_good} of {info.num_pieces} pieces, {errors}")
    disk.close()
    driver.close()
    multi.close()
    return seconds, cpu


def check_libtorrent(folder: Path, threads: int) -> tuple[float, float]:
    """Seconds and CPU seconds from adding the torrent to its torrent_checked alert."""
    import libtorrent as lt

    quiet: dict[str, object] = {
        "enable_dht": False,
        "enable_lsd": False,
        "enable_upnp": False,
        "enable_natpmp": False,
    }
    mask = lt.alert.category_t.status_notification | lt.alert.category_t.error_notification
    settings: Any = {**quiet, "listen_interfaces": "", "alert_mask": mask, "hashing_threads": threads}
    session = lt.session(settings)
    params = lt.load_torrent_file(str(folder / TORRENT_NAME))
    params.save_path = str(folder)
    start, start_cpu = time.perf_counter(), time.process_time()
    handle = session.add_torrent(params)
    is_checked = False
    while not is_checked:
        session.wait_for_alert(1000)
        is_checked = any(isinstance(alert, lt.torrent_checked_alert) for alert in session.pop_alerts())
    seconds, cpu = time.perf_counter() - start, time.process_time() - start_cpu
    if not handle.status().is_seeding:
        raise RuntimeError("libtorrent did not find all pieces")
    return seconds, cpu


if __name__ == "__main__":
    main()
