"""Ports mapped by a real router: miniupnpd, a firewall, and somebody outside who tries to get in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.router import CLIENT, CLIENT_6, NEIGHBOUR, OUTSIDE, Mapped, Router, why_not
from support.waiting import wait_for

pytestmark = [pytest.mark.interop, pytest.mark.slow]

ONLY = {
    "natpmp": {"enable_upnp": False},
    "upnp": {"enable_natpmp": False},
    "both": {},
}
"""Languages → settings."""


@pytest.fixture(scope="module")
def program(require_peer: Any) -> str:
    path: str = require_peer("miniupnpd")
    # Where namespaces cannot be made no installation helps: a skip, also where real peers are required.
    if reason := why_not():
        pytest.skip(f"no router: {reason}")
    return path


@pytest.fixture(scope="module")
def router(program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    with Router(program, tmp_path_factory.mktemp("router")) as running:
        yield running


@pytest.fixture
def own_router(program: str, tmp_path: Path) -> Iterator[Router]:
    """One that a test may switch off and on."""
    with Router(program, tmp_path) as running:
        yield running


def session(router: Router, port: int, languages: str, **settings: Any) -> Mapped:
    given = {"listen_interfaces": f"0.0.0.0:{port}", **ONLY[languages], **settings}
    return Mapped(router, **given)


@pytest.mark.parametrize("languages", ["natpmp", "upnp", "both"])
def test_a_listen_port_can_be_reached_until_the_session_ends(router: Router, languages: str) -> None:
    port = {"natpmp": 26881, "upnp": 26882, "both": 26883}[languages]
    assert not router.reaches(OUTSIDE, port)
    with session(router, port, languages) as client:
        # Peers come over TCP and, as uTP and the DHT do, over UDP.
        mapped = client.wait("mapped", 4 if languages == "both" else 2)
        assert {(each["port"], each["protocol"], each["local"]) for each in mapped} == {
            (port, "tcp", CLIENT),
            (port, "udp", CLIENT),
        }
        assert client.wait("external")[0]["address"] == OUTSIDE
        assert router.reaches(OUTSIDE, port)
        client.do("close")
        assert client.wait("closed")[0]["in_time"]
    assert str(port) not in router.rules()
    assert not router.reaches(OUTSIDE, port)


def test_natpmp(router: Router) -> None:
    with Mapped(router, "natpmp_client.py", local=CLIENT, port=26861) as client:
        mapped = client.wait("mapped", 2)
        assert [(each["port"], each["protocol"]) for each in mapped] == [(26861, "tcp"), (26861, "udp")]
        assert client.wait("external")[0]["address"] == OUTSIDE
        assert router.rules().count("26861") >= 2
        client.do("close")
        assert client.wait("closed")[0]["dialect"] == "NAT-PMP"
    assert "26861" not in router.rules()


@pytest.mark.parametrize("languages", ["natpmp", "upnp"])
def test_a_port_somebody_else_has(router: Router, languages: str) -> None:
    port = {"natpmp": 26891, "upnp": 26892}[languages]
    neighbour = {"listen_interfaces": f"{NEIGHBOUR}:{port}"}
    with session(router, port, "natpmp", **neighbour) as first:
        assert first.wait("mapped", protocol="tcp")[0]["port"] == port
        with session(router, port, languages, listen_interfaces=f"{CLIENT}:{port}") as second:
            other = second.wait("mapped", protocol="tcp")[0]
            assert other["local"] == CLIENT
            assert other["port"] != port
            assert router.reaches(OUTSIDE, other["port"])
        assert not router.reaches(OUTSIDE, other["port"])
        assert router.reaches(OUTSIDE, port)


def test_what_the_application_maps(router: Router) -> None:
    with session(router, 26901, "both") as client:
        client.wait("mapped", 4)
        client.forget()
        client.do("add", "tcp", 26950, 26901)
        ids = client.wait("added")[0]["ids"]
        assert len(ids) == 2
        for number in ids:
            assert client.wait("mapped", id=number)[0]["port"] == 26950
        assert router.reaches(OUTSIDE, 26950)
        client.do("add", "udp", 26951, 26901)
        client.wait("mapped", 2, protocol="udp")
        assert "26951" in router.rules()
        for number in ids:
            client.do("delete", number)
        wait_for(lambda: "26950" not in router.rules(), "the mapping to go")
        assert router.reaches(OUTSIDE, 26901)


def test_a_hole_in_the_ipv6_firewall(router: Router) -> None:
    with session(router, 26921, "natpmp", listen_interfaces="[::]:26921") as client:
        assert client.wait("mapped")[0]["local"] == CLIENT_6
        assert router.reaches(CLIENT_6, 26921)
    assert not router.reaches(CLIENT_6, 26921, timeout=0.5)


def test_a_router_that_was_restarted(own_router: Router) -> None:
    """Its epoch goes back, and the next answer tells so: everything is mapped again."""
    # The last count it heard must be larger than the law of RFC 6887 8.5 forgives.
    wait_for(lambda: own_router.seconds_up > 3.0, "the router to have been up for a while")
    with session(own_router, 26931, "natpmp") as client:
        client.wait("mapped", 2)
        own_router.stop()
        own_router.start()
        assert not own_router.reaches(OUTSIDE, 26931)
        client.forget()
        client.do("add", "tcp", 26960, 26931)
        mapped = {(each["port"], each["protocol"]) for each in client.wait("mapped", 3)}
        assert mapped == {(26931, "tcp"), (26931, "udp"), (26960, "tcp")}
        assert own_router.reaches(OUTSIDE, 26931)


def test_network_reopened_after_a_restart(own_router: Router) -> None:
    """The router's HTTP server is at another port then."""
    with session(own_router, 26941, "both") as client:
        client.wait("mapped", 4)
        own_router.stop()
        own_router.start()
        client.forget()
        client.do("reopen", 1)
        assert {each["port"] for each in client.wait("mapped", 4)} == {26941}
        assert {each["by"] for each in client.told} >= {"natpmp", "upnp"}
        assert own_router.reaches(OUTSIDE, 26941)


def test_igd_1_and_a_port_it_refuses(own_router: Router) -> None:
    """Only of version 1: at AddAnyPortMapping this daemon would look for a port without end."""
    own_router.stop()
    own_router.start("force_igd_desc_v1=yes")
    with session(own_router, 26911, "upnp") as client:
        assert client.wait("mapped", protocol="tcp")[0]["port"] == 26911
        client.do("add", "tcp", 80, 80)
        number = client.wait("added")[0]["ids"][0]
        assert client.wait("failed")[0]["id"] == number
        assert own_router.reaches(OUTSIDE, 26911)
    assert "26911" not in own_router.rules()


@pytest.mark.parametrize(
    "settings",
    [
        {"listen_interfaces": "127.0.0.1:26971"},
        {"listen_interfaces": "0.0.0.0:26972l"},
        {"listen_interfaces": "0.0.0.0:26973", "enable_upnp": False, "enable_natpmp": False},
    ],
)
def test_nothing_is_asked_on_loopback_for_local_ports_or_when_off(
    router: Router, settings: dict[str, Any]
) -> None:
    before = router.num_questions()
    with Mapped(router, **settings) as client:
        client.wait("listening")
        client.do("add", "tcp", 26980, 26980)
        assert client.wait("added")[0]["ids"] == []
        client.do("close")
        client.wait("closed")
    assert router.num_questions() == before
