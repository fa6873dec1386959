"""Many GETs on one connection, answered in order, sans-I/O (RFC 9112 9.3): what a web seed is read through.

A body of a known length, which is nearly all of them, is not copied: its parts are views of what was received.  h11 parses the
heads, and bodies that are chunked or end with the connection.  Nothing is decoded: a range of encoded bytes would be of no use.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import h11

from ..errors import LocalProtocolError
from .errors import HttpProtocolError, HttpTooLarge
from .exchange import MAX_HEAD_SIZE, MAX_INFORMATIONAL, ResponseEnded, ResponseStarted, headers_of
from .url import Url

__all__ = ["BodyPart", "HttpPipeline", "PipelineEvent"]

_EMPTY = memoryview(b"")
_NO_BODY = (204, 304)


@dataclass(frozen=True, slots=True)
class BodyPart:
    """A part of the body of the response that started last."""

    data: memoryview
    """Good until the next `receive_data`: it may be a view of what was given there."""


PipelineEvent: TypeAlias = ResponseStarted | BodyPart | ResponseEnded


class HttpPipeline:
    """One connection to one server.  The caller says how many requests may be outstanding."""

    def __init__(self, *, user_agent: str = "") -> None:
        self.num_outstanding = 0
        """Requests whose response is not complete."""
        self.is_persistent = False
        """The last response promised that the connection stays: more than one request may be outstanding."""
        self.is_fresh = True
        """Nothing was asked yet."""
        self._user_agent = user_agent
        self._output: list[bytes] = []
        self._events: deque[PipelineEvent] = deque()
        self._parser: h11.Connection | None = None
        self._left = 0
        """Bytes missing of a body whose length is known."""
        self._informational = 0

    def send_get(
        self,
        url: Url,
        headers: Sequence[tuple[str, str]] = (),
        *,
        authorization: str | None = None,
        says_who: bool = True,
    ) -> None:
        """Ask for one more; `says_who` sends the user agent.  LocalProtocolError when it would not be legal HTTP."""
        lines = [("Host", url.host_header)]
        if self._user_agent and says_who:
            lines.append(("User-Agent", self._user_agent))
        lines.append(("Accept-Encoding", "identity"))
        if authorization is not None:
            lines.append(("Authorization", authorization))
        try:
            request = h11.Request(method="GET", target=url.target, headers=[*lines, *headers])
            self._output.append(h11.Connection(h11.CLIENT).send(request) or b"")
        except (h11.LocalProtocolError, UnicodeEncodeError) as error:
            raise LocalProtocolError(f"request cannot be sent: {error}") from error
        self.num_outstanding += 1
        self.is_fresh = False

    def data_to_send(self) -> bytes:
        """The requests since the last call."""
        output, self._output = b"".join(self._output), []
        return output

    def receive_data(self, data: bytes | bytearray | memoryview) -> None:
        """Bytes from the server.  Take the events before the next call.  HttpProtocolError ends the connection."""
        view = memoryview(data)
        while view:
            if self._left:
                part = view[: self._left]
                self._left -= len(part)
                self._events.append(BodyPart(part))
                view = view[len(part) :]
                if not self._left:
                    self._end()
            else:
                view = self._parse(bytes(view))

    def receive_eof(self) -> None:
        """The server closed its side: fine between responses, and the end of one without a length.  HttpProtocolError."""
        self.is_persistent = False
        if self._left:
            raise HttpProtocolError(f"the server closed the connection {self._left} bytes too early")
        if self._parser is not None:
            self._parse(b"")

    def next_event(self) -> PipelineEvent | None:
        """The next thing that happened, or None."""
        return self._events.popleft() if self._events else None

    def _parse(self, data: bytes) -> memoryview:
        """Feed h11; gives what follows once a body of known length begins, or a response ended."""
        parser = self._parser
        if parser is None:
            if not self.num_outstanding:
                raise HttpProtocolError("a response to no request")
            parser = self._parser = _response_parser()
        try:
            parser.receive_data(data)
            while (event := parser.next_event()) is not h11.NEED_DATA:
                if isinstance(event, h11.Data):
                    self._events.append(BodyPart(memoryview(bytes(event.data))))
                elif isinstance(event, h11.InformationalResponse):
                    self._informational += 1
                    if self._informational > MAX_INFORMATIONAL:
                        raise HttpProtocolError(f"more than {MAX_INFORMATIONAL} informational responses")
                elif isinstance(event, h11.Response):
                    if self._begin(event):
                        return self._rest(parser)
                else:
                    self._end()
                    return self._rest(parser)
        except h11.RemoteProtocolError as error:
            if error.error_status_hint == 431:
                raise HttpTooLarge(f"response head of more than {MAX_HEAD_SIZE} bytes") from error
            raise HttpProtocolError(f"malformed response: {error}") from error
        return _EMPTY

    def _begin(self, response: h11.Response) -> bool:
        """A head is complete.  True when the body is ours to count, or there is none."""
        headers = headers_of(response)
        if headers.get("content-encoding", "identity") != "identity":
            raise HttpProtocolError(f"encoded in a way that was not asked for: {headers['content-encoding']}")
        started = ResponseStarted(response.status_code, response.reason.decode("latin-1"), headers)
        connection = headers.get("connection", "").lower()
        is_modern = response.http_version >= b"1.1"
        self.is_persistent = "close" not in connection and (is_modern or "keep-alive" in connection)
        self._events.append(started)
        length = 0 if started.status in _NO_BODY else started.content_length
        if length is None or "transfer-encoding" in headers:
            return False
        self._left = length
        if not length:
            self._end()
        return True

    def _end(self) -> None:
        self._parser = None
        self._informational = 0
        self.num_outstanding -= 1
        self._events.append(ResponseEnded())

    def _rest(self, parser: h11.Connection) -> memoryview:
        self._parser = None
        return memoryview(parser.trailing_data[0])


def _response_parser() -> h11.Connection:
    """Parses the response to a GET; what the request was does not matter otherwise."""
    parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_SIZE)
    parser.send(h11.Request(method="GET", target="/", headers=[("Host", "-")]))
    parser.send(h11.EndOfMessage())
    return parser
