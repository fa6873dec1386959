"""The plug-ins a session has unless it is told otherwise: libtorrent's `ut_metadata`, `ut_pex`, `i2p_pex` and `smart_ban`.

They are plug-ins of the session-wide form (`core/extensions.py`): one object serves all torrents and all connections, so that ten
thousand torrents hold nothing for them.  A session that leaves them out is made with `SessionParams(default_plugins=…)`, and
may be given them later by `Session.add_extension("ut_pex")`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ..errors import PluginError
from ..torrent.dont_have import DontHave
from ..torrent.holepunch import Holepunch
from ..torrent.i2p_pex import I2pPeerExchange
from ..torrent.metadata_exchange import MetadataExchange
from ..torrent.pex import PeerExchange
from ..torrent.share_mode import ShareMode
from ..torrent.smart_banning import SmartBanning
from ..torrent.upload_only import UploadOnly

if TYPE_CHECKING:
    from ..core.core import Core
    from ..core.extensions import Extension

__all__ = ["BUILT_IN", "add_built_in", "add_standard"]

BUILT_IN: dict[str, Callable[[Core], Extension]] = {
    "ut_metadata": MetadataExchange,
    "ut_pex": PeerExchange,
    "i2p_pex": I2pPeerExchange,
    "smart_ban": lambda core: SmartBanning(),
}
"""Name → what makes it."""


def add_standard(core: Core, names: Iterable[str]) -> None:
    """Give a new session the built-in plug-ins named, and what is part of the wire in any case.  PluginError."""
    for name in dict.fromkeys(names):
        add_built_in(core, name)
    for extension in (DontHave(), UploadOnly(core), ShareMode(core), Holepunch(core)):
        core.extensions.add(extension)


def add_built_in(core: Core, name: str) -> None:
    """Give a session one of them, for peers that connect from now on.  Repeatable.  PluginError for another name."""
    make = BUILT_IN.get(name)
    if make is None:
        raise PluginError(f"{name!r} is not built in")
    if core.extensions.has(name):
        return
    extension = make(core)
    core.extensions.add(extension)
    for torrent in dict.fromkeys(core.torrents.values()):
        if torrent.download is not None:
            core.extensions.on_download(torrent, torrent.download, only=extension)
