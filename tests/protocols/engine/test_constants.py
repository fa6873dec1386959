"""The numbers are curl's, wherever they are read from."""

from __future__ import annotations

import evtorrent.protocols as protocols
import pytest
from evtorrent.protocols.engine import Multi, constants

CURL = {
    "SOCKET_TIMEOUT": -1,
    "CSELECT_IN": 1,
    "CSELECT_OUT": 2,
    "CSELECT_ERR": 4,
    "POLL_NONE": 0,
    "POLL_IN": 1,
    "POLL_OUT": 2,
    "POLL_INOUT": 3,
    "POLL_REMOVE": 4,
    "M_SOCKETFUNCTION": 20001,
    "M_TIMERFUNCTION": 20004,
    "M_NOTIFYFUNCTION": 20018,
    "M_NOTIFY_INFO_READ": 0,
    "M_NOTIFY_EASY_DONE": 1,
}


@pytest.mark.parametrize("name", CURL)
def test_a_number_is_curls_and_the_same_everywhere(name: str) -> None:
    for place in (constants, protocols, Multi, Multi.__new__(Multi)):
        assert getattr(place, name) == CURL[name]


def test_every_public_constant_is_here() -> None:
    assert {name for name in protocols.__all__ if name.isupper()} == set(CURL)


def test_result_codes_of_the_multi_interface() -> None:
    assert [
        constants.E_MULTI_OK,
        constants.E_MULTI_BAD_HANDLE,
        constants.E_MULTI_BAD_EASY_HANDLE,
        constants.E_MULTI_BAD_SOCKET,
        constants.E_MULTI_UNKNOWN_OPTION,
        constants.E_MULTI_ADDED_ALREADY,
        constants.E_MULTI_RECURSIVE_API_CALL,
        constants.E_MULTI_BAD_FUNCTION_ARGUMENT,
        constants.E_MULTI_ABORTED_BY_CALLBACK,
    ] == [0, 1, 2, 5, 6, 7, 8, 10, 11]


def test_what_pycurl_shows_on_its_object_is_on_ours() -> None:
    """The same names with the same numbers, but for what belongs to a pool of HTTP connections."""
    pycurl = pytest.importorskip("pycurl")
    shown = {
        name: getattr(pycurl, name)
        for name in dir(pycurl)
        if name.isupper() and hasattr(pycurl.CurlMulti, name) | hasattr(pycurl.CurlMulti(), name)
    }
    for name, number in constants.CONNECTION_OPTIONS.items():
        assert shown.pop(name) == number
    # E_MULTI_CALL_… nothing gives any more; PIPE_… are values of an option that is refused.
    ours = {name: number for name, number in shown.items() if not name.startswith(("PIPE_", "E_MULTI_CALL_"))}
    assert "M_SOCKETFUNCTION" in ours
    assert {name: getattr(Multi, name) for name in ours} == ours
