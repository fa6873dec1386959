"""The plug-ins of one connection: asked before what came is acted on, told of what left.

A link dispatches what its connection made of the bytes by a table, event → handler.  For the events some plug-in has a hook for,
and for no others, a link with plug-ins has a table of its own, whose entries ask them first.  Links without have the table
that all share.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from ...protocols import bencode
from ...protocols.bits import Bitfield
from ...protocols.errors import EvtorrentError, RemoteProtocolError
from ...protocols.peer.codec import BLOCK_HEADER, BLOCK_HEADER_SIZE
from ...protocols.peer.connection import PeerConnection
from ...protocols.peer.extensions.lt_donthave import parse_dont_have
from ...protocols.peer.extensions.registry import MAX_HANDSHAKE_SIZE
from ...protocols.peer.messages import (
    AllowedFast,
    BlocksReceived,
    CancelReceived,
    ChokeChanged,
    Event,
    ExtensionHandshake,
    ExtensionMessage,
    HaveReceived,
    InterestChanged,
    MessageId,
    PiecesReceived,
    RejectReceived,
    Request,
    RequestsReceived,
    SuggestReceived,
    UnknownMessage,
)
from ...protocols.types import PieceIndex
from ..close_reason import CloseReason
from ..errors import ErrorCode, PluginError
from ..torrent.link_end import LinkEnded
from .base import PeerPlugin
from .faults import FAILED, Faults, name_of
from .hooks import HookTable, checked, table_of
from .sending import ObservedConnection

if TYPE_CHECKING:
    from ..core.core import Core
    from ..handle import TorrentHandle
    from ..torrent.peer_link import PeerLink
    from ..torrent.uploader import Slab

__all__ = ["PeerPlugins", "PluginFailed"]

Handler: TypeAlias = Callable[["PeerLink", Any, float], None]
"""What a link does about an event (Any: each handler takes an event of its own)."""

_CONNECTION_HOOKS = frozenset({"write_request", "on_unknown_message"})


class PluginFailed(LinkEnded):
    """A plug-in of the connection raised."""

    def __init__(self, plugin: str, hook: str) -> None:
        super().__init__(CloseReason.none, f"plug-in {plugin} failed in {hook}")


class PeerPlugins:
    """The plug-ins of one link, at least one at first.  Whose hook raises ends the link, soon."""

    __slots__ = ("_core", "_default", "_faults", "_has_failed", "_hooks", "_link", "plugins")

    def __init__(self, link: PeerLink, core: Core, faults: Faults) -> None:
        self._link = link
        self._core = core
        self._faults = faults
        self._has_failed = False
        self._default: Mapping[type[Event], Handler] = link.handlers
        self._hooks: HookTable = {}
        self.plugins: list[PeerPlugin] = []

    def add(self, plugin: PeerPlugin) -> None:
        """One more.  PluginError when it is none, or has hooks that are not supported."""
        self.plugins.append(checked(plugin, PeerPlugin))
        self._rebuild()

    def _rebuild(self) -> None:
        link, hooks = self._link, table_of(self.plugins)
        if self._has_failed:
            hooks = {hook: told for hook, told in hooks.items() if hook == "on_disconnect"}
        self._hooks = hooks
        handlers = dict(self._default)
        for kind, (names, ask) in _ASKED.items():
            if not hooks.keys().isdisjoint(names):
                handlers[kind] = partial(ask, self, handlers[kind])
        link.handlers = handlers if handlers != self._default else self._default
        link.connection.owner_data = self
        is_observed = any(name in _CONNECTION_HOOKS or name.startswith("sent_") for name in hooks)
        link.connection.__class__ = ObservedConnection if is_observed else PeerConnection

    def remove(self, plugin: PeerPlugin) -> None:
        """One has nothing to do with this peer."""
        self.plugins.remove(plugin)
        self._rebuild()

    # ----------------------------------------------------------------------------------------------------- calling

    def hears(self, hook: str) -> bool:
        """Some plug-in has the hook."""
        return hook in self._hooks

    def tell(self, hook: str, *args: Any) -> None:
        """Call a hook of all."""
        for plugin, method in self._hooks.get(hook, ()):
            self._call(plugin, hook, method, *args)

    def takes(self, hook: str, *args: Any) -> bool:
        """Call a hook of each until one deals with what it is about; whether one did.  Nothing is left of a failed one's."""
        for plugin, method in self._hooks.get(hook, ()):
            result = self._call(plugin, hook, method, *args)
            if result is FAILED or result:
                return True
        return False

    def _call(self, plugin: PeerPlugin, hook: str, method: Callable[..., Any], *args: Any) -> Any:
        torrent = self._torrent_handle()
        try:
            result = self._faults.call(
                plugin, hook, *args, method=method, torrent=torrent, passes=(RemoteProtocolError,)
            )
        except RemoteProtocolError as error:
            self._end(error)
            return FAILED
        if result is FAILED:
            self._end(PluginFailed(name_of(plugin), hook))
        return result

    def _torrent_handle(self) -> TorrentHandle | None:
        torrent = self._link.torrent
        return torrent.handle if torrent is not None else None

    def _end(self, error: LinkEnded | RemoteProtocolError) -> None:
        """End the link, but not inside of what it is doing; no plug-in of it is asked any more."""
        self._has_failed = True
        self._rebuild()
        self._core.base.call_soon(self._link.close, error)

    # ---------------------------------------------------------------------------------------------------- its life

    def add_handshake(self, fields: dict[str, Any]) -> None:
        """Plug-ins add to our extension handshake.  What one adds that raises, or cannot be sent, is left out."""
        for plugin, method in self._hooks.get("add_handshake", ()):
            given = dict(fields)
            torrent = self._torrent_handle()
            if self._faults.call(plugin, "add_handshake", given, method=method, torrent=torrent) is FAILED:
                continue
            try:
                if "m" in given:
                    raise PluginError("extensions are offered by TorrentPlugin.extension_names")
                if len(bencode.encode(given)) > MAX_HANDSHAKE_SIZE // 2:
                    raise PluginError("more than peers accept")
            except (EvtorrentError, TypeError, ValueError) as error:
                self._faults.report(plugin, "add_handshake", error, torrent)
            else:
                fields.update(given)

    def handshake(self, reserved: bytes) -> None:
        """The peer's handshake is in."""
        self._keep_willing("on_handshake", reserved)

    def _keep_willing(self, hook: str, *args: Any) -> None:
        for plugin, method in self._hooks.get(hook, ()):
            if not self._call(plugin, hook, method, *args):
                self.remove(plugin)

    def known_extensions(self, plugin: PeerPlugin) -> None:
        """A plug-in that came later hears what the peer speaks."""
        extensions = self._link.connection.extensions
        names = {name.encode(): extensions.id_of(name) for name in extensions.names()}
        for each, method in self._hooks.get("on_extension_handshake", ()):
            if (
                each is plugin
                and names
                and not self._call(each, "on_extension_handshake", method, {b"m": names})
            ):
                self.remove(plugin)

    def disconnected(self, error: Exception) -> None:
        """The link ended."""
        if self.hears("on_disconnect"):
            self.tell("on_disconnect", ErrorCode.from_exception(error))

    def slab_sent(self, slab: Slab) -> None:
        """Blocks left."""
        if self.hears("sent_piece"):
            position, end = 0, len(slab.view)
            while position < end:
                length, _, piece, begin = BLOCK_HEADER.unpack_from(slab.data, position)
                self.tell("sent_piece", Request(PieceIndex(piece), begin, length - 9))
                position += BLOCK_HEADER_SIZE + length - 9
        self.tell("sent_payload", slab.payload)

    # --------------------------------------------------------------------------- events: who is asked before the link

    def _ask_choke(self, default: Handler, link: PeerLink, event: ChokeChanged, now: float) -> None:
        if self.takes("on_choke" if event.choked else "on_unchoke"):
            link.connection.peer_choking = not event.choked
        else:
            default(link, event, now)

    def _ask_interest(self, default: Handler, link: PeerLink, event: InterestChanged, now: float) -> None:
        if self.takes("on_interested" if event.interested else "on_not_interested"):
            link.connection.peer_interested = not event.interested
        else:
            default(link, event, now)

    def _ask_have(self, default: Handler, link: PeerLink, event: HaveReceived, now: float) -> None:
        if not self.takes("on_have", event.piece):
            default(link, event, now)

    def _ask_pieces(self, default: Handler, link: PeerLink, event: PiecesReceived, now: float) -> None:
        if event.kind is MessageId.HAVE_ALL:
            taken = self.takes("on_have_all")
        elif event.kind is MessageId.HAVE_NONE:
            taken = self.takes("on_have_none")
        else:
            torrent = link.torrent
            size = torrent.info.num_pieces if torrent is not None and torrent.info is not None else 0
            taken = self.takes("on_bitfield", Bitfield(size, event.bits))
        if not taken:
            default(link, event, now)

    def _ask_requests(self, default: Handler, link: PeerLink, event: RequestsReceived, now: float) -> None:
        left = [request for request in event.requests if not self.takes("on_request", request)]
        if left:
            default(link, RequestsReceived(left), now)

    def _ask_blocks(self, default: Handler, link: PeerLink, event: BlocksReceived, now: float) -> None:
        left = []
        for block in event.blocks:
            piece, begin, data = block
            request = Request(PieceIndex(piece), begin, len(data))
            if not self.takes("on_piece", request, data):
                left.append(block)
            elif link.requester is not None:
                link.requester.let_go(request)
        if left:
            default(link, BlocksReceived(left), now)
        elif link.requester is not None:
            link.requester.fill(now)

    def _ask_cancel(self, default: Handler, link: PeerLink, event: CancelReceived, now: float) -> None:
        if not self.takes("on_cancel", event.request):
            default(link, event, now)

    def _ask_reject(self, default: Handler, link: PeerLink, event: RejectReceived, now: float) -> None:
        if not self.takes("on_reject", event.request):
            default(link, event, now)

    def _ask_suggest(self, default: Handler, link: PeerLink, event: SuggestReceived, now: float) -> None:
        if not self.takes("on_suggest", event.piece):
            default(link, event, now)

    def _ask_allowed_fast(self, default: Handler, link: PeerLink, event: AllowedFast, now: float) -> None:
        if not self.takes("on_allowed_fast", event.piece):
            default(link, event, now)

    def _ask_extensions(
        self, default: Handler, link: PeerLink, event: ExtensionHandshake, now: float
    ) -> None:
        self._keep_willing("on_extension_handshake", event.message)
        default(link, event, now)

    def _ask_extended(self, default: Handler, link: PeerLink, event: ExtensionMessage, now: float) -> None:
        taken = self.takes("on_extended", event.name, event.payload)
        if not taken and event.name == "lt_donthave" and self.hears("on_dont_have"):
            taken = self.takes("on_dont_have", parse_dont_have(event.payload))
        if not taken:
            default(link, event, now)

    def _ask_unknown(self, default: Handler, link: PeerLink, event: UnknownMessage, now: float) -> None:
        self.takes("on_unknown_message", event.message_id, event.payload)


