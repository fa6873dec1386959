from __future__ import annotations

import pytest
from evtorrent.protocols.errors import RemoteProtocolError
from evtorrent.protocols.portmap.soap import SoapAnswer, SoapCall, external_address, parse_soap, reserved_port
from support.igd import WANIP_1, FakeIgd


def test_a_call() -> None:
    call = SoapCall(WANIP_1, "DeletePortMapping", {"NewRemoteHost": "", "NewExternalPort": "1", "X": "<&>"})
    assert call.headers == (
        ("Content-Type", 'text/xml; charset="utf-8"'),
        ("SOAPAction", f'"{WANIP_1}#DeletePortMapping"'),
    )
    assert (
        b'<s:Body><u:DeletePortMapping xmlns:u="urn:schemas-upnp-org:service:WANIPConnection:1">'
        b"<NewRemoteHost></NewRemoteHost><NewExternalPort>1</NewExternalPort><X>&lt;&amp;&gt;</X>"
        b"</u:DeletePortMapping></s:Body></s:Envelope>"
    ) in call.body


def ask(action: str, igd: FakeIgd | None = None) -> SoapAnswer:
    call = SoapCall(WANIP_1, action, {"NewProtocol": "TCP", "NewExternalPort": "7"})
    return parse_soap((igd or FakeIgd()).answer("/ctl/0", dict(call.headers), call.body)[1])


def test_answers() -> None:
    assert external_address(ask("GetExternalIPAddress")) == "8.8.4.4"
    assert ask("DeletePortMapping") == SoapAnswer({}, 714)
    assert reserved_port(SoapAnswer({"NewReservedPort": "6882"}, None)) == 6882


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (b"<Envelope><Body/></Envelope>", SoapAnswer({}, None)),
        (b"<Envelope><Body><Fault/></Body></Envelope>", SoapAnswer({}, -1)),
        (b"<a><errorCode>seven</errorCode></a>", SoapAnswer({}, -1)),
        (b"<a><errorCode>-7</errorCode></a>", SoapAnswer({}, -1)),
        (b"<a><errorCode>99999999</errorCode></a>", SoapAnswer({}, -1)),
        (b"<a><ErrorCode> 501 </ErrorCode></a>", SoapAnswer({}, 501)),
        (b"<u:AddPortMappingResponse/>", SoapAnswer({}, None)),
    ],
)
def test_answers_of_the_wild(body: bytes, answer: SoapAnswer) -> None:
    assert parse_soap(body) == answer


@pytest.mark.parametrize(
    "address", ["", "0.0.0.0", "127.0.0.1", "224.0.0.1", "::", "no", "1.2.3", "fe80::1%eth0", "8.8.4.4:80"]
)
def test_addresses_nobody_has(address: str) -> None:
    assert external_address(SoapAnswer({"NewExternalIPAddress": address}, None)) == ""


@pytest.mark.parametrize("port", ["", "0", "65536", "-1", "x", "٣"])
def test_ports_that_are_none(port: str) -> None:
    with pytest.raises(RemoteProtocolError, match="without a port"):
        reserved_port(SoapAnswer({"NewReservedPort": port}, None))


def test_no_xml() -> None:
    with pytest.raises(RemoteProtocolError, match="not XML"):
        parse_soap(b"OK")
