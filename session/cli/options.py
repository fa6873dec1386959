"""Options that several commands share, and the types of their values."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .units import parse_duration, parse_size

__all__ = ["DURATION", "ENDPOINT", "LISTEN", "SIZE", "output_options", "session_options"]

# Any: a decorator of click gives back whatever it was put on.
F = TypeVar("F", bound=Callable[..., Any])

if TYPE_CHECKING:
    IntParam = click.ParamType[int]
    FloatParam = click.ParamType[float]
    EndpointParam = click.ParamType[tuple[str, int]]
    StrParam = click.ParamType[str]
else:
    # Older versions of click know no parameters here.
    IntParam = FloatParam = EndpointParam = StrParam = click.ParamType

_INT_MAX = 2**31 - 1


class SizeType(IntParam):
    """Bytes, with units; as a rate, up to what a setting holds."""

    name = "size"

    def __init__(self, *, maximum: int | None = None) -> None:
        self._maximum = maximum

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """ParamType's."""
        if isinstance(value, int):
            return value
        try:
            size = parse_size(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if self._maximum is not None and size > self._maximum:
            self.fail(f"{value!r} is more than there can be", param, ctx)
        return size


class DurationType(FloatParam):
    """Seconds, with units."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """ParamType's."""
        if isinstance(value, int | float):
            return float(value)
        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class EndpointType(EndpointParam):
    """HOST:PORT; names are looked up at once, as a torrent takes numeric addresses only."""

    name = "host:port"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """ParamType's."""
        if isinstance(value, tuple):
            return value
        host, colon, digits = str(value).rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if (
            not colon
            or not host
            or not (digits.isascii() and digits.isdigit())
            or not 0 < int(digits) < 65536
        ):
            self.fail(f"{value!r} is not HOST:PORT", param, ctx)
        return self._address(host, param, ctx), int(digits)

    def _address(self, host: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return str(ipaddress.ip_address(host))
        except ValueError:
            pass
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            self.fail(f"{host!r} has no address: {error}", param, ctx)
        return str(found[0][4][0])


class ListenType(StrParam):
    """A port on all interfaces, or a list as the setting `listen_interfaces` takes it."""

    name = "port|interfaces"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """ParamType's."""
        text = str(value).strip()
        if not (text.isascii() and text.isdigit()):
            return text
        if int(text) > 65535:
            self.fail(f"there is no port {text}", param, ctx)
        return f"0.0.0.0:{int(text)},[::]:{int(text)}"


SIZE = SizeType()
RATE = SizeType(maximum=_INT_MAX)
DURATION = DurationType()
ENDPOINT = EndpointType()
LISTEN = ListenType()


def session_options(command: F) -> F:
    """--listen, --peer, --dht-node, --dht, --limit-down, --limit-up, --lsd."""
    rows = (
        click.option(
            "--listen",
            type=LISTEN,
            help="Port (0: any free one) or interfaces, as 0.0.0.0:6881,[::]:6881.  "
            "Default: port 6881, or one of the ten above it.",
        ),
        click.option(
            "--peer", "peers", type=ENDPOINT, multiple=True, help="A peer to connect to; may be repeated."
        ),
        click.option(
            "--dht-node",
            "dht_nodes",
            type=ENDPOINT,
            multiple=True,
            help="A DHT node to begin with, instead of the usual routers; may be repeated.",
        ),
        click.option("--dht/--no-dht", "has_dht", default=True, help="Take part in the DHT; on by default."),
        click.option(
            "--limit-down", type=RATE, default=0, help="Download at most so much a second: 500k, 2MiB."
        ),
        click.option("--limit-up", type=RATE, default=0, help="Upload at most so much a second."),
        click.option(
            "--lsd/--no-lsd",
            default=True,
            envvar="EVTORRENT_LSD",
            help="Find peers on the local network.  Default: yes, or what EVTORRENT_LSD says (0, 1).",
        ),
    )
    for row in reversed(rows):
        command = row(command)
    return command


def output_options(command: F) -> F:
    """--json, --quiet."""
    rows = (
        click.option(
            "--json", "as_json", is_flag=True, help="One JSON object a line on stdout, for machines."
        ),
        click.option("--quiet", "-q", is_flag=True, help="Print nothing but errors."),
    )
    for row in reversed(rows):
        command = row(command)
    return command
