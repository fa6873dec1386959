from __future__ import annotations

import pytest
from evtorrent.protocols.errors import RemoteProtocolError
from evtorrent.protocols.http.url import parse_url
from evtorrent.protocols.portmap.description import MAX_SERVICES, parse_description
from support.igd import WANIP_1, WANIP_2, WANPPP_1, FakeIgd

LOCATION = parse_url("http://10.0.0.1:5000/a/rootDesc.xml")


def urls(igd: FakeIgd) -> list[str]:
    return [str(service.control_url) for service in parse_description(igd.describe(), LOCATION).services]


def test_services_in_their_order() -> None:
    description = parse_description(FakeIgd(WANPPP_1, WANIP_2, WANIP_1).describe(), LOCATION)
    assert description.model == "Scripted"
    assert [(each.service_type, each.has_any_port) for each in description.services] == [
        (WANPPP_1, False),
        (WANIP_2, True),
        (WANIP_1, False),
    ]


@pytest.mark.parametrize(
    ("base", "control", "url"),
    [
        ("", "/ctl/0", "http://10.0.0.1:5000/ctl/0"),
        ("", "ctl/0", "http://10.0.0.1:5000/a/ctl/0"),
        ("", "http://10.0.0.1:80/ctl?0", "http://10.0.0.1/ctl?0"),
        ("<URLBase>http://10.0.0.1:5431/x/</URLBase>", "ctl/0", "http://10.0.0.1:5431/x/ctl/0"),
        ("<URLBase>http://10.0.0.1:5431</URLBase>", "/ctl/0", "http://10.0.0.1:5431/ctl/0"),
        ("<URLBase/>", "/ctl/0", "http://10.0.0.1:5000/ctl/0"),
    ],
)
def test_where_the_control_is(base: str, control: str, url: str) -> None:
    igd = FakeIgd()
    igd.base, igd.control = base, control
    assert urls(igd) == [url]


def test_spelling_varies() -> None:
    text = FakeIgd().describe().replace(b"serviceType", b"SERVICETYPE").replace(b"WANIPConn", b"wanipconn")
    assert parse_description(text, LOCATION).services[0].service_type == WANIP_1
    bare = text.replace(b"<modelName>Scripted</modelName>", b"")
    assert parse_description(bare, LOCATION).model == ""


@pytest.mark.parametrize(
    "control", ["", "https://10.0.0.1/ctl", "ftp://10.0.0.1/", "http://[::1/", "x" * 4000]
)
def test_controls_that_cannot_be_used(control: str) -> None:
    igd = FakeIgd(WANIP_1, WANIP_1)
    text = igd.describe().replace(b"/ctl/1", control.encode())
    assert [str(each.control_url) for each in parse_description(text, LOCATION).services][:1] == [
        "http://10.0.0.1:5000/ctl/0"
    ]
    if len(control) < 100:
        assert len(parse_description(text, LOCATION).services) == 1


def test_what_maps_no_ports() -> None:
    with pytest.raises(RemoteProtocolError, match="no service"):
        parse_description(FakeIgd("urn:schemas-upnp-org:service:AVTransport:1").describe(), LOCATION)
    with pytest.raises(RemoteProtocolError, match="not XML"):
        parse_description(b"hello", LOCATION)
    igd = FakeIgd()
    igd.base = "<URLBase>gopher://10.0.0.1/</URLBase>"
    with pytest.raises(RemoteProtocolError):
        parse_description(igd.describe(), LOCATION)


def test_limit() -> None:
    assert len(urls(FakeIgd(*[WANIP_1] * (MAX_SERVICES + 1)))) == MAX_SERVICES
