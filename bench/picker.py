"""What choosing costs: `python bench/picker.py [--pieces N] [--peers N]`.

Prints microseconds a block for one fast seed, for many slow peers that share pieces, for a swarm of random bit fields
(100,000 pieces, 1,000 peers), for pieces of one block, and what a block that arrives and a HAVE cost.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from random import Random
from time import perf_counter

from evtorrent.session.torrent.piece_picker import BlockOutcome, PickMode, PiecePicker

Result = tuple[str, float, str]


def main() -> None:
    """Run every case and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pieces", type=int, default=100_000)
    parser.add_argument("--peers", type=int, default=1_000)
    parser.add_argument("--blocks", type=int, default=100_000, help="picked in each case")
    options = parser.parse_args()
    for name, cost, unit in run(options.pieces, options.peers, options.blocks):
        print(f"{name:<58}{cost:>9.3f} {unit}")


def run(num_pieces: int = 100_000, num_peers: int = 1_000, num_blocks: int = 100_000) -> list[Result]:
    """All cases."""
    cases: Sequence[Callable[[int, int, int], list[Result]]] = (fast_seed, slow_peers, swarm, small_pieces)
    return [result for case in cases for result in case(num_pieces, num_peers, num_blocks)]


def fast_seed(num_pieces: int, num_peers: int, num_blocks: int) -> list[Result]:
    """2,048 pieces of 64 blocks from one seed, 60 blocks a pick: the shape of the loopback benchmark."""
    del num_pieces, num_peers
    picker = PiecePicker(2048, 64, 64, rng=Random(1))
    bits = (1 << 2048) - 1
    picker.add_peer(bits)
    return _download(
        picker,
        [("seed", bits)],
        60,
        PickMode.WHOLE_PIECES,
        num_blocks,
        "one fast seed, 2,048 pieces of 64 blocks",
    )


def slow_peers(num_pieces: int, num_peers: int, num_blocks: int) -> list[Result]:
    """Slow seeds that share pieces, two blocks a pick."""
    picker = PiecePicker(num_pieces, 64, 64, rng=Random(1))
    bits = (1 << num_pieces) - 1
    peers = [(f"peer {i}", bits) for i in range(num_peers)]
    for _, had in peers:
        picker.add_peer(had)
    return _download(
        picker,
        peers,
        2,
        PickMode.SHARED,
        num_blocks,
        f"{num_peers:,} slow seeds, {num_pieces:,} pieces of 64",
    )


def swarm(num_pieces: int, num_peers: int, num_blocks: int) -> list[Result]:
    """Peers with half of the pieces each, 32 blocks a pick, half of them fast."""
    rng = Random(1)
    picker = PiecePicker(num_pieces, 64, 64, rng=rng)
    peers = [(f"peer {i}", rng.getrandbits(num_pieces)) for i in range(num_peers)]
    start = perf_counter()
    for _, had in peers:
        picker.add_peer(had)
    joined = perf_counter() - start
    haves = [rng.randrange(num_pieces) for _ in range(20_000)]
    start = perf_counter()
    for piece in haves:
        picker.add_have(piece)
    had_time = perf_counter() - start
    name = f"{num_peers:,} peers, {num_pieces:,} pieces of 64"
    return [
        ("a peer that joins with a bit field", joined / num_peers * 1e6, "µs"),
        ("a HAVE", had_time / len(haves) * 1e6, "µs"),
        *_download(picker, peers, 32, PickMode.WHOLE_PIECES, num_blocks, f"fast, {name}"),
        *_download(picker, peers, 32, PickMode.SHARED, num_blocks, f"slow, {name}"),
    ]


def small_pieces(num_pieces: int, num_peers: int, num_blocks: int) -> list[Result]:
    """Pieces of one block, 32 a pick: every block begins a piece."""
    rng = Random(1)
    picker = PiecePicker(num_pieces, 1, 1, rng=rng)
    peers = [(f"peer {i}", rng.getrandbits(num_pieces)) for i in range(num_peers)]
    for _, had in peers:
        picker.add_peer(had)
    return _download(
        picker,
        peers,
        32,
        PickMode.WHOLE_PIECES,
        num_blocks,
        f"{num_peers:,} peers, {num_pieces:,} pieces of one block",
    )


def _download(
    picker: PiecePicker, peers: list[tuple[str, int]], want: int, mode: PickMode, total: int, name: str
) -> list[Result]:
    picking = receiving = passing = 0.0
    num_blocks = num_pieces = at = 0
    while num_blocks < total:
        peer, bits = peers[at]
        at = (at + 1) % len(peers)
        start = perf_counter()
        runs = picker.pick(bits, want, peer, mode=mode)
        picked = perf_counter()
        complete = []
        for piece, first, count in runs:
            outcomes = [picker.block_received(piece, block, peer) for block in range(first, first + count)]
            if outcomes[-1] is BlockOutcome.PIECE_COMPLETE:
                complete.append(piece)
            num_blocks += count
        received = perf_counter()
        for piece in complete:
            picker.piece_passed(piece)
        passing += perf_counter() - received
        receiving += received - picked
        picking += picked - start
        num_pieces += len(complete)
        if not runs and at == 0:
            break
    return [
        (f"pick: {name}", picking / num_blocks * 1e6, "µs a block"),
        ("  block_received", receiving / num_blocks * 1e6, "µs a block"),
        ("  piece_passed", passing / max(1, num_pieces) * 1e6, "µs a piece"),
    ]


if __name__ == "__main__":
    main()
