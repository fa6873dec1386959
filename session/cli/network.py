"""How a session reaches others, as the command line says: limits of connections, encryption, a proxy, an interface, I2P.

`network_options` gives a command `network`, whose `settings` are the session's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import click

from .exit_status import CommandFailed, ExitStatus
from .option_groups import grouped
from .options import StrParam

__all__ = ["PROXY", "Network", "Proxy", "network_options", "refuse_around_proxy"]

DEFAULT_PORT: Final = 6881
"""Where `--interface` listens unless `--listen` says another port."""

_MAX_CONNECTIONS: Final = 1_000_000
_EVERYWHERE = re.compile(r"0\.0\.0\.0:([0-9]+),\[::\]:\1")
"""What `--listen PORT` becomes."""

# `EncPolicy` and `ProxyType`; loading the session for `--help` would take its time.
_POLICIES: Final = {"require": 0, "prefer": 1, "refuse": 2}
_PROXY_TYPES: Final = {("socks4", False): 1, ("socks5", False): 2, ("socks5", True): 3, ("http", False): 4, ("http", True): 5}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where a proxy is, and how it is spoken to."""

    kind: int
    """`ProxyType`"""
    host: str
    port: int
    username: str = ""
    password: str = ""


class ProxyUrl(StrParam):
    """socks5://[user:password@]host:port, socks4:// or http://"""

    name = "url"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """ParamType's (Any: its own type, a str or what becomes of it)."""
        if isinstance(value, Proxy):
            return value
        try:
            return _parsed_proxy(str(value))
        except ValueError as error:
            # The URL is not repeated: it may hold a password.
            self.fail(f"no proxy: {error}", param, ctx)


def _parsed_proxy(text: str) -> Proxy:
    parts = urlsplit(text)
    kinds = {scheme for scheme, _ in _PROXY_TYPES}
    if parts.scheme not in kinds:
        raise ValueError("write socks5://HOST:PORT, socks4://HOST:PORT or http://HOST:PORT")
    if parts.hostname is None or parts.port is None or not parts.port:
        raise ValueError("it needs a host and a port")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError("nothing may follow the port")
    username, password = unquote(parts.username or ""), unquote(parts.password or "")
    kind = _PROXY_TYPES.get((parts.scheme, bool(username or password)))
    if kind is None:
        raise ValueError("SOCKS4 knows no passwords")
    return Proxy(kind, parts.hostname, parts.port, username, password)


PROXY = ProxyUrl()


@dataclass(frozen=True, slots=True)
class Network:
    """What was chosen; the defaults choose nothing."""

    max_connections: int | None = None
    max_uploads: int | None = None
    encryption: str | None = None
    proxy: Proxy | None = None
    interface: str | None = None
    i2p_host: str | None = None
    i2p_port: int | None = None

    def settings(self, listen: str | None = None) -> dict[str, int | bool | str]:
        """The settings that differ.  click.UsageError where `listen` (`--listen`) does not go with the rest."""
        settings: dict[str, int | bool | str] = {}
        if self.max_connections is not None:
            settings["connections_limit"] = self.max_connections
        if self.max_uploads is not None:
            settings["unchoke_slots_limit"] = self.max_uploads
        if self.encryption is not None:
            settings["out_enc_policy"] = settings["in_enc_policy"] = _POLICIES[self.encryption]
        if self.proxy is not None:
            settings |= self._proxy_settings(self.proxy, listen)
        if self.interface is not None:
            settings["listen_interfaces"] = self._listen_interfaces(self.interface, listen)
        if self.i2p_host is not None:
            settings["i2p_hostname"] = self.i2p_host
        if self.i2p_port is not None:
            if self.i2p_host is None:
                raise click.UsageError("--i2p-port says nothing without --i2p-host")
            settings["i2p_port"] = self.i2p_port
        return settings

    def _proxy_settings(self, proxy: Proxy, listen: str | None) -> dict[str, int | bool | str]:
        if listen is not None or self.interface is not None:
            raise click.UsageError("nothing listens beside a --proxy: leave out --listen and --interface")
        return {
            "proxy_type": proxy.kind,
            "proxy_hostname": proxy.host,
            "proxy_port": proxy.port,
            "proxy_username": proxy.username,
            "proxy_password": proxy.password,
        }

    def _listen_interfaces(self, interface: str, listen: str | None) -> str:
        port = str(DEFAULT_PORT)
        if listen is not None:
            everywhere = _EVERYWHERE.fullmatch(listen)
            if everywhere is None:
                raise click.UsageError("beside --interface, --listen takes a port and nothing else")
            port = everywhere[1]
        if not interface or set(interface) & set(',"[] \t'):
            raise click.UsageError(f"{interface!r} is no interface")
        return f"[{interface}]:{port}" if ":" in interface else f"{interface}:{port}"


def refuse_around_proxy(uri: str, settings: Mapping[str, object]) -> None:
    """CommandFailed for a web address beside a proxy: what fetches .torrent files would go around it."""
    if settings.get("proxy_type") and uri.lower().startswith(("http://", "https://")):
        raise CommandFailed(f"{uri} is not fetched through a proxy: give the file", ExitStatus.USAGE)


_ROWS = (
    click.option(
        "--max-connections",
        type=click.IntRange(2, _MAX_CONNECTIONS),
        help="Peers connected at a time, of all torrents together.  Default: 200.",
    ),
    click.option(
        "--max-uploads", type=click.IntRange(1, _MAX_CONNECTIONS), help="Peers served at a time.  Default: 8."
    ),
    click.option(
        "--encryption",
        type=click.Choice(list(_POLICIES)),
        help="Of connections with peers.  Default: prefer, that is to try it first.",
    ),
    click.option(
        "--proxy",
        type=PROXY,
        envvar="EVTORRENT_PROXY",
        help="Reach peers and trackers through socks5://[USER:PASSWORD@]HOST:PORT, socks4:// or http://; nothing listens "
        "then, and only socks5 carries DHT, uTP and UDP trackers.  Default: what EVTORRENT_PROXY says.",
    ),
    click.option(
        "--interface",
        metavar="NAME|ADDRESS",
        help="Accept connections there only: tun0, 192.0.2.7.  Those we make go as the system routes them.",
    ),
    click.option(
        "--i2p-host",
        metavar="HOST",
        help="Where the SAM bridge of an I2P router is; torrents whose trackers are on I2P need one.",
    ),
    click.option("--i2p-port", type=click.IntRange(1, 65_535), help="Its port.  Default: 7656."),
)

network_options = grouped(
    "network",
    Network,
    _ROWS,
    "max_connections",
    "max_uploads",
    "encryption",
    "proxy",
    "interface",
    "i2p_host",
    "i2p_port",
)
"""--max-connections, --max-uploads, --encryption, --proxy, --interface, --i2p-host, --i2p-port, as `network`."""
