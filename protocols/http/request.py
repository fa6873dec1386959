"""`HttpRequest`: a fetch as a `Handle`, for whoever drives a `Multi` and reads its messages."""

from __future__ import annotations

from collections.abc import Callable

from ..engine.endpoint import Handle
from ..engine.multi import Multi
from .dialing import PlatformPorts
from .errors import HttpError, HttpStatusError
from .fetch import FetchOptions, FetchPorts, HttpFetch, HttpResponse
from .url import Url, parse_url

__all__ = ["HttpRequest"]


class HttpRequest(Handle):
    """GET one URL.  Finishes with an HttpResponse; fails with an HttpError, also for a status that is no success."""

    def __init__(
        self,
        url: str | Url,
        *,
        options: FetchOptions | None = None,
        on_body: Callable[[bytes], object] | None = None,
        ports: FetchPorts | None = None,
    ) -> None:
        """HttpUrlError for a URL that cannot be fetched.  `ports` default to the engine's platform."""
        super().__init__()
        self.url = parse_url(url) if isinstance(url, str) else url
        """What is asked for, before redirects."""
        self._options = options
        self._on_body = on_body
        self._ports = ports
        self._fetch: HttpFetch | None = None

    def start(self, engine: Multi) -> None:
        """Called by the engine."""
        ports = self._ports or PlatformPorts(engine.platform)
        on_body = None if self._on_body is None else self._hand_over
        # On the engine, not on this handle: a connection may outlive it by the time it takes to close politely.
        self._fetch = HttpFetch(
            engine, ports, self.url, self._on_done, options=self._options, on_body=on_body
        )
        self._fetch.start()

    def stop(self) -> None:
        """Called by the engine."""
        assert self._fetch is not None
        self._fetch.cancel()

    def _hand_over(self, data: bytes) -> None:
        assert self._on_body is not None
        try:
            self._on_body(data)
        except Exception as error:
            self.fail(error)

    def _on_done(self, response: HttpResponse | None, error: HttpError | None) -> None:
        if response is None:
            assert error is not None
            self.fail(error)
        elif not response.is_success:
            self.fail(HttpStatusError(response.status, response.reason))
        else:
            self.finish(response)
