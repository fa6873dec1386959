"""What the connections of some endpoints did, as libtorrent counts it (`utp.utp_…` of its statistics)."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["UtpCounts"]


@dataclass(slots=True)
class UtpCounts:
    """Totals; several endpoints may share one, and it outlives them."""

    packets_in: int = 0
    """Packets that belonged to a connection or opened one."""
    packets_out: int = 0
    payload_packets_in: int = 0
    """Those with bytes of a stream."""
    payload_packets_out: int = 0
    """The same, repetitions included."""
    invalid_packets_in: int = 0
    """Datagrams that were no packet, or one that could not be."""
    redundant_packets_in: int = 0
    """Bytes of a stream that had arrived before."""
    lost_packets: int = 0
    """Packets that acknowledgements showed to be lost, or late."""
    timeouts: int = 0
    """Times that nothing came back for a whole timeout."""
    resent_packets: int = 0
    fast_resent_packets: int = 0
    """Those sent again before a timeout."""
    samples_above_target: int = 0
    """Delays measured that were more than the target."""
    samples_below_target: int = 0
