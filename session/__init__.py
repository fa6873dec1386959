"""The session, with libtorrent's names in Python's spelling: classes in PascalCase, the rest as there.

Every public name can be had from here and is loaded when it is first asked for (PEP 562), so that using one part, the
settings or resume data say, does not load the rest.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..protocols.dht import DhtState as DhtState
    from ..protocols.metainfo import CreateFile as CreateFile
    from ..protocols.metainfo import CreateFlags as CreateFlags
    from ..protocols.metainfo import CreateTorrent as CreateTorrent
    from ..protocols.metainfo import FileFlags as FileFlags
    from ..protocols.metainfo import FileSlice as FileSlice
    from ..protocols.metainfo import FileStorage as FileStorage
    from ..protocols.metainfo import LoadLimits as LoadLimits
    from ..protocols.metainfo import TorrentInfo as TorrentInfo
    from ..protocols.portmap import PortmapProtocol as PortmapProtocol
    from ..protocols.types import InfoHashes as InfoHashes
    from ..protocols.types import PeerId as PeerId
    from ..protocols.types import ProtocolVersion as ProtocolVersion
    from ..protocols.types import Sha1Hash as Sha1Hash
    from ..protocols.types import Sha256Hash as Sha256Hash
    from .aio import AlertStream as AlertStream
    from .aio import AsyncSession as AsyncSession
    from .aio import AsyncTorrentHandle as AsyncTorrentHandle
    from .alerts import ALERT_TYPES as ALERT_TYPES
    from .alerts import USER_ALERT_ID as USER_ALERT_ID
    from .alerts import AddTorrentAlert as AddTorrentAlert
    from .alerts import Alert as Alert
    from .alerts import AlertPriority as AlertPriority
    from .alerts import AlertsDroppedAlert as AlertsDroppedAlert
    from .alerts import BlockDownloadingAlert as BlockDownloadingAlert
    from .alerts import BlockedReason as BlockedReason
    from .alerts import BlockFinishedAlert as BlockFinishedAlert
    from .alerts import BlockTimeoutAlert as BlockTimeoutAlert
    from .alerts import BlockUploadedAlert as BlockUploadedAlert
    from .alerts import CacheFlushedAlert as CacheFlushedAlert
    from .alerts import DhtAnnounceAlert as DhtAnnounceAlert
    from .alerts import DhtBootstrapAlert as DhtBootstrapAlert
    from .alerts import DhtBucket as DhtBucket
    from .alerts import DhtDirectResponseAlert as DhtDirectResponseAlert
    from .alerts import DhtErrorAlert as DhtErrorAlert
    from .alerts import DhtGetPeersAlert as DhtGetPeersAlert
    from .alerts import DhtGetPeersReplyAlert as DhtGetPeersReplyAlert
    from .alerts import DhtImmutableItemAlert as DhtImmutableItemAlert
    from .alerts import DhtLiveNodesAlert as DhtLiveNodesAlert
    from .alerts import DhtLogAlert as DhtLogAlert
    from .alerts import DhtLookup as DhtLookup
    from .alerts import DhtModule as DhtModule
    from .alerts import DhtMutableItemAlert as DhtMutableItemAlert
    from .alerts import DhtNode as DhtNode
    from .alerts import DhtOutgoingGetPeersAlert as DhtOutgoingGetPeersAlert
    from .alerts import DhtPktAlert as DhtPktAlert
    from .alerts import DhtPktDirection as DhtPktDirection
    from .alerts import DhtPutAlert as DhtPutAlert
    from .alerts import DhtReplyAlert as DhtReplyAlert
    from .alerts import DhtSampleInfohashesAlert as DhtSampleInfohashesAlert
    from .alerts import DhtStatsAlert as DhtStatsAlert
    from .alerts import ExternalIpAlert as ExternalIpAlert
    from .alerts import FastresumeRejectedAlert as FastresumeRejectedAlert
    from .alerts import FileCompletedAlert as FileCompletedAlert
    from .alerts import FileErrorAlert as FileErrorAlert
    from .alerts import FilePrioAlert as FilePrioAlert
    from .alerts import FilePrioritiesAlert as FilePrioritiesAlert
    from .alerts import FileProgressAlert as FileProgressAlert
    from .alerts import FileRenamedAlert as FileRenamedAlert
    from .alerts import FileRenameFailedAlert as FileRenameFailedAlert
    from .alerts import FileStatusAlert as FileStatusAlert
    from .alerts import HashFailedAlert as HashFailedAlert
    from .alerts import I2pAlert as I2pAlert
    from .alerts import IncomingConnectionAlert as IncomingConnectionAlert
    from .alerts import IncomingRequestAlert as IncomingRequestAlert
    from .alerts import InvalidRequestAlert as InvalidRequestAlert
    from .alerts import IpBanAlert as IpBanAlert
    from .alerts import ListenFailedAlert as ListenFailedAlert
    from .alerts import ListenSucceededAlert as ListenSucceededAlert
    from .alerts import LogAlert as LogAlert
    from .alerts import LsdErrorAlert as LsdErrorAlert
    from .alerts import LsdPeerAlert as LsdPeerAlert
    from .alerts import MetadataFailedAlert as MetadataFailedAlert
    from .alerts import MetadataReceivedAlert as MetadataReceivedAlert
    from .alerts import OversizedFileAlert as OversizedFileAlert
    from .alerts import PeerAlert as PeerAlert
    from .alerts import PeerBanAlert as PeerBanAlert
    from .alerts import PeerBlockedAlert as PeerBlockedAlert
    from .alerts import PeerConnectAlert as PeerConnectAlert
    from .alerts import PeerDirection as PeerDirection
    from .alerts import PeerDisconnectedAlert as PeerDisconnectedAlert
    from .alerts import PeerErrorAlert as PeerErrorAlert
    from .alerts import PeerInfoAlert as PeerInfoAlert
    from .alerts import PeerLogAlert as PeerLogAlert
    from .alerts import PeerSnubbedAlert as PeerSnubbedAlert
    from .alerts import PeerUnsnubbedAlert as PeerUnsnubbedAlert
    from .alerts import PerformanceAlert as PerformanceAlert
    from .alerts import PerformanceWarning as PerformanceWarning
    from .alerts import PickerLogAlert as PickerLogAlert
    from .alerts import PieceAvailabilityAlert as PieceAvailabilityAlert
    from .alerts import PieceFinishedAlert as PieceFinishedAlert
    from .alerts import PieceInfoAlert as PieceInfoAlert
    from .alerts import PluginErrorAlert as PluginErrorAlert
    from .alerts import PortmapAlert as PortmapAlert
    from .alerts import PortmapErrorAlert as PortmapErrorAlert
    from .alerts import PortmapLogAlert as PortmapLogAlert
    from .alerts import ReadPieceAlert as ReadPieceAlert
    from .alerts import RequestDroppedAlert as RequestDroppedAlert
    from .alerts import SaveResumeDataAlert as SaveResumeDataAlert
    from .alerts import SaveResumeDataFailedAlert as SaveResumeDataFailedAlert
    from .alerts import ScrapeFailedAlert as ScrapeFailedAlert
    from .alerts import ScrapeReplyAlert as ScrapeReplyAlert
    from .alerts import SessionErrorAlert as SessionErrorAlert
    from .alerts import SessionStatsAlert as SessionStatsAlert
    from .alerts import SessionStatsHeaderAlert as SessionStatsHeaderAlert
    from .alerts import Socks5Alert as Socks5Alert
    from .alerts import StateChangedAlert as StateChangedAlert
    from .alerts import StateUpdateAlert as StateUpdateAlert
    from .alerts import StorageMovedAlert as StorageMovedAlert
    from .alerts import StorageMovedFailedAlert as StorageMovedFailedAlert
    from .alerts import TorrentAlert as TorrentAlert
    from .alerts import TorrentCheckedAlert as TorrentCheckedAlert
    from .alerts import TorrentConflictAlert as TorrentConflictAlert
    from .alerts import TorrentDeletedAlert as TorrentDeletedAlert
    from .alerts import TorrentDeleteFailedAlert as TorrentDeleteFailedAlert
    from .alerts import TorrentErrorAlert as TorrentErrorAlert
    from .alerts import TorrentFinishedAlert as TorrentFinishedAlert
    from .alerts import TorrentLogAlert as TorrentLogAlert
    from .alerts import TorrentNeedCertAlert as TorrentNeedCertAlert
    from .alerts import TorrentPausedAlert as TorrentPausedAlert
    from .alerts import TorrentRemovedAlert as TorrentRemovedAlert
    from .alerts import TorrentResumedAlert as TorrentResumedAlert
    from .alerts import TrackerAlert as TrackerAlert
    from .alerts import TrackerAnnounceAlert as TrackerAnnounceAlert
    from .alerts import TrackerErrorAlert as TrackerErrorAlert
    from .alerts import TrackeridAlert as TrackeridAlert
    from .alerts import TrackerListAlert as TrackerListAlert
    from .alerts import TrackerReplyAlert as TrackerReplyAlert
    from .alerts import TrackerWarningAlert as TrackerWarningAlert
    from .alerts import UdpErrorAlert as UdpErrorAlert
    from .alerts import UnwantedBlockAlert as UnwantedBlockAlert
    from .alerts import UrlSeedAlert as UrlSeedAlert
    from .close_reason import CloseReason as CloseReason
    from .core.choker import ChokeCandidate as ChokeCandidate
    from .core.choker_policy import ChokerPolicy as ChokerPolicy
    from .core.ip_filter import IpFilter as IpFilter
    from .core.ip_filter import PortFilter as PortFilter
    from .core.peer_class_filter import PeerClassSocket as PeerClassSocket
    from .core.peer_class_filter import PeerClassTypeFilter as PeerClassTypeFilter
    from .core.peer_class_filter import default_peer_class_filter as default_peer_class_filter
    from .core.peer_class_filter import global_peer_class_filter as global_peer_class_filter
    from .disk.create_files import list_files as list_files
    from .disk.create_files import set_piece_hashes as set_piece_hashes
    from .errors import NO_ERROR as NO_ERROR
    from .errors import DuplicateTorrent as DuplicateTorrent
    from .errors import ErrorCode as ErrorCode
    from .errors import InvalidSessionHandle as InvalidSessionHandle
    from .errors import InvalidSetting as InvalidSetting
    from .errors import InvalidTorrentHandle as InvalidTorrentHandle
    from .errors import Operation as Operation
    from .errors import PluginError as PluginError
    from .errors import ResumeDataError as ResumeDataError
    from .errors import SessionError as SessionError
    from .errors import SettingsError as SettingsError
    from .errors import TorrentErrc as TorrentErrc
    from .errors import TorrentParamsError as TorrentParamsError
    from .errors import UnknownSetting as UnknownSetting
    from .errors import UnsupportedFeature as UnsupportedFeature
    from .errors import UnsupportedSetting as UnsupportedSetting
    from .errors import operation_name as operation_name
    from .flags import AddPieceFlags as AddPieceFlags
    from .flags import AlertCategory as AlertCategory
    from .flags import AnnounceFlags as AnnounceFlags
    from .flags import BandwidthMixedAlgo as BandwidthMixedAlgo
    from .flags import BandwidthState as BandwidthState
    from .flags import ChokingAlgorithm as ChokingAlgorithm
    from .flags import ConnectionType as ConnectionType
    from .flags import DeadlineFlags as DeadlineFlags
    from .flags import DhtAnnounceFlags as DhtAnnounceFlags
    from .flags import EncLevel as EncLevel
    from .flags import EncPolicy as EncPolicy
    from .flags import FileOpenMode as FileOpenMode
    from .flags import FileProgressFlags as FileProgressFlags
    from .flags import MoveFlags as MoveFlags
    from .flags import PauseFlags as PauseFlags
    from .flags import PeerFlags as PeerFlags
    from .flags import PeerSource as PeerSource
    from .flags import PieceState as PieceState
    from .flags import PortmapTransport as PortmapTransport
    from .flags import ProxyType as ProxyType
    from .flags import ReannounceFlags as ReannounceFlags
    from .flags import RemoveFlags as RemoveFlags
    from .flags import ReopenNetworkFlags as ReopenNetworkFlags
    from .flags import ResumeDataFlags as ResumeDataFlags
    from .flags import SaveStateFlags as SaveStateFlags
    from .flags import SeedChokingAlgorithm as SeedChokingAlgorithm
    from .flags import SessionFlags as SessionFlags
    from .flags import SocketType as SocketType
    from .flags import StatusFlags as StatusFlags
    from .flags import StorageMode as StorageMode
    from .flags import SuggestMode as SuggestMode
    from .flags import TorrentFlags as TorrentFlags
    from .flags import TrackerEvent as TrackerEvent
    from .flags import TrackerSource as TrackerSource
    from .flags import WriteTorrentFlags as WriteTorrentFlags
    from .handle import TorrentHandle as TorrentHandle
    from .loading import load_torrent_buffer as load_torrent_buffer
    from .loading import load_torrent_file as load_torrent_file
    from .loading import load_torrent_parsed as load_torrent_parsed
    from .loading import make_magnet_uri as make_magnet_uri
    from .loading import parse_magnet_uri as parse_magnet_uri
    from .loading import write_torrent_file as write_torrent_file
    from .loading import write_torrent_file_buf as write_torrent_file_buf
    from .params import DEFAULT_PLUGINS as DEFAULT_PLUGINS
    from .params import AddTorrentParams as AddTorrentParams
    from .params import SessionParams as SessionParams
    from .plugins.base import NO_UNCHOKE_PRIORITY as NO_UNCHOKE_PRIORITY
    from .plugins.base import AddPeerFlags as AddPeerFlags
    from .plugins.base import PeerPlugin as PeerPlugin
    from .plugins.base import SessionPlugin as SessionPlugin
    from .plugins.base import TorrentPlugin as TorrentPlugin
    from .plugins.discovery import installed_plugins as installed_plugins
    from .plugins.peer_handle import PeerConnectionHandle as PeerConnectionHandle
    from .renamed_files import RenamedFiles as RenamedFiles
    from .resume_data import MAX_RESUME_DATA as MAX_RESUME_DATA
    from .resume_data import read_resume_data as read_resume_data
    from .resume_data import write_resume_data as write_resume_data
    from .resume_data import write_resume_data_buf as write_resume_data_buf
    from .session import Session as Session
    from .settings import SettingsPack as SettingsPack
    from .settings import default_settings as default_settings
    from .settings import high_performance_seed as high_performance_seed
    from .settings import min_memory_usage as min_memory_usage
    from .state import MAX_SESSION_STATE as MAX_SESSION_STATE
    from .state import read_session_params as read_session_params
    from .state import write_session_params as write_session_params
    from .state import write_session_params_buf as write_session_params_buf
    from .stats import MetricType as MetricType
    from .stats import StatsMetric as StatsMetric
    from .stats import find_metric_idx as find_metric_idx
    from .stats import prometheus_text as prometheus_text
    from .stats import session_stats_metrics as session_stats_metrics
    from .status import AnnounceEndpoint as AnnounceEndpoint
    from .status import AnnounceEntry as AnnounceEntry
    from .status import AnnounceInfohash as AnnounceInfohash
    from .status import BlockInfo as BlockInfo
    from .status import ErrorFile as ErrorFile
    from .status import OpenFileState as OpenFileState
    from .status import PartialPieceInfo as PartialPieceInfo
    from .status import PeerClassInfo as PeerClassInfo
    from .status import PeerInfo as PeerInfo
    from .status import PeerRequest as PeerRequest
    from .status import TorrentState as TorrentState
    from .status import TorrentStatus as TorrentStatus
    from .subscription import Subscription as Subscription
    from .torrent.picker_policy import PickerPolicy as PickerPolicy
    from .torrent.picker_policy import PickerView as PickerView

_MODULES: dict[str, tuple[str, ...]] = {
    ".session": ("Session",),
    ".handle": ("TorrentHandle",),
    ".aio": ("AlertStream", "AsyncSession", "AsyncTorrentHandle"),
    ".subscription": ("Subscription",),
    ".params": (
        "DEFAULT_PLUGINS",
        "AddTorrentParams",
        "SessionParams",
    ),
    ".settings": (
        "SettingsPack",
        "default_settings",
        "high_performance_seed",
        "min_memory_usage",
    ),
    ".flags": (
        "AddPieceFlags",
        "AlertCategory",
        "AnnounceFlags",
        "BandwidthMixedAlgo",
        "BandwidthState",
        "ChokingAlgorithm",
        "ConnectionType",
        "DeadlineFlags",
        "DhtAnnounceFlags",
        "EncLevel",
        "EncPolicy",
        "FileOpenMode",
        "FileProgressFlags",
        "MoveFlags",
        "PauseFlags",
        "PeerFlags",
        "PeerSource",
        "PieceState",
        "PortmapTransport",
        "ProxyType",
        "ReannounceFlags",
        "RemoveFlags",
        "ReopenNetworkFlags",
        "ResumeDataFlags",
        "SaveStateFlags",
        "SeedChokingAlgorithm",
        "SessionFlags",
        "SocketType",
        "StatusFlags",
        "StorageMode",
        "SuggestMode",
        "TorrentFlags",
        "TrackerEvent",
        "TrackerSource",
        "WriteTorrentFlags",
    ),
    ".close_reason": ("CloseReason",),
    ".status": (
        "AnnounceEndpoint",
        "AnnounceEntry",
        "AnnounceInfohash",
        "BlockInfo",
        "ErrorFile",
        "OpenFileState",
        "PartialPieceInfo",
        "PeerClassInfo",
        "PeerInfo",
        "PeerRequest",
        "TorrentState",
        "TorrentStatus",
    ),
    ".plugins.base": (
        "AddPeerFlags",
        "NO_UNCHOKE_PRIORITY",
        "PeerPlugin",
        "SessionPlugin",
        "TorrentPlugin",
    ),
    ".plugins.discovery": ("installed_plugins",),
    ".plugins.peer_handle": ("PeerConnectionHandle",),
    ".torrent.picker_policy": ("PickerPolicy", "PickerView"),
    ".core.choker": ("ChokeCandidate",),
    ".core.choker_policy": ("ChokerPolicy",),
    ".disk.create_files": ("list_files", "set_piece_hashes"),
    ".errors": (
        "DuplicateTorrent",
        "ErrorCode",
        "InvalidSessionHandle",
        "InvalidSetting",
        "InvalidTorrentHandle",
        "NO_ERROR",
        "Operation",
        "PluginError",
        "ResumeDataError",
        "SessionError",
        "SettingsError",
        "TorrentErrc",
        "TorrentParamsError",
        "UnknownSetting",
        "UnsupportedFeature",
        "UnsupportedSetting",
        "operation_name",
    ),
    ".loading": (
        "load_torrent_buffer",
        "load_torrent_file",
        "load_torrent_parsed",
        "make_magnet_uri",
        "parse_magnet_uri",
        "write_torrent_file",
        "write_torrent_file_buf",
    ),
    ".renamed_files": ("RenamedFiles",),
    ".resume_data": (
        "MAX_RESUME_DATA",
        "read_resume_data",
        "write_resume_data",
        "write_resume_data_buf",
    ),
    ".state": (
        "MAX_SESSION_STATE",
        "read_session_params",
        "write_session_params",
        "write_session_params_buf",
    ),
    ".stats": (
        "MetricType",
        "StatsMetric",
        "find_metric_idx",
        "prometheus_text",
        "session_stats_metrics",
    ),
    ".core.ip_filter": (
        "IpFilter",
        "PortFilter",
    ),
    "..protocols.dht": ("DhtState",),
    "..protocols.portmap": ("PortmapProtocol",),
    ".core.peer_class_filter": (
        "PeerClassSocket",
        "PeerClassTypeFilter",
        "default_peer_class_filter",
        "global_peer_class_filter",
    ),
    "..protocols.metainfo": (
        "CreateFile",
        "CreateFlags",
        "CreateTorrent",
        "FileFlags",
        "FileSlice",
        "FileStorage",
        "LoadLimits",
        "TorrentInfo",
    ),
    "..protocols.types": (
        "InfoHashes",
        "PeerId",
        "ProtocolVersion",
        "Sha1Hash",
        "Sha256Hash",
    ),
    ".alerts": (
        "ALERT_TYPES",
        "AddTorrentAlert",
        "Alert",
        "AlertPriority",
        "AlertsDroppedAlert",
        "BlockDownloadingAlert",
        "BlockFinishedAlert",
        "BlockTimeoutAlert",
        "BlockUploadedAlert",
        "BlockedReason",
        "CacheFlushedAlert",
        "DhtAnnounceAlert",
        "DhtBootstrapAlert",
        "DhtBucket",
        "DhtDirectResponseAlert",
        "DhtErrorAlert",
        "DhtGetPeersAlert",
        "DhtGetPeersReplyAlert",
        "DhtImmutableItemAlert",
        "DhtLiveNodesAlert",
        "DhtLookup",
        "DhtMutableItemAlert",
        "DhtNode",
        "DhtPutAlert",
        "DhtReplyAlert",
        "DhtSampleInfohashesAlert",
        "DhtLogAlert",
        "DhtOutgoingGetPeersAlert",
        "DhtPktAlert",
        "DhtPktDirection",
        "DhtModule",
        "DhtStatsAlert",
        "ExternalIpAlert",
        "I2pAlert",
        "FastresumeRejectedAlert",
        "FileCompletedAlert",
        "FileErrorAlert",
        "FilePrioAlert",
        "FilePrioritiesAlert",
        "FileProgressAlert",
        "FileRenameFailedAlert",
        "FileRenamedAlert",
        "FileStatusAlert",
        "HashFailedAlert",
        "IncomingConnectionAlert",
        "IncomingRequestAlert",
        "InvalidRequestAlert",
        "IpBanAlert",
        "ListenFailedAlert",
        "ListenSucceededAlert",
        "LogAlert",
        "LsdErrorAlert",
        "LsdPeerAlert",
        "MetadataFailedAlert",
        "MetadataReceivedAlert",
        "OversizedFileAlert",
        "PeerAlert",
        "PeerBanAlert",
        "PeerBlockedAlert",
        "PeerConnectAlert",
        "PeerDirection",
        "PeerDisconnectedAlert",
        "PeerErrorAlert",
        "PeerInfoAlert",
        "PeerLogAlert",
        "PeerSnubbedAlert",
        "PeerUnsnubbedAlert",
        "PerformanceAlert",
        "PerformanceWarning",
        "PickerLogAlert",
        "PieceAvailabilityAlert",
        "PieceFinishedAlert",
        "PieceInfoAlert",
        "PluginErrorAlert",
        "PortmapAlert",
        "PortmapErrorAlert",
        "PortmapLogAlert",
        "ReadPieceAlert",
        "RequestDroppedAlert",
        "SaveResumeDataAlert",
        "SaveResumeDataFailedAlert",
        "ScrapeFailedAlert",
        "ScrapeReplyAlert",
        "SessionErrorAlert",
        "SessionStatsAlert",
        "SessionStatsHeaderAlert",
        "Socks5Alert",
        "StateChangedAlert",
        "StateUpdateAlert",
        "StorageMovedAlert",
        "StorageMovedFailedAlert",
        "TorrentAlert",
        "TorrentCheckedAlert",
        "TorrentConflictAlert",
        "TorrentDeleteFailedAlert",
        "TorrentDeletedAlert",
        "TorrentErrorAlert",
        "TorrentFinishedAlert",
        "TorrentLogAlert",
        "TorrentNeedCertAlert",
        "TorrentPausedAlert",
        "TorrentRemovedAlert",
        "TorrentResumedAlert",
        "TrackerAlert",
        "TrackerAnnounceAlert",
        "TrackerErrorAlert",
        "TrackerListAlert",
        "TrackerReplyAlert",
        "TrackerWarningAlert",
        "TrackeridAlert",
        "USER_ALERT_ID",
        "UdpErrorAlert",
        "UnwantedBlockAlert",
        "UrlSeedAlert",
    ),
}
"""Where each public name lives."""

_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    # Any: the type checker sees the imports above.
    module = _HOME.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(module, __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
