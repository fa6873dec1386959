"""What can be set about uTP: libtorrent's `utp_*` settings, in seconds and bytes."""

from __future__ import annotations

from dataclasses import dataclass, fields

__all__ = ["ETHERNET_MTU", "UtpSettings"]

ETHERNET_MTU = 1500


@dataclass(frozen=True, slots=True)
class UtpSettings:
    """Limits and tempers of all connections of an endpoint.  ValueError names what cannot be."""

    target_delay: float = 0.1
    """Seconds of queueing the sender aims to add to the path, and no more (`utp_target_delay`)."""
    gain_factor: int = 3000
    """Bytes the window grows by in a round trip without any delay (`utp_gain_factor`)."""
    min_timeout: float = 0.5
    """Seconds before packets are taken for lost, at the least (`utp_min_timeout`)."""
    syn_resends: int = 2
    """Times a SYN is sent again before connecting fails (`utp_syn_resends`)."""
    fin_resends: int = 2
    """Times a FIN is sent again before the end is taken as heard (`utp_fin_resends`)."""
    num_resends: int = 3
    """Times a packet may time out before the connection ends (`utp_num_resends`)."""
    connect_timeout: float = 3.0
    """Seconds a SYN waits for its answer, the first time; doubled each time (`utp_connect_timeout`)."""
    loss_multiplier: float = 0.5
    """Share of the window that is left after a loss (`utp_loss_multiplier`)."""
    cwnd_reduce_timer: float = 0.1
    """Seconds within which several losses count as one (`utp_cwnd_reduce_timer`)."""
    receive_window: int = 4 * 1024 * 1024
    """Bytes that may wait to be read by the application, each connection."""
    send_buffer: int = 1024 * 1024
    """Bytes taken from the application and not yet sent, each connection."""
    max_mtu: int = ETHERNET_MTU
    """Bytes of the largest IP packet that is tried."""

    def __post_init__(self) -> None:
        for field in fields(self):
            least = 0 if field.name.endswith("resends") else 576 if field.name == "max_mtu" else None
            value = getattr(self, field.name)
            if value < least if least is not None else value <= 0:
                raise ValueError(f"{field.name} must not be {value}")
        if self.loss_multiplier > 1:
            raise ValueError(f"loss_multiplier is a share, not {self.loss_multiplier}")
        if self.max_mtu > 65_535:
            raise ValueError(f"max_mtu {self.max_mtu} is more than IP can carry")
