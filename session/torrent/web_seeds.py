"""The web seeds of one torrent (BEP 19): who is asked when, over connections of whom, and what becomes of those that fail.

At most `max_web_seed_connections` of them are asked at a time.  One that fails is left alone for `urlseed_wait_retry` seconds, longer
each time; one that sends bad data is judged as a peer is.  Addresses are looked at before anything is sent to them: nothing that
came from outside makes us ask inside (`ssrf_mitigation`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from ...protocols.engine.ports import Timer
from ...protocols.errors import EvtorrentError, ProtocolError, TransportBroken, TransportError
from ...protocols.http.addresses import AddressGuard, AddressScope, address_scope, numeric_host
from ...protocols.http.dialing import PlatformPorts
from ...protocols.http.errors import HttpConnectionError, HttpError, HttpRefused, HttpStatusError
from ...protocols.http.url import Url, parse_url
from ..alerts import UrlSeedAlert
from ..close_reason import CloseReason
from ..errors import ErrorCode, TorrentErrc
from .link_end import LinkEnded, PeerHungUp
from .peer_link import ReadBlock
from .rates import TransferMeters
from .web_link import FileLost, WebLink
from .web_seed import WebAddress, WebSeed

if TYPE_CHECKING:
    from ...protocols.engine.ports import Platform
    from ..core.core import Core
    from .torrent import Torrent

__all__ = ["MAX_WEB_SEEDS", "WebSeeds"]

_IDLE_PAUSE = 5.0
"""Seconds before a server that ended an idle connection is dialled again."""

MAX_WEB_SEEDS = 100
"""Web seeds of one torrent that are remembered; a list from outside may be of any length."""


class WebSeeds:
    """Owner of the torrent's `WebLink`s.  Loop thread only."""

    __slots__ = ("_core", "_lookups", "_ports", "_seeds", "_torrent", "links", "meters", "urls")

    def __init__(self, torrent: Torrent, core: Core) -> None:
        self._torrent = torrent
        self._core = core
        self._ports = PlatformPorts(cast("Platform", core.outgoing))
        self.urls: list[str] = []
        """As the torrent and the program say them."""
        self._seeds: dict[str, WebSeed] = {}
        self._lookups: dict[WebLink, Timer] = {}
        self.links: list[WebLink] = []
        """Connected and connecting."""
        self.meters = TransferMeters()
        """What came from web seeds."""
        for url in torrent.params.url_seeds:
            self.add(url)

    # ---------------------------------------------------------------------------------------------------- which ones

    def add(self, url: str) -> bool:
        """One more; False when it is known, is no URL, or there are too many."""
        try:
            parse_url(url)
        except HttpError as error:
            self._report(url, error)
            return False
        if url in self.urls or len(self.urls) >= MAX_WEB_SEEDS:
            return False
        self.urls.append(url)
        return True

    def remove(self, url: str) -> bool:
        """One less, and its connection ends.  False when it is not known."""
        if url not in self.urls:
            return False
        self.urls.remove(url)
        seed = self._seeds.pop(url, None)
        if seed is not None and seed.link is not None:
            seed.link.close(LinkEnded(CloseReason.none, "the web seed was removed"))
        return True

    # ------------------------------------------------------------------------------------------------------- its life

    def tick(self, now: float, elapsed: float) -> None:
        """Once a tick while the torrent is online: connect who may be asked, look after those connected."""
        for link in list(self.links):
            link.tick(now, elapsed, self.meters)
        self.meters.tick(elapsed, self._torrent.meters)
        torrent = self._torrent
        if torrent.drain is not None or not torrent.wants_data:
            for link in [each for each in self.links if each.is_idle]:
                link.close(LinkEnded(CloseReason.none, "nothing is wanted"))
            return
        self.connect(now)

    def connect(self, now: float) -> None:
        """Dial as many as may be connected."""
        torrent, download = self._torrent, self._torrent.download
        info, limit = torrent.info, self._core.settings.get_int("max_web_seed_connections")
        if info is None or download is None or torrent.drain is not None or not torrent.wants_data:
            return
        if torrent.is_apart:  # Servers outside I2P, and names there are not looked up here.
            return
        for url in self.urls:
            if len(self.links) >= limit:
                return
            seed = self._seeds.get(url)
            if seed is None:
                seed = self._seeds[url] = WebSeed(url, info)
            may_ask = seed.link is None and not seed.is_banned and now >= seed.retry_at
            if may_ask and download.picker.is_interesting(seed.bits):
                self._open(seed, now)

    def stop(self) -> None:
        """The torrent goes offline."""
        for link in list(self.links):
            link.close(LinkEnded(CloseReason.none, "the torrent was paused"))
        self.meters.drain(self._torrent.meters)

    def _open(self, seed: WebSeed, now: float) -> None:
        self._torrent.wake()
        core, download = self._core, self._torrent.download
        assert download is not None
        link = WebLink(
            self,
            seed,
            download,
            view=core.receive_buffer.view,
            limits=core.tuning,
            user_agent=core.identity.server_agent,
            now=now,
        )
        seed.link = link
        self.links.append(link)
        link.quota = core.quotas.quota_for(self._torrent, link)
        download.picker.add_peer(link.picked_bits)
        self.on_link_moved(link)

    # --------------------------------------------------------------------------------------------------- WebLinkOwner

    def on_link_moved(self, link: WebLink) -> None:
        """Look up the server of what is asked for next."""
        try:
            place = link.seed.place_of(link.next_file)
        except HttpError as error:
            link.close(error)
            return
        url = place.url
        if url.is_idna and not self._core.settings.get_bool("allow_idna"):
            link.close(HttpRefused(f"{url.host} is an internationalized name"))
            return
        assert url.port is not None  # http and https imply one

        def resolved(answer: list[tuple[int, Any]] | OSError) -> None:
            self._lookups.pop(link, None)
            if not link.closed:
                self._dial(link, url, place.came_from, answer)

        self._ports.proxy = self._core.proxying.for_peers
        self._lookups[link] = self._ports.resolve(self._core.base, url.host, url.port, resolved)

    def _dial(
        self, link: WebLink, url: Url, came_from: str | None, answer: list[tuple[int, Any]] | OSError
    ) -> None:
        if isinstance(answer, OSError):
            link.close(HttpConnectionError(TransportBroken("resolve", answer)))
            return
        hosts = [numeric_host(address) for _, address in answer]
        admitted = set(self._admit(url, hosts, came_from))
        addresses = [entry for entry, host in zip(answer, hosts, strict=True) if host in admitted]
        if not addresses:
            link.close(HttpRefused(f"no address of {url.host} may be asked"))
            return
        settings = self._core.settings
        self._ports.verify_tls = settings.get_bool("validate_https_trackers")
        tls = self._torrent.tls
        self._ports.tls_context = tls.web_context if tls is not None else None
        timeout = float(settings.get_int("urlseed_timeout"))
        try:
            transport = self._ports.dial(self._core.base, url, addresses, timeout)
        except (TransportError, ProtocolError) as error:
            link.close(error)
            return
        link.attach(transport, url)

    def _admit(self, url: Url, hosts: list[str], came_from: str | None) -> list[str]:
        is_guarded = self._core.settings.get_bool("ssrf_mitigation")
        guard = AddressGuard(
            is_enabled=is_guarded, is_allowed=lambda host: not self._torrent.is_blocked(host)
        )
        admitted = guard.admit(url, hosts, came_from)
        if is_guarded and url.query is not None:
            # A query makes other programs on the inside do things; files have none.
            admitted = [host for host in admitted if address_scope(host) is AddressScope.PUBLIC]
        return admitted

    def on_link_closed(self, link: WebLink, error: EvtorrentError) -> None:
        """A link ended, whoever ended it."""
        if link not in self.links:
            return
        self.links.remove(link)
        link.seed.link = None
        if (lookup := self._lookups.pop(link, None)) is not None:
            lookup.cancel()
        link.meters.drain(self.meters)
        self._core.quotas.forget(link)
        download = self._torrent.download
        if download is not None:
            download.picker.peer_gone(link)
            download.picker.remove_peer(link.picked_bits)
        self._judge(link.seed, error)

    def _judge(self, seed: WebSeed, error: EvtorrentError) -> None:
        settings, now = self._core.settings, self._core.base.time()
        if isinstance(error, LinkEnded):
            if isinstance(error, PeerHungUp):
                seed.retry_at = now + _IDLE_PAUSE
            return
        if isinstance(error, FileLost) and seed.lost_file(error.file):
            return  # It has others.
        wait = float(settings.get_int("urlseed_wait_retry"))
        cause = error.cause if isinstance(error, HttpConnectionError) else error
        if isinstance(cause, TransportError) and cause.operation == "resolve":
            wait = float(settings.get_int("web_seed_name_lookup_retry"))
        seed.failed(now, wait)
        self._report(seed.url, error)

    def _report(self, url: str, error: EvtorrentError) -> None:
        code = ErrorCode.from_exception(error)
        if isinstance(error, HttpStatusError):
            code = ErrorCode.from_http(error.status, error.reason)
        self._torrent.post(UrlSeedAlert, url, code, str(error))

    # ---------------------------------------------------------------------------------------------------- from outside

    def ban(self, address: WebAddress) -> None:
        """A web seed proved to send bad data: it is not asked again, or, without `ban_web_seeds`, not soon."""
        seed = self._seeds.get(address.url)
        if seed is None or seed.is_banned:
            return
        settings = self._core.settings
        if settings.get_bool("ban_web_seeds"):
            seed.is_banned = True
            counts = self._core.counters.values
            counts["peer.num_banned_peers"] += 1
            counts["peer.banned_for_hash_failure"] += 1
        seed.failed(self._core.base.time(), float(settings.get_int("urlseed_wait_retry")))
        code = ErrorCode.of(TorrentErrc.too_many_corrupt_pieces)
        self._torrent.post(UrlSeedAlert, seed.url, code, "")
        if seed.link is not None:
            seed.link.close(LinkEnded(CloseReason.corrupt_pieces))

    def limits_changed(self) -> None:
        """Rate limits are others now."""
        for link in self.links:
            self._core.quotas.forget(link)
            if link.transport is not None:
                link.transport.resume_reading(ReadBlock.BANDWIDTH)
            link.quota = self._core.quotas.quota_for(self._torrent, link)
