from __future__ import annotations

import pytest
from evtorrent.protocols.portmap.errors import (
    UPNP_MESSAGES,
    NoRouter,
    PcpError,
    PcpResult,
    UpnpError,
    UpnpHttpError,
    UpnpReplyInvalid,
    pcp_result_of_natpmp,
)


@pytest.mark.parametrize("result", PcpResult)
def test_every_result_has_a_text(result: PcpResult) -> None:
    error = PcpError(result)
    assert (error.code, error.category) == (int(result), "pcp error")
    assert str(error) == result.name.lower().replace("_", " ").replace("unsupp ", "unsupported ").replace(
        "ex quota", "exceeded quota"
    )


def test_texts() -> None:
    assert str(PcpError(200)) == "Unknown error"
    assert str(UpnpError(725)) == UPNP_MESSAGES[725]
    assert str(UpnpError(999)) == "unknown UPnP error (999)"
    assert str(UpnpHttpError(404)) == "HTTP status 404"
    assert str(UpnpReplyInvalid("not XML")) == "not XML"
    assert (NoRouter().code, NoRouter().category) == (99, "libtorrent")


def test_the_same_again() -> None:
    assert UpnpError(718).is_same_as(UpnpError(718))
    assert not UpnpError(718).is_same_as(UpnpError(501))
    assert not UpnpError(2).is_same_as(PcpError(2))
    assert not UpnpError(718).is_same_as(None)


@pytest.mark.parametrize(
    ("natpmp", "pcp"),
    [
        (0, PcpResult.SUCCESS),
        (1, PcpResult.UNSUPP_VERSION),
        (2, PcpResult.NOT_AUTHORIZED),
        (3, PcpResult.NETWORK_FAILURE),
        (4, PcpResult.NO_RESOURCES),
        (5, PcpResult.UNSUPP_OPCODE),
        (6, 255),
        (65535, 255),
    ],
)
def test_results_of_natpmp_mean_other_things(natpmp: int, pcp: int) -> None:
    assert pcp_result_of_natpmp(natpmp) == pcp


@pytest.mark.interop
def test_texts_are_libtorrents(require_peer) -> None:  # type: ignore[no-untyped-def]
    category = require_peer("libtorrent").upnp_category()
    for code, text in UPNP_MESSAGES.items():
        theirs = category.message(code)
        assert theirs in (text, f"unknown UPnP error ({code})")
