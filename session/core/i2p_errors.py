"""Errors of I2P as codes, with libtorrent's category and numbers."""

from __future__ import annotations

from ...protocols.errors import EvtorrentError
from ...protocols.sam import SamError, SamRefused
from ..errors import ErrorCode

__all__ = ["I2P_CATEGORY", "i2p_code"]

I2P_CATEGORY = "i2p error"

_PARSE_FAILED = 1
_UNKNOWN = 9
_RESULTS = {
    "CANT_REACH_PEER": 2,
    "I2P_ERROR": 3,
    "INVALID_KEY": 4,
    "INVALID_ID": 5,
    "TIMEOUT": 6,
    "KEY_NOT_FOUND": 7,
    "DUPLICATED_ID": 8,
}


def i2p_code(error: EvtorrentError) -> ErrorCode:
    """What a bridge says or does wrong in the category "i2p error", all else as anywhere."""
    cause = getattr(error, "cause", error)
    if isinstance(cause, SamRefused):
        return ErrorCode(_RESULTS.get(cause.result, _UNKNOWN), I2P_CATEGORY, str(cause))
    if isinstance(cause, SamError):
        return ErrorCode(_PARSE_FAILED, I2P_CATEGORY, str(cause))
    return ErrorCode.from_exception(error)