_ASKED: dict[type[Event], tuple[frozenset[str], Callable[..., None]]] = {
    ChokeChanged: (frozenset({"on_choke", "on_unchoke"}), PeerPlugins._ask_choke),
    InterestChanged: (frozenset({"on_interested", "on_not_interested"}), PeerPlugins._ask_interest),
    HaveReceived: (frozenset({"on_have"}), PeerPlugins._ask_have),
    PiecesReceived: (frozenset({"on_bitfield", "on_have_all", "on_have_none"}), PeerPlugins._ask_pieces),
    RequestsReceived: (frozenset({"on_request"}), PeerPlugins._ask_requests),
    BlocksReceived: (frozenset({"on_piece"}), PeerPlugins._ask_blocks),
    CancelReceived: (frozenset({"on_cancel"}), PeerPlugins._ask_cancel),
    RejectReceived: (frozenset({"on_reject"}), PeerPlugins._ask_reject),
    SuggestReceived: (frozenset({"on_suggest"}), PeerPlugins._ask_suggest),
    AllowedFast: (frozenset({"on_allowed_fast"}), PeerPlugins._ask_allowed_fast),
    ExtensionHandshake: (frozenset({"on_extension_handshake"}), PeerPlugins._ask_extensions),
    ExtensionMessage: (frozenset({"on_extended", "on_dont_have"}), PeerPlugins._ask_extended),
    UnknownMessage: (frozenset({"on_unknown_message"}), PeerPlugins._ask_unknown),
}
"""Event → the hooks it is about, and who asks them."""
