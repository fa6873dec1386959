"""`TrackerClient`: announces and scrapes of a whole session, over HTTP, HTTPS and UDP, by URL.

One client a session.  HTTP announces are bounded in number and queue in order; UDP ones share one machine and one socket a
family.  Every call ends once in `on_done(response, error)`, never inside the call that started it, or never after `cancel`.

Server-side request forgery (`ssrf_mitigation`): an HTTP tracker on a loopback address must have a path that begins like a
tracker's, its URL must not bring arguments that only we may set, and redirects never lead inwards.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar

from ..engine.ports import Base, DatagramSocket, Platform, ResolveCallback, Timer
from ..errors import LocalProtocolError, TransportError
from ..http.addresses import AddressGuard, numeric_host
from ..http.dialing import PlatformPorts
from ..http.errors import (
    HttpConnectionError,
    HttpError,
    HttpProtocolError,
    HttpTimeout,
)
from ..http.fetch import FetchOptions, FetchPorts, HttpFetch, HttpResponse
from ..http.sam_ports import SamPorts
from ..http.url import Url, parse_url
from ..sam.destination import is_i2p_host
from ..transport.proxy import ProxyOptions
from ..transport.sam import SamOptions
from ..transport.socks5_datagrams import Socks5Datagrams
from ..types import Address, Buffer
from .announce import MAX_SCRAPE_HASHES, AnnounceEvent, AnnounceRequest, AnnounceResponse, ScrapeResponse
from .errors import (
    InvalidTrackerResponse,
    NoI2pRouter,
    TrackerError,
    TrackerHttpStatus,
    TrackerRefused,
    TrackerSkipped,
    TrackerTimeout,
    TrackerUnreachable,
)
from .http import announce_url, has_tracker_arguments, parse_announce, parse_scrape, scrape_url
from .i2p_urls import is_i2p_url
from .local_end import ANYWHERE, LocalEnd
from .udp import UdpTimings
from .udp_service import AF_INET, DatagramRelay, OpenRelay
from .udp_sources import UdpSources

__all__ = ["TrackerCall", "TrackerClient", "TrackerClientSettings", "TrackerEngine"]

SCHEMES = ("http", "https", "udp")

I2P_PATIENCE = 4
"""How many times as long a tracker on I2P may take (as in libtorrent)."""

_LOOPBACK_PATHS = ("/announce", "/scrape")

_T = TypeVar("_T")


class TrackerEngine(Base, Protocol):
    """A base that knows its platform: a `Multi`, a `Handle`."""

    @property
    def platform(self) -> Platform: ...


@dataclass(frozen=True, slots=True)
class TrackerClientSettings:
    """What the user may choose; names as libtorrent's where it has them."""

    tracker_completion_timeout: float = 30.0
    """Seconds for one announce or scrape."""
    tracker_receive_timeout: float = 10.0
    """Seconds without a byte from an HTTP tracker."""
    stop_tracker_timeout: float = 5.0
    """Seconds for an announce that takes leave."""
    tracker_maximum_response_length: int = 1024 * 1024
    """Bytes of an HTTP tracker's answer."""
    max_concurrent_http_announces: int = 50
    """HTTP announces and scrapes under way; the rest waits."""
    udp_tracker_token_expiry: float = 60.0
    """Seconds a UDP tracker's connection id is used."""
    validate_https_trackers: bool = True
    """Demand a valid certificate of HTTPS trackers."""
    allow_idna: bool = False
    """Ask trackers with internationalized names (RFC 3490), which may look like others."""
    ssrf_mitigation: bool = True
    """Keep trackers from using us to reach our own host and network."""

    def __post_init__(self) -> None:
        if self.max_concurrent_http_announces < 1 or self.tracker_maximum_response_length < 1:
            raise ValueError("limits of trackers must be positive")


