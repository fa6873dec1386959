"""Settings: every name libtorrent 2.1.1 knows, with type, default and range, in one dictionary-like object.

Nothing is accepted and then ignored: a name this version does not act on takes its default and nothing else
(`UnsupportedSetting` says why), so a program learns at once what it cannot have.  Changes are all or nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import TypeAlias

from .errors import InvalidSetting, UnknownSetting, UnsupportedSetting
from .settings_honoured import HONOURED, Honoured
from .settings_table import UNSUPPORTED

__all__ = [
    "DEFAULTS",
    "HONOURED",
    "SettingValue",
    "SettingsPack",
    "default_settings",
    "high_performance_seed",
    "min_memory_usage",
]

SettingValue: TypeAlias = int | bool | str

_REASONS: dict[str, str] = {name: why for why, names in UNSUPPORTED.items() for name in names}

DEFAULTS: dict[str, SettingValue] = {
    **{name: row.default for name, row in HONOURED.items()},
    **{name: default for names in UNSUPPORTED.values() for name, default in names.items()},
}
"""Every name and its default."""


class SettingsPack(MutableMapping[str, SettingValue]):
    """All settings; those not set have their default.

    Reading gives the value or the default; setting checks; deleting goes back to the default.  `apply` takes what is set
    in another pack or mapping.  Not for use by two threads at once.
    """

    __slots__ = ("_set", "_values")

    def __init__(self, settings: Mapping[str, SettingValue] | None = None) -> None:
        self._values = dict(DEFAULTS)
        self._set: set[str] = set()
        if settings is not None:
            self.apply(settings)

    def apply(self, delta: Mapping[str, SettingValue]) -> set[str]:
        """Take over what `delta` sets; return the names whose value is now another.

        A `SettingsPack` sets only what was set in it.  When one value is refused nothing is changed.
        """
        given = delta.explicit() if isinstance(delta, SettingsPack) else delta
        checked = {name: check_setting(name, value) for name, value in given.items()}
        changed = {name for name, value in checked.items() if self._values[name] != value}
        self._values.update(checked)
        self._set.update(checked)
        return changed

    def explicit(self) -> dict[str, SettingValue]:
        """What was set, also where it equals the default."""
        return {name: self._values[name] for name in sorted(self._set)}

    def non_default(self) -> dict[str, SettingValue]:
        """What differs from the defaults: what is worth saving."""
        return {name: value for name, value in self._values.items() if value != DEFAULTS[name]}

    def copy(self) -> SettingsPack:
        """An independent pack."""
        other = SettingsPack()
        other._values.update(self._values)
        other._set.update(self._set)
        return other

    def has_val(self, name: str) -> bool:
        """The setting was set."""
        _require_known(name)
        return name in self._set

    def get_int(self, name: str) -> int:
        """The value of a number.  InvalidSetting when it is none."""
        value = self[name]
        if type(value) is not int:
            raise InvalidSetting(name, value, "not a number")
        return value

    def get_bool(self, name: str) -> bool:
        """The value of a flag.  InvalidSetting when it is none."""
        value = self[name]
        if type(value) is not bool:
            raise InvalidSetting(name, value, "not a flag")
        return value

    def get_str(self, name: str) -> str:
        """The value of a string.  InvalidSetting when it is none."""
        value = self[name]
        if type(value) is not str:
            raise InvalidSetting(name, value, "not a string")
        return value

    def __getitem__(self, name: str) -> SettingValue:
        try:
            return self._values[name]
        except KeyError:
            raise UnknownSetting(name) from None

    def __setitem__(self, name: str, value: SettingValue) -> None:
        self.apply({name: value})

    def __delitem__(self, name: str) -> None:
        _require_known(name)
        self._values[name] = DEFAULTS[name]
        self._set.discard(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __repr__(self) -> str:
        return f"SettingsPack({self.explicit()!r})"


def check_setting(name: str, value: object) -> SettingValue:
    """The value as it is kept.  SettingsError when it is refused."""
    _require_known(name)
    checked = _as_type_of(DEFAULTS[name], name, value)
    row = HONOURED.get(name)
    if row is not None:
        _check_range(name, checked, row)
    elif checked != DEFAULTS[name]:
        raise UnsupportedSetting(name, _REASONS[name])
    return checked


def _require_known(name: str) -> None:
    if name not in DEFAULTS:
        raise UnknownSetting(name)


def _as_type_of(default: SettingValue, name: str, value: object) -> SettingValue:
    if isinstance(default, bool):
        if isinstance(value, bool):
            return value
        raise InvalidSetting(name, value, "it is True or False")
    if isinstance(default, int):
        if isinstance(value, int) and not isinstance(value, bool):
            return int(value)
        raise InvalidSetting(name, value, "it is an integer")
    if isinstance(value, str):
        return value
    raise InvalidSetting(name, value, "it is a string")


def _check_range(name: str, value: SettingValue, row: Honoured) -> None:
    if isinstance(value, bool):
        return
    if row.choices and value not in row.choices:
        raise InvalidSetting(name, value, f"it is one of {', '.join(map(str, row.choices))}")
    size = len(value.encode("utf-8", "surrogatepass")) if isinstance(value, str) else value
    if not row.minimum <= size <= row.maximum:
        what = "its length in bytes" if isinstance(value, str) else "it"
        raise InvalidSetting(name, value, f"{what} is from {row.minimum} to {row.maximum}")


def default_settings() -> dict[str, SettingValue]:
    """Every name and its default, as a dictionary of your own."""
    return dict(DEFAULTS)


def high_performance_seed() -> SettingsPack:
    """libtorrent's preset for a seed box with memory to spend, as far as this version acts on it."""
    return SettingsPack(
        {
            "active_limit": 20_000,
            "active_seeds": 2000,
            "active_tracker_limit": 2000,
            "active_dht_limit": 600,
            "aio_threads": 8,
            "alert_queue_size": 10_000,
            "allowed_fast_set_size": 0,
            "connection_speed": 500,
            "connections_limit": 8000,
            "file_pool_size": 500,
            "inactivity_timeout": 20,
            "listen_queue_size": 3000,
            "max_failcount": 1,
            "max_out_request_queue": 1500,
            "max_peer_recv_buffer_size": 5 * 1024 * 1024,
            "max_queued_disk_bytes": 7 * 1024 * 1024,
            "max_rejects": 10,
            "mixed_mode_algorithm": 0,
            "peer_timeout": 20,
            "request_timeout": 10,
            "send_buffer_low_watermark": 1024 * 1024,
            "send_buffer_watermark": 3 * 1024 * 1024,
            "send_buffer_watermark_factor": 150,
            "send_not_sent_low_watermark": 512 * 1024,
            "suggest_mode": 1,
            "unchoke_slots_limit": -1,
        }
    )


def min_memory_usage() -> SettingsPack:
    """libtorrent's preset for small machines, as far as this version acts on it."""
    return SettingsPack(
        {
            "aio_threads": 1,
            "alert_queue_size": 100,
            "connection_speed": 5,
            "file_pool_size": 4,
            "inactivity_timeout": 120,
            "max_allowed_in_request_queue": 100,
            "max_failcount": 2,
            "max_out_request_queue": 300,
            "max_paused_peerlist_size": 50,
            "max_peer_recv_buffer_size": 32 * 1024 + 200,
            "max_peerlist_size": 500,
            "max_queued_disk_bytes": 1,
            "max_rejects": 10,
            "recv_socket_buffer_size": 16 * 1024,
            "send_buffer_watermark": 9,
            "send_socket_buffer_size": 16 * 1024,
            "use_parole_mode": False,
            "whole_pieces_threshold": 2,
        }
    )
