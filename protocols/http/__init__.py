"""HTTP/1.1 client, sans-I/O and on any `Base`: for trackers and web seeds."""

from __future__ import annotations

from .addresses import AddressGuard, AddressScope, address_scope
from .dialing import PlatformPorts
from .errors import (
    HttpConnectionError,
    HttpError,
    HttpProtocolError,
    HttpRefused,
    HttpStatusError,
    HttpTimeout,
    HttpTooLarge,
    HttpUrlError,
)
from .exchange import BodyData, HttpExchange, ResponseEnded, ResponseStarted
from .fetch import FetchOptions, FetchPorts, HttpFetch, HttpResponse
from .request import HttpRequest
from .url import Url, parse_url

__all__ = [
    "AddressGuard",
    "AddressScope",
    "BodyData",
    "FetchOptions",
    "FetchPorts",
    "HttpConnectionError",
    "HttpError",
    "HttpExchange",
    "HttpFetch",
    "HttpProtocolError",
    "HttpRefused",
    "HttpRequest",
    "HttpResponse",
    "HttpStatusError",
    "HttpTimeout",
    "HttpTooLarge",
    "HttpUrlError",
    "PlatformPorts",
    "ResponseEnded",
    "ResponseStarted",
    "Url",
    "address_scope",
    "parse_url",
]
