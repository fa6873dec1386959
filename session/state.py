"""Saved session state: `SessionParams` as bytes and back, in libtorrent's format.

Interchangeable with libtorrent.  Settings found there that this version does not act on, or to a value that it refuses, are kept and
written back, so a session saved here loses nothing there.  What libtorrent 1 and 2.0 saved of the DHT under a key of its own ("dht")
is read where there are no other settings, as libtorrent does, and not written.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from ..protocols.bencode import BencodeError, BencodeValue, decode, encode, find_dict, find_list
from ..protocols.dht import DhtState
from ..protocols.types import Buffer
from .errors import ErrorCode, SettingsError, StateDataError, TorrentErrc
from .flags import SaveStateFlags
from .params import SessionParams
from .settings import DEFAULTS, SettingValue

if TYPE_CHECKING:
    from .core.ip_filter import IpFilter

__all__ = [
    "MAX_SESSION_STATE",
    "read_session_params",
    "write_session_params",
    "write_session_params_buf",
]

MAX_SESSION_STATE: Final = 256 * 1024 * 1024
"""Bytes of saved state: an IP filter of some million ranges, and room."""

MAX_STATE_ITEMS: Final = 20_000_000
"""Bencoded items of saved state."""

_RANGES: Final = ((b"ip_filter4", socket.AF_INET, 4), (b"ip_filter6", socket.AF_INET6, 16))


def write_session_params_buf(
    params: SessionParams, flags: SaveStateFlags = SaveStateFlags.all_state
) -> bytes:
    """The state as bytes, to be saved and given to `read_session_params` another time."""
    return encode(write_session_params(params, flags))


def write_session_params(
    params: SessionParams, flags: SaveStateFlags = SaveStateFlags.all_state
) -> dict[bytes, Any]:
    """The state as a dictionary (Any: the values are what bencoding knows)."""
    table: dict[bytes, Any] = {}
    if flags & SaveStateFlags.save_settings:
        settings = params.unsupported_settings | params.settings.explicit()
        table[b"settings"] = {name.encode(): _written(value) for name, value in settings.items()}
    if flags & SaveStateFlags.save_dht_state and params.dht_state is not None:
        table[b"dht state"] = params.dht_state.to_table()
    if flags & SaveStateFlags.save_extension_state:
        table[b"extensions"] = {name.encode(): value for name, value in params.ext_state.items()}
    if flags & SaveStateFlags.save_ip_filter and params.ip_filter is not None:
        for (key, family, _), rules in zip(_RANGES, params.ip_filter.export_filter(), strict=True):
            packed = [
                socket.inet_pton(family, str(first)) + socket.inet_pton(family, str(last)) + _u32(access)
                for first, last, access in rules
            ]
            if packed:
                table[key] = packed
    return table


def read_session_params(
    data: Buffer | Mapping[bytes, Any], flags: SaveStateFlags = SaveStateFlags.all_state
) -> SessionParams:
    """What `write_session_params_buf` of this package or of libtorrent wrote.

    StateDataError when it is something else.  A setting with a wrong value is left at its default.
    """
    table: BencodeValue | Mapping[bytes, Any] = data if isinstance(data, Mapping) else _decoded(data)
    params = SessionParams()
    if not isinstance(table, Mapping):
        raise StateDataError("session state is a dictionary")
    if flags & SaveStateFlags.save_settings:
        settings = find_dict(table, b"settings")
        _read_settings(_old_dht_settings(table) if settings is None else settings, params)
    if flags & SaveStateFlags.save_dht_state:
        dht_state = find_dict(table, b"dht state")
        params.dht_state = None if dht_state is None else DhtState.from_table(dht_state)
    if flags & SaveStateFlags.save_extension_state:
        for name, value in (find_dict(table, b"extensions") or {}).items():
            if isinstance(value, bytes):
                params.ext_state[name.decode("utf-8", "replace")] = value
    if flags & SaveStateFlags.save_ip_filter:
        params.ip_filter = _read_ip_filter(table)
    return params


def _decoded(data: Buffer) -> BencodeValue:
    try:
        return decode(data, max_size=MAX_SESSION_STATE, max_items=MAX_STATE_ITEMS, strict=False)
    except BencodeError as error:
        code = ErrorCode.of(TorrentErrc.invalid_bencoding)
        raise StateDataError(str(error), code) from error


def _written(value: SettingValue) -> int | str:
    return int(value) if isinstance(value, bool) else value


def _u32(number: int) -> bytes:
    return (number & 0xFFFFFFFF).to_bytes(4, "big")


def _read_settings(table: Mapping[bytes, BencodeValue], params: SessionParams) -> None:
    for key, raw in table.items():
        name = key.decode("utf-8", "replace")
        if name not in DEFAULTS:
            continue
        value = _typed(raw, DEFAULTS[name])
        if value is None:
            continue
        try:
            params.settings[name] = value
        except SettingsError:
            params.unsupported_settings[name] = value


def _old_dht_settings(table: Mapping[bytes, BencodeValue]) -> dict[bytes, BencodeValue]:
    """Those under "dht", by the names they have now."""
    return {b"dht_" + name: value for name, value in (find_dict(table, b"dht") or {}).items()}


def _typed(raw: BencodeValue, default: SettingValue) -> SettingValue | None:
    """A saved value as the type of its setting; None when it is of another."""
    if isinstance(default, bool):
        return bool(raw) if isinstance(raw, int) else None
    if isinstance(default, int):
        return raw if isinstance(raw, int) else None
    return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else None


def _read_ip_filter(table: Mapping[bytes, BencodeValue]) -> IpFilter | None:
    rules: list[tuple[str, str, int]] = []
    for key, family, size in _RANGES:
        rules.extend(_ranges(find_list(table, key) or (), family, size))
    if not rules:
        return None
    from .core.ip_filter import IpFilter  # a session without a filter does not load it

    ip_filter = IpFilter()
    for first, last, access in rules:
        ip_filter.add_rule(first, last, access)
    return ip_filter


def _ranges(entries: Iterable[BencodeValue], family: int, size: int) -> Iterable[tuple[str, str, int]]:
    for entry in entries:
        if isinstance(entry, bytes) and len(entry) >= 2 * size + 4 and entry[:size] <= entry[size : 2 * size]:
            yield (
                socket.inet_ntop(family, entry[:size]),
                socket.inet_ntop(family, entry[size : 2 * size]),
                int.from_bytes(entry[2 * size : 2 * size + 4], "big"),
            )
