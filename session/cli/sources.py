"""What `get` is given: a .torrent file, a link to one, a magnet link or a bare info-hash, made into `AddTorrentParams`."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Final

from ...protocols.bencode import BencodeError
from ...protocols.metainfo import LoadLimits, MagnetError, MetainfoError
from .. import AddTorrentParams, load_torrent_buffer, load_torrent_file, parse_magnet_uri
from .exit_status import CommandFailed, ExitStatus

__all__ = ["load_source", "load_torrent"]

FETCH_TIMEOUT: Final = 30.0
"""Seconds a web server may be silent."""

_INFO_HASH = re.compile(r"[0-9a-fA-F]{40}|[A-Za-z2-7]{32}")
_LIMITS: Final = LoadLimits()


def load_source(uri: str) -> AddTorrentParams:
    """The torrent `uri` means.  CommandFailed when there is none."""
    lower = uri[:8].lower()
    if lower.startswith("magnet:"):
        return _load_magnet(uri)
    if lower.startswith(("http://", "https://")):
        return _parsed(uri, _fetch(uri))
    if _INFO_HASH.fullmatch(uri):
        return _load_magnet(f"magnet:?xt=urn:btih:{uri}")
    return load_torrent(uri)


def load_torrent(path: str) -> AddTorrentParams:
    """The torrent in a file.  CommandFailed."""
    try:
        return load_torrent_file(path)
    except OSError as error:
        raise CommandFailed(f"cannot read {path}: {error.strerror or error}", ExitStatus.BAD_INPUT) from None
    except (MetainfoError, BencodeError) as error:
        raise _unusable(path, error) from None


def _load_magnet(uri: str) -> AddTorrentParams:
    try:
        return parse_magnet_uri(uri)
    except MagnetError as error:
        raise CommandFailed(f"bad magnet link: {error}", ExitStatus.BAD_INPUT) from None


def _parsed(where: str, data: bytes) -> AddTorrentParams:
    try:
        return load_torrent_buffer(data)
    except (MetainfoError, BencodeError) as error:
        raise _unusable(where, error) from None


def _unusable(where: str, error: MetainfoError | BencodeError) -> CommandFailed:
    return CommandFailed(f"{where} is no valid .torrent: {error}", ExitStatus.BAD_INPUT)


def _fetch(url: str) -> bytes:
    """The user named this address, so nothing guards it but size and time."""
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "evtorrent"})
        with urllib.request.urlopen(request, timeout=FETCH_TIMEOUT) as response:
            data: bytes = response.read(_LIMITS.max_buffer_size + 1)
    except (urllib.error.URLError, HTTPException, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise CommandFailed(f"cannot fetch {url}: {reason}", ExitStatus.BAD_INPUT) from None
    if len(data) > _LIMITS.max_buffer_size:
        raise CommandFailed(
            f"{url} has more than {_LIMITS.max_buffer_size} bytes: no .torrent", ExitStatus.BAD_INPUT
        )
    return data
