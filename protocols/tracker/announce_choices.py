"""What the user would have every tracker told, whatever the torrent says (names as libtorrent's)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .announce import AnnounceRequest

__all__ = ["AnnounceChoices"]


@dataclass(frozen=True, slots=True)
class AnnounceChoices:
    """Changes to what a torrent says of itself."""

    announce_ip: str = ""
    """Our address, where it is not the one the tracker sees; empty says nothing."""
    announce_port: int = 0
    """Where peers reach us, in place of the port that listens; 0 leaves it."""
    supports_crypto: bool = False
    """Say that we accept encrypted connections."""
    report_redundant_bytes: bool = True
    """Say how many bytes came twice."""

    def __post_init__(self) -> None:
        if not 0 <= self.announce_port <= 0xFFFF:
            raise ValueError(f"port {self.announce_port} for announces")

    def apply(self, request: AnnounceRequest) -> AnnounceRequest:
        """What is sent of `request`."""
        return replace(
            request,
            ip=request.ip or self.announce_ip,
            port=self.announce_port or request.port,
            supportcrypto=request.supportcrypto or self.supports_crypto,
            redundant=request.redundant if self.report_redundant_bytes else None,
        )