class TrackerCall:
    """One announce or scrape under way."""

    def __init__(self, on_over: Callable[[TrackerCall], object]) -> None:
        self._on_over = on_over
        self._step: Callable[[], object] | None = None
        self._is_over = False

    @property
    def is_over(self) -> bool:
        """Answered, failed or cancelled."""
        return self._is_over

    def cancel(self) -> None:
        """Forget it: `on_done` will not be called.  Repeatable, also after the end."""
        step = self._step
        if self._end() and step is not None:
            step()

    # For the client.

    def _proceed(self, cancel: Callable[[], object]) -> None:
        """The step under way is stopped by `cancel`."""
        self._step = cancel

    def _end(self) -> bool:
        """True the first time."""
        if self._is_over:
            return False
        self._is_over, self._step = True, None
        self._on_over(self)
        return True


@dataclass(frozen=True, slots=True)
class _Job(Generic[_T]):
    call: TrackerCall
    on_done: Callable[[_T | None, TrackerError | None], object]
    timeout: float
    local: LocalEnd
    tls_context: object | None
    user_agent: str
    ports: FetchPorts | None = None
    """In place of the client's."""


class TrackerClient:
    """Asks trackers.  Give it the engine; close it when the session ends."""

    def __init__(
        self,
        engine: TrackerEngine,
        *,
        user_agent: str = "",
        settings: TrackerClientSettings | None = None,
        is_allowed: Callable[[str], bool] | None = None,
        datagram_socket: Callable[[int], DatagramSocket] | None = None,
        ports: FetchPorts | None = None,
        open_relay: OpenRelay | None = None,
    ) -> None:
        """`is_allowed` is the IP filter over numeric hosts.  `datagram_socket(family)` gives the sockets for UDP trackers that are
        asked from any address, `ports` the outside of HTTP ones; both default to the engine's platform.  Ports that are given verify
        and bind as they like.

        `open_relay` gives what leads through `proxy` to UDP trackers, where that is shared with others.
        """
        self.user_agent = user_agent
        """May be changed at any time."""
        self.engine = engine
        """Where everything runs."""
        self._is_allowed = is_allowed
        self._own_ports = PlatformPorts(engine.platform)
        self._ports: FetchPorts = ports or self._own_ports
        self._open_relay = open_relay or self._open_own_relay
        self._udp = UdpSources(engine, engine.platform, _PlatformBits(engine.platform), datagram_socket)
        self._queued: deque[tuple[TrackerCall, Callable[[], object]]] = deque()
        self._num_fetching = 0
        self._calls: dict[TrackerCall, None] = {}
        self._is_closed = False
        self.sam: SamOptions | None = None
        """The session through which trackers on I2P are asked; without it they are not.  May be changed at any time."""
        self.settings = settings or TrackerClientSettings()

    @property
    def settings(self) -> TrackerClientSettings:
        """May be replaced at any time; a request keeps those it began with."""
        return self._settings

    @settings.setter
    def settings(self, settings: TrackerClientSettings) -> None:
        self._settings = settings
        self._own_ports.verify_tls = settings.validate_https_trackers
        self._udp.set_timings(UdpTimings(token_expiry=settings.udp_tracker_token_expiry))

    @property
    def proxy(self) -> ProxyOptions | None:
        """Trackers are asked through it; over UDP only SOCKS 5 leads to them, and with others they are not asked.  May be changed
        at any time: UDP trackers that have not answered then fail.
        """
        return self._own_ports.proxy

    @proxy.setter
    def proxy(self, proxy: ProxyOptions | None) -> None:
        if proxy == self._own_ports.proxy:
            return
        self._own_ports.proxy = proxy
        self._udp.set_relay(None if proxy is None else self._open_relay)

    def _open_own_relay(
        self,
        on_datagram: Callable[[Buffer, Address, float], object],
        on_lost: Callable[[TransportError], object],
    ) -> DatagramRelay:
        assert self.proxy is not None
        return Socks5Datagrams(self.engine, self.proxy, on_datagram, on_lost)

    def announce(
        self,
        url: str,
        request: AnnounceRequest,
        on_done: Callable[[AnnounceResponse | None, TrackerError | None], object],
        *,
        timeout: float | None = None,
        local: LocalEnd = ANYWHERE,
        tls_context: object | None = None,
        user_agent: str | None = None,
    ) -> TrackerCall:
        """Announce to the tracker at `url`, from `local`; TrackerSkipped when no address of it can be reached from there.

        An HTTPS tracker is verified by `tls_context`, an `ssl.SSLContext`, in place of the system's authorities, and hears
        `user_agent` in place of the client's.
        """
        settings = self.settings
        if timeout is None:
            is_leave = request.event is AnnounceEvent.STOPPED
            timeout = settings.stop_tracker_timeout if is_leave else settings.tracker_completion_timeout
        agent = self.user_agent if user_agent is None else user_agent
        job = _Job(self._new_call(), on_done, timeout, local, tls_context, agent)
        is_i2p = is_i2p_url(url)

        def parse(response: HttpResponse) -> AnnounceResponse:
            return replace(parse_announce(response.body, is_i2p=is_i2p), tracker_address=response.address)

        self._start(job, url, lambda: announce_url(url.strip(), request), parse, request)
        return job.call

    def scrape(
        self,
        url: str,
        info_hashes: Sequence[bytes],
        on_done: Callable[[ScrapeResponse | None, TrackerError | None], object],
        *,
        timeout: float | None = None,
        local: LocalEnd = ANYWHERE,
        tls_context: object | None = None,
        user_agent: str | None = None,
    ) -> TrackerCall:
        """Ask the tracker whose announce URL is `url` about up to MAX_SCRAPE_HASHES torrents.  LocalProtocolError beyond.

        The rest as with `announce`.
        """
        if not 0 < len(info_hashes) <= MAX_SCRAPE_HASHES:
            raise LocalProtocolError(f"a scrape of {len(info_hashes)} torrents")
        if timeout is None:
            timeout = self.settings.tracker_completion_timeout
        agent = self.user_agent if user_agent is None else user_agent
        job = _Job(self._new_call(), on_done, timeout, local, tls_context, agent)
        hashes = tuple(bytes(h) for h in info_hashes)

        def parse(response: HttpResponse) -> ScrapeResponse:
            return parse_scrape(response.body, hashes)

        self._start(job, url, lambda: scrape_url(url.strip(), hashes), parse, hashes)
        return job.call

    def retain(self, locals_: Collection[LocalEnd]) -> None:
        """Only these are asked from from now on: sockets of others are closed once nobody waits there."""
        self._udp.retain({None, *(local.bind for local in locals_)})

    def refuse(self, on_done: Callable[[None, TrackerError], object], error: TrackerError) -> TrackerCall:
        """A call that asks nobody and ends like one that failed with `error`."""
        call = self._new_call()

        def end() -> None:
            call._end()
            on_done(None, error)

        call._proceed(self.engine.call_soon(end).cancel)
        return call

    def close(self) -> None:
        """Forget every call silently and close the sockets.  Repeatable."""
        self._is_closed = True
        self._queued.clear()
        for call in list(self._calls):
            call.cancel()
        self._udp.close()

    @property
    def num_queued(self) -> int:
        """HTTP requests that wait for others to end."""
        return sum(not call.is_over for call, _ in self._queued)

    @property
    def num_running(self) -> int:
        """Announces and scrapes not over, queued ones included."""
        return len(self._calls)

    def _new_call(self) -> TrackerCall:
        if self._is_closed:
            raise LocalProtocolError("the tracker client is closed")
        call = TrackerCall(self._call_over)
        self._calls[call] = None
        return call

    def _call_over(self, call: TrackerCall) -> None:
        self._calls.pop(call, None)

    def _start(
        self,
        job: _Job[_T],
        url: str,
        make_url: Callable[[], str],
        parse: Callable[[HttpResponse], _T],
        udp_request: AnnounceRequest | tuple[bytes, ...],
    ) -> None:
        try:
            tracker = parse_url(url, schemes=SCHEMES)
            if tracker.port is None:
                raise TrackerRefused(f"no port in {tracker}")
            if tracker.is_idna and not self.settings.allow_idna:
                raise TrackerRefused(f"{tracker.host} is an internationalized name")
            if is_i2p_host(tracker.host):
                job = self._on_i2p(job, tracker)
            if tracker.scheme == "udp":
                if self.proxy is not None and self.proxy.kind != "socks5":
                    raise TrackerRefused(f"UDP does not go through the proxy, which is {self.proxy.kind}")
                self._resolve_udp(job, tracker, udp_request)
                return
            self._check_query(tracker)
            self._queue_fetch(job, parse_url(make_url()), parse)
        except HttpError as error:
            self._fail_soon(job, _refused(error))
        except TrackerError as error:
            self._fail_soon(job, error)

    def _on_i2p(self, job: _Job[_T], tracker: Url) -> _Job[_T]:
        """The same over I2P, which takes its time."""
        if tracker.scheme == "udp":
            raise TrackerRefused("UDP does not lead to I2P")
        if self.sam is None:
            raise NoI2pRouter("no i2p router is set up")
        ports = SamPorts(self.engine.platform, self.sam)
        return replace(job, timeout=job.timeout * I2P_PATIENCE, ports=ports)

    def _fail_soon(self, job: _Job[_T], error: TrackerError) -> None:
        timer = self.engine.call_soon(self._finish, job, None, error)
        job.call._proceed(timer.cancel)

    def _finish(self, job: _Job[_T], response: _T | None, error: TrackerError | None) -> None:
        job.call._end()
        job.on_done(response, error)

    # HTTP

    def _check_query(self, tracker: Url) -> None:
        if self.settings.ssrf_mitigation and tracker.query and has_tracker_arguments(tracker.query):
            raise TrackerRefused("tracker URL brings announce arguments of its own")

    def _queue_fetch(self, job: _Job[_T], url: Url, parse: Callable[[HttpResponse], _T]) -> None:
        self._queued.append((job.call, lambda: self._fetch(job, url, parse)))
        self._start_queued()

    def _start_queued(self) -> None:
        while self._queued and self._num_fetching < self.settings.max_concurrent_http_announces:
            call, begin = self._queued.popleft()
            if not call.is_over:
                begin()

    def _fetch(self, job: _Job[_T], url: Url, parse: Callable[[HttpResponse], _T]) -> None:
        ports = _LocalPorts(self._ports_of(job), job.local)

        def on_fetched(response: HttpResponse | None, error: HttpError | None) -> None:
            self._num_fetching -= 1
            try:
                if response is None:
                    assert error is not None
                    if ports.is_out_of_reach:
                        raise _skipped(url, job.local) from error
                    raise _tracker_error(error) from error
                if not response.is_success:
                    raise TrackerHttpStatus(response.status, response.reason)
                parsed = parse(response)
            except TrackerError as failure:
                self._finish(job, None, failure)
            else:
                self._finish(job, parsed, None)
            finally:
                self._start_queued()

        def cancel() -> None:
            fetch.cancel()
            self._num_fetching -= 1
            self._start_queued()

        fetch = HttpFetch(
            self.engine,
            ports,
            url,
            on_fetched,
            options=self._fetch_options(job),
        )
        self._num_fetching += 1
        job.call._proceed(cancel)
        fetch.start()

    def _ports_of(self, job: _Job[Any]) -> FetchPorts:
        if job.ports is not None:
            return job.ports
        if self._ports is not self._own_ports:
            return self._ports
        source = job.local.bind if self.proxy is None else None  # A proxy is reached from wherever it is.
        if job.tls_context is None and source is None:
            return self._own_ports
        return self._own_ports.under(job.tls_context, source=source)

    def _fetch_options(self, job: _Job[Any]) -> FetchOptions:
        settings, patience = self.settings, I2P_PATIENCE if job.ports is not None else 1
        return FetchOptions(
            user_agent=job.user_agent,
            max_body=settings.tracker_maximum_response_length,
            completion_timeout=job.timeout,
            receive_timeout=settings.tracker_receive_timeout * patience,
            guard=AddressGuard(
                loopback_path=_LOOPBACK_PATHS,
                is_enabled=settings.ssrf_mitigation,
                is_allowed=self._is_allowed,
                allows_idna=settings.allow_idna,
            ),
        )

    # UDP

    def _resolve_udp(self, job: _Job[_T], tracker: Url, request: AnnounceRequest | tuple[bytes, ...]) -> None:
        deadline = self.engine.time() + job.timeout

        def on_resolved(answer: list[tuple[int, Any]] | OSError) -> None:
            give_up.cancel()
            try:
                if isinstance(answer, OSError):
                    raise TrackerUnreachable(f"resolve: {answer.strerror or answer}") from answer
                self._submit_udp(job, tracker, request, answer, deadline - self.engine.time())
            except TrackerError as error:
                self._finish(job, None, error)
            except LocalProtocolError as error:
                self._finish(job, None, _refused(error))

        def cancel() -> None:
            lookup.cancel()
            give_up.cancel()

        def on_timeout() -> None:
            lookup.cancel()
            self._finish(job, None, TrackerTimeout("timed out while resolving"))

        assert tracker.port is not None
        give_up = self.engine.call_at(deadline, on_timeout)
        lookup = self._ports.resolve(self.engine, tracker.host, tracker.port, on_resolved)
        job.call._proceed(cancel)

    def _submit_udp(
        self,
        job: _Job[_T],
        tracker: Url,
        request: AnnounceRequest | tuple[bytes, ...],
        answer: list[tuple[int, Any]],
        timeout: float,
    ) -> None:
        addresses = self._udp_addresses(answer)
        if not addresses:
            raise TrackerRefused(f"no address of {tracker.host} may be asked")
        addresses = [entry for entry in addresses if not entry[0] or job.local.can_reach(entry[1][0])]
        if not addresses:
            raise _skipped(tracker, job.local)
        url_data = b"" if tracker.target == "/" else tracker.target.encode("ascii")

        def on_answered(response: Any, error: TrackerError | None) -> None:
            # Any: the service answers a scrape with a scrape's response and an announce with an announce's.
            self._finish(job, response, error)

        udp = self._udp.at(job.local.bind)
        request_id = udp.submit(request, addresses, on_answered, timeout=timeout, url_data=url_data)

        job.call._proceed(lambda: udp.cancel(request_id))

    def _udp_addresses(self, answer: list[tuple[int, Any]]) -> list[tuple[int, Address]]:
        """IPv4 first: without an answer there is no telling which family works, and most UDP trackers have but that."""
        found = [(known, (numeric_host(address), address[1])) for known, address in answer]
        if self._is_allowed is not None:
            found = [entry for entry in found if self._is_allowed(entry[1][0])]
        return sorted(dict.fromkeys(found), key=lambda entry: entry[0] not in (0, AF_INET))


