"""Following a mutable torrent (BEP 46): looking at its item again and again, and keeping it alive."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ..types import Sha1Hash
from .items import MutableItem
from .mutable_torrent import MutableTorrentLink, torrent_of
from .node import Node
from .operation import Operation, Runner
from .results import ItemCollector, ItemResult, PutCollector

if TYPE_CHECKING:
    from ..engine.multi import Multi

__all__ = ["DEFAULT_INTERVAL", "FollowOperation", "OnUpdate"]

DEFAULT_INTERVAL: Final = 1800.0
"""Seconds between two looks; an item has to be put again every hour (BEP 44)."""

ENOUGH_COPIES: Final = 8
"""With more copies than this a reader need not put the item again (BEP 44)."""

OnUpdate: TypeAlias = Callable[[Sha1Hash, MutableItem], object]
"""Gets the torrent it points to now, and the item."""


class FollowOperation(Operation):
    """Runs until it is removed, or a callback raises."""

    def __init__(
        self, runner: Runner, link: MutableTorrentLink, on_update: OnUpdate, *, interval: float
    ) -> None:
        super().__init__(runner, self._get, ItemCollector())
        self._link = link
        self._on_update = on_update
        self._interval = interval
        self._item: MutableItem | None = None

    def start(self, engine: Multi) -> None:
        """The first look."""
        self._look()

    def _look(self) -> None:
        self._begin, self._collector = self._get, ItemCollector()
        self._launch()

    def _complete(self, result: Any) -> None:
        # Any: of either of our collectors.
        if isinstance(result, ItemResult) and isinstance(result.item, MutableItem):
            try:
                self._take(result.item)
            except Exception as error:
                self.fail(error)
                return
            if result.num_copies <= ENOUGH_COPIES:
                self._begin, self._collector = self._put, PutCollector()
                self._launch()
                return
        self.call_later(self._interval, self._look)

    def _take(self, item: MutableItem) -> None:
        if self._item is not None and item.sequence <= self._item.sequence:
            return
        self._item = item
        torrent = torrent_of(item)
        if torrent is not None:
            self._on_update(torrent, item)

    def _get(self, node: Node, now: float) -> int:
        return node.get_mutable(self._link.public_key, self._link.salt, now=now)

    def _put(self, node: Node, now: float) -> int:
        return node.put_mutable(self._link.public_key, self._newest, now=now, salt=self._link.salt)

    def _newest(self, current: MutableItem | None) -> MutableItem | None:
        known = self._item
        if current is None or (known is not None and known.sequence > current.sequence):
            return known
        return current
