"""One request and its response on one connection, sans-I/O, over h11 (RFC 9112).

Bytes in, events out: `ResponseStarted`, `BodyData`…, `ResponseEnded`.  Bodies are decoded (gzip, deflate, chunked) and
counted as they pass; nothing is collected here, so a web seed may stream gigabytes through it.

h11 reads heads, chunks and bodies that end with the connection. A body of announced length is only counted, so its bytes
go past h11, which would cost more than everything else on their way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import h11

from ..errors import LocalProtocolError
from ..types import Buffer
from .decoding import ACCEPT_ENCODING, ContentDecoder
from .errors import HttpProtocolError, HttpTooLarge
from .url import Url

__all__ = [
    "MAX_HEAD_SIZE",
    "MAX_INFORMATIONAL",
    "BodyData",
    "HttpExchange",
    "ResponseEnded",
    "ResponseEvent",
    "ResponseStarted",
    "headers_of",
]

MAX_HEAD_SIZE = 32 * 1024
"""Bytes of status line and headers; h11's own default is half of it, servers' are 8 KiB."""

_WITHOUT_BODY = (204, 304)

MAX_INFORMATIONAL = 8
"""Answers of the 1xx kind before the real one."""


@dataclass(frozen=True, slots=True)
class ResponseStarted:
    """Status line and headers are in."""

    status: int
    reason: str
    headers: Mapping[str, str]
    """Names in lower case; a repeated header is joined by commas (RFC 9110 5.3)."""

    @property
    def content_length(self) -> int | None:
        """Announced size of the body as sent, before decoding."""
        text = self.headers.get("content-length")
        return int(text) if text is not None else None


@dataclass(frozen=True, slots=True)
class BodyData:
    """A part of the decoded body."""

    data: bytes


@dataclass(frozen=True, slots=True)
class ResponseEnded:
    """The body was complete."""


ResponseEvent: TypeAlias = ResponseStarted | BodyData | ResponseEnded


class HttpExchange:
    """One request; a redirect or a second request takes another exchange."""

    def __init__(
        self,
        url: Url,
        *,
        headers: Sequence[tuple[str, str]] = (),
        user_agent: str = "",
        authorization: str | None = None,
        max_body: int | None = None,
        post: bytes | None = None,
    ) -> None:
        """`headers` come after ours.  A POST of `post` when that is given, else a GET.

        LocalProtocolError when a header is not legal HTTP.
        """
        self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_SIZE)
        self._max_body = max_body
        self._decoder = ContentDecoder()
        self._informational = 0
        self._left: int | None = None
        """Bytes still to come of a body of announced length; None while h11 reads."""
        self._events: deque[ResponseEvent] = deque()
        self._output = self._write_request(url, headers, user_agent, authorization, post)

    def data_to_send(self) -> bytes:
        """The request, once; empty afterwards."""
        output, self._output = self._output, b""
        return output

    def receive_data(self, data: Buffer) -> None:
        """Bytes from the server.  HttpProtocolError ends the exchange."""
        if not data:  # to h11 nothing means the end
            return
        if self._left is None:
            self._feed(bytes(data))
        elif self._left:
            self._count_body(data)

    def receive_eof(self) -> None:
        """The server closed its side, which ends a body without a length.  HttpProtocolError when it is too early."""
        if self._left is None:
            self._feed(b"")
        elif self._left:
            raise HttpProtocolError(f"malformed response: {self._left} bytes short of the announced length")

    def next_event(self) -> ResponseEvent | None:
        """The next thing that happened, or None."""
        return self._events.popleft() if self._events else None

    @property
    def is_done(self) -> bool:
        """The response was complete."""
        if self._left is not None:
            return not self._left
        return self._h11.their_state in (h11.DONE, h11.MUST_CLOSE, h11.CLOSED)

    def _write_request(
        self,
        url: Url,
        extra: Sequence[tuple[str, str]],
        user_agent: str,
        authorization: str | None,
        post: bytes | None,
    ) -> bytes:
        headers = [("Host", url.host_header)]
        if user_agent:
            headers.append(("User-Agent", user_agent))
        headers += [("Accept-Encoding", ACCEPT_ENCODING), ("Connection", "close")]
        if authorization is not None:
            headers.append(("Authorization", authorization))
        if post is not None:
            headers.append(("Content-Length", str(len(post))))
        method = "GET" if post is None else "POST"
        try:
            request = h11.Request(method=method, target=url.target, headers=[*headers, *extra])
            body = self._h11.send(request) or b""
            if post:
                body += self._h11.send(h11.Data(data=post)) or b""
            return body + (self._h11.send(h11.EndOfMessage()) or b"")
        except (h11.LocalProtocolError, UnicodeEncodeError) as error:
            raise LocalProtocolError(f"request cannot be sent: {error}") from error

    def _feed(self, data: bytes) -> None:
        if self.is_done:
            return  # what follows a complete response is not ours
        try:
            self._h11.receive_data(data)
            while (event := self._h11.next_event()) is not h11.NEED_DATA:
                self._handle(event)
                if isinstance(event, h11.EndOfMessage):
                    return
                if self._left is not None:
                    self._count_body(self._h11.trailing_data[0])
                    return
        except h11.RemoteProtocolError as error:
            if error.error_status_hint == 431:
                raise HttpTooLarge(f"response head of more than {MAX_HEAD_SIZE} bytes") from error
            raise HttpProtocolError(f"malformed response: {error}") from error

    def _count_body(self, data: Buffer) -> None:
        left = self._left
        assert left is not None
        if len(data) > left:
            data = data[:left]  # what follows is not ours
        self._left = left = left - len(data)
        if decoded := self._decoder.receive_data(data):
            self._events.append(BodyData(decoded))
        if not left:
            self._decoder.finish()
            self._events.append(ResponseEnded())

    def _handle(self, event: object) -> None:
        if isinstance(event, h11.Data):
            if decoded := self._decoder.receive_data(event.data):
                self._events.append(BodyData(decoded))
        elif isinstance(event, h11.Response):
            self._handle_response(event)
        elif isinstance(event, h11.EndOfMessage):
            self._decoder.finish()
            self._events.append(ResponseEnded())
        else:  # only 1xx is left: h11 raises where the server ends too early
            self._informational += 1
            if self._informational > MAX_INFORMATIONAL:
                raise HttpProtocolError(f"more than {MAX_INFORMATIONAL} informational responses")

    def _handle_response(self, response: h11.Response) -> None:
        headers = headers_of(response)
        started = ResponseStarted(response.status_code, response.reason.decode("latin-1"), headers)
        length = started.content_length
        if self._max_body is not None and length is not None and length > self._max_body:
            raise HttpTooLarge(f"body of {length} bytes, at most {self._max_body} are allowed")
        self._decoder = ContentDecoder(headers.get("content-encoding", ""), max_size=self._max_body)
        self._events.append(started)
        # As h11 does: chunks go before an announced length (RFC 9112 6.3).
        if length and "transfer-encoding" not in headers and started.status not in _WITHOUT_BODY:
            self._left = length


def headers_of(response: h11.Response) -> dict[str, str]:
    """The headers by name, in lower case; a repeated one is joined by commas (RFC 9110 5.3)."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in response.headers:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