class _LocalPorts:
    """`FetchPorts` that know but the addresses which can be reached from one of ours."""

    def __init__(self, ports: FetchPorts, local: LocalEnd) -> None:
        self.is_out_of_reach = False
        """The server has addresses, and none of them can be reached."""
        self._local = local
        self._resolve = ports.resolve
        self.dial = ports.dial

    def resolve(self, base: Base, host: str, port: int, callback: ResolveCallback) -> Timer:
        def on_resolved(answer: list[tuple[int, Any]] | OSError) -> None:
            if not isinstance(answer, OSError) and answer:
                # Of what a proxy looks up the family is not known (0).
                answer = [
                    entry for entry in answer if not entry[0] or self._local.can_reach(numeric_host(entry[1]))
                ]
                self.is_out_of_reach = not answer
            callback(answer)

        return self._resolve(base, host, port, on_resolved)


class _PlatformBits:
    """Transaction ids nobody can predict."""

    def __init__(self, platform: Platform) -> None:
        self._random_bytes = platform.random_bytes

    def getrandbits(self, count: int, /) -> int:
        return int.from_bytes(self._random_bytes((count + 7) // 8), "big") >> (-count % 8)


def _tracker_error(error: HttpError) -> TrackerError:
    if isinstance(error, HttpTimeout):
        return TrackerTimeout(str(error))
    if isinstance(error, HttpConnectionError):
        return TrackerUnreachable(str(error))
    if isinstance(error, HttpProtocolError):
        return InvalidTrackerResponse(str(error))
    return _refused(error)


def _skipped(tracker: Url, local: LocalEnd) -> TrackerError:
    return TrackerSkipped(f"no address of {tracker.host} can be reached from {local.host}")


def _refused(error: Exception) -> TrackerError:
    refused = TrackerRefused(str(error))
    refused.__cause__ = error
    return refused
