"""curl's numbers, so that a host loop written for curl's multi interface drives this engine unchanged."""

from __future__ import annotations

from typing import Final

__all__ = [
    "CSELECT_ERR",
    "CSELECT_IN",
    "CSELECT_OUT",
    "E_ABORTED_BY_CALLBACK",
    "E_COULDNT_CONNECT",
    "E_COULDNT_RESOLVE_HOST",
    "E_MULTI_ABORTED_BY_CALLBACK",
    "E_MULTI_ADDED_ALREADY",
    "E_MULTI_BAD_EASY_HANDLE",
    "E_MULTI_BAD_FUNCTION_ARGUMENT",
    "E_MULTI_BAD_HANDLE",
    "E_MULTI_BAD_SOCKET",
    "E_MULTI_OK",
    "E_MULTI_RECURSIVE_API_CALL",
    "E_MULTI_UNKNOWN_OPTION",
    "E_OK",
    "E_OPERATION_TIMEDOUT",
    "E_RECV_ERROR",
    "E_SEND_ERROR",
    "E_SSL_CONNECT_ERROR",
    "E_WEIRD_SERVER_REPLY",
    "M_NOTIFYFUNCTION",
    "M_NOTIFY_EASY_DONE",
    "M_NOTIFY_INFO_READ",
    "M_SOCKETFUNCTION",
    "M_TIMERFUNCTION",
    "POLL_IN",
    "POLL_INOUT",
    "POLL_NONE",
    "POLL_OUT",
    "POLL_REMOVE",
    "SOCKET_BAD",
    "SOCKET_TIMEOUT",
    "WAIT_POLLIN",
    "WAIT_POLLOUT",
]

SOCKET_TIMEOUT: Final = -1
"""The "descriptor" of a `socket_action` that says: time has passed, or: start."""
SOCKET_BAD: Final = -1

CSELECT_IN: Final = 1
CSELECT_OUT: Final = 2
CSELECT_ERR: Final = 4

POLL_NONE: Final = 0
POLL_IN: Final = 1
POLL_OUT: Final = 2
POLL_INOUT: Final = 3
POLL_REMOVE: Final = 4

WAIT_POLLIN: Final = 1
WAIT_POLLOUT: Final = 4

M_SOCKETFUNCTION: Final = 20001
M_TIMERFUNCTION: Final = 20004
M_NOTIFYFUNCTION: Final = 20018

M_NOTIFY_INFO_READ: Final = 0
"""The message queue went from empty to non-empty."""
M_NOTIFY_EASY_DONE: Final = 1
"""A handle ended, well or badly."""

E_MULTI_OK: Final = 0
E_MULTI_BAD_HANDLE: Final = 1
E_MULTI_BAD_EASY_HANDLE: Final = 2
E_MULTI_BAD_SOCKET: Final = 5
E_MULTI_UNKNOWN_OPTION: Final = 6
E_MULTI_ADDED_ALREADY: Final = 7
E_MULTI_RECURSIVE_API_CALL: Final = 8
E_MULTI_BAD_FUNCTION_ARGUMENT: Final = 10
E_MULTI_ABORTED_BY_CALLBACK: Final = 11

E_OK: Final = 0
E_COULDNT_RESOLVE_HOST: Final = 6
E_COULDNT_CONNECT: Final = 7
E_WEIRD_SERVER_REPLY: Final = 8
E_OPERATION_TIMEDOUT: Final = 28
E_SSL_CONNECT_ERROR: Final = 35
E_ABORTED_BY_CALLBACK: Final = 42
E_SEND_ERROR: Final = 55
E_RECV_ERROR: Final = 56
