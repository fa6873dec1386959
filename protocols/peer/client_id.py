"""Peer ids (BEP 20): making ours, and naming the client behind theirs."""

from __future__ import annotations

from ..types import PeerId

__all__ = ["client_name", "make_peer_id"]

_AZUREUS = {
    "7T": "aTorrent", "A2": "aria2", "AG": "Ares", "AN": "Ares", "AR": "Arctic", "AT": "Artemis", "AV": "Avicora",
    "AX": "BitPump", "AZ": "Azureus", "BB": "BitBuddy", "BC": "BitComet", "BE": "Baretorrent", "BF": "Bitflu", "BG": "BTG",
    "BI": "BiglyBT", "BL": "BitLord", "BR": "BitRocket", "BT": "BitTorrent", "BW": "BitWombat", "BX": "Bittorrent X",
    "CD": "Enhanced CTorrent", "CT": "CTorrent", "DE": "Deluge", "DP": "Propagate", "EB": "EBit", "ES": "electric sheep",
    "EV": "evtorrent", "FC": "FileCroc", "FG": "FlashGet", "FT": "FoxTorrent", "FW": "FrostWire", "FX": "Freebox BitTorrent",
    "GR": "GetRight", "GS": "GSTorrent", "GT": "anacrolix/torrent", "HL": "Halite", "HN": "Hydranode", "KG": "KGet",
    "KT": "KTorrent", "LC": "LeechCraft", "LH": "LH-ABC", "LK": "Linkage", "LP": "Lphant", "LT": "libtorrent",
    "LW": "LimeWire", "MG": "MediaGet", "MK": "Meerkat", "ML": "MLDonkey", "MO": "MonoTorrent", "MP": "MooPolice",
    "MR": "Miro", "MT": "Moonlight Torrent", "NX": "Net Transport", "OS": "OneSwarm", "OT": "OmegaTorrent",
    "PC": "CacheLogic", "PD": "Pando", "PI": "PicoTorrent", "QD": "qqdownload", "QT": "Qt 4 Torrent", "RT": "Retriever",
    "RZ": "RezTorrent", "SB": "Swiftbit", "SD": "Thunder", "SN": "ShareNet", "SS": "SwarmScope", "ST": "SymTorrent",
    "SZ": "Shareaza", "TB": "Torch", "TL": "Tribler", "TN": "Torrent.NET", "TR": "Transmission", "TS": "TorrentStorm",
    "TT": "TuoTu", "UL": "uLeecher!", "UM": "µTorrent Mac", "UT": "µTorrent", "VG": "Vagaa", "WD": "WebTorrent Desktop",
    "WT": "BitLet", "WW": "WebTorrent", "WY": "FireTorrent", "XC": "Xtorrent", "XL": "Xunlei", "XT": "XanTorrent",
    "XX": "XTorrent", "ZT": "ZipTorrent", "lt": "rTorrent", "qB": "qBittorrent", "rQ": "rqbit", "st": "sharktorrent",
}  # fmt: skip
"""Two-letter codes of the Azureus style, `-XXnnnn-`."""

_SHADOW = {
    "A": "ABC",
    "M": "Mainline",
    "O": "Osprey",
    "Q": "BTQueue",
    "R": "Tribler",
    "S": "Shadow",
    "T": "BitTornado",
    "U": "UPnP",
}
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz.-"


def make_peer_id(fingerprint: str, random_bytes: bytes) -> PeerId:
    """A peer id that begins with `fingerprint` (such as "-EV0100-") and ends with characters drawn from `random_bytes`.

    ValueError when the fingerprint is not ASCII or longer than 20, or there are too few random bytes.
    """
    prefix = fingerprint.encode("ascii")
    missing = 20 - len(prefix)
    if missing < 0 or len(random_bytes) < missing:
        raise ValueError(f"a peer id has 20 bytes: fingerprint {len(prefix)}, random {len(random_bytes)}")
    alphabet = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_"
    return PeerId(prefix + bytes(alphabet[byte & 63] for byte in random_bytes[:missing]))


def client_name(peer_id: bytes) -> str:
    """The client and version a peer id claims, such as "qBittorrent 4.6.2"; printable whatever the bytes are."""
    text = peer_id.decode("latin-1")
    if len(text) >= 8 and text[0] == "-" and text[7] == "-":
        code = text[1:3]
        name = _AZUREUS.get(code) or (code if code.isalnum() and code.isascii() else None)
        version = [_DIGITS.find(digit) for digit in text[3:7]]
        if name is not None and min(version) >= 0:
            while len(version) > 2 and version[-1] == 0:
                version.pop()
            return f"{name} {'.'.join(map(str, version))}"
    if len(text) >= 4 and text[0] == "M" and text[1].isdigit() and "-" in text[1:8]:
        digits = text[1:8].split("--")[0].rstrip("-").split("-")
        if all(part.isdigit() and part.isascii() for part in digits):
            return f"Mainline {'.'.join(digits)}"
    if len(text) >= 6 and text[0] in _SHADOW and text[4:6] == "--":
        version = [_DIGITS.find(digit) for digit in text[1:4].rstrip("-")]
        if version and min(version) >= 0:
            return f"{_SHADOW[text[0]]} {'.'.join(map(str, version))}"
    return (
        "unknown ["
        + "".join(char if char.isascii() and char.isprintable() else "." for char in text[:8])
        + "]"
    )
