"""SSDP answers, descriptions and SOAP answers of every kind of badness: no exception, no address that may not be asked."""

from __future__ import annotations

import ipaddress
from random import Random

import pytest
from evtorrent.protocols.errors import RemoteProtocolError
from evtorrent.protocols.http import parse_url
from evtorrent.protocols.portmap import HttpCall, MapRequest
from evtorrent.protocols.portmap.description import parse_description
from evtorrent.protocols.portmap.soap import external_address, parse_soap, reserved_port
from evtorrent.protocols.portmap.upnp import MAX_DEVICES
from hypothesis import given, settings
from hypothesis import strategies as st
from support.igd import TCP, WANIP_1, WANIP_2, WANPPP_1, FakeIgd, IgdTalk
from support.mutation import mutate

INPUTS = 25
"""Answers of one conversation."""

SSDP = (
    FakeIgd().ssdp(),
    FakeIgd(host="10.0.0.77", port=1).ssdp("upnp:rootdevice"),
    FakeIgd(host="127.0.0.1").ssdp(),
    FakeIgd(host="[::1]").ssdp(),
)
SSDP_TOKENS = (
    b"\r\n",
    b"\n",
    b":",
    b"http://",
    b"https://",
    b"LOCATION: ",
    b"10.0.0.1",
    b"127.0.0.1",
    b"@",
    b"\0",
    b"%00",
)

_FAULT = b"<s:Fault><detail><UPnPError><errorCode>718</errorCode></UPnPError></detail></s:Fault>"
XML = (
    FakeIgd(WANIP_2).describe(),
    FakeIgd(WANPPP_1, WANIP_1).describe(),
    b"<s:Envelope><s:Body>" + _FAULT + b"</s:Body></s:Envelope>",
    b"<s:Body><u:XResponse><NewExternalIPAddress>8.8.4.4</NewExternalIPAddress></u:XResponse></s:Body>",
    b"<s:Body><u:XResponse><NewReservedPort>6881</NewReservedPort></u:XResponse></s:Body>",
)
XML_TOKENS = (
    b"<", b">", b"</", b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"&b;", b"&amp;", b"&#0;", b"<![CDATA[", b"]]>", b"<a>" * 40,
    b"725", b"718", b"501", b"402", b"-1", b"<errorCode>", b"127.0.0.1", b"http://8.8.8.8/", b"urn:", b"\xff\xfe", b"\0",
)  # fmt: skip


def converse(seed: int) -> None:
    """Searches and calls in which something else than the device's answer arrives, most of the time."""
    rng = Random(seed)
    igd = FakeIgd(*rng.choice(((WANIP_1,), (WANIP_2,), (WANPPP_1, WANIP_2))))
    talk = IgdTalk(igd, lease=rng.choice((0, 3600)), ignore_nonrouters=rng.random() < 0.5)
    talk.is_deaf = rng.random() < 0.5
    talk.holds = held = []
    for step in range(INPUTS):
        action = rng.random()
        if action < 0.2:
            talk.upnp.send_mapping(MapRequest(step, TCP, 6881, 6881), now=talk.now)
        elif action < 0.3:
            talk.remove(rng.randrange(step + 1))
        elif action < 0.45:
            talk.advance(rng.choice((1.0, 20.0, 2700.0)))
        talk.pump()
        if held and rng.random() < 0.8:
            call = held.pop(rng.randrange(len(held)))
            reply(talk, igd, call, rng)
        else:
            talk.hear(mutate(rng, SSDP, SSDP_TOKENS), rng.choice(("10.0.0.1", "10.0.0.9", "8.8.8.8")))
        check(talk, held)
    talk.close()
    while held:
        call = held.pop()
        talk.upnp.receive_failure(call.call_id, "gone", now=talk.now)
        talk.pump()
    assert talk.upnp.is_closed


def reply(talk: IgdTalk, igd: FakeIgd, call: HttpCall, rng: Random) -> None:
    kind = rng.random()
    if kind < 0.1:
        talk.upnp.receive_failure(call.call_id, "no", now=talk.now)
    elif kind < 0.4 and is_meant(igd, call):
        talk.serve(call)
    else:
        status = rng.choice((200, 200, 200, 500, 404))
        talk.upnp.receive_answer(call.call_id, status, mutate(rng, XML, XML_TOKENS), now=talk.now)
    talk.pump()


def is_meant(igd: FakeIgd, call: HttpCall) -> bool:
    """The call is one that this device described."""
    if (igd.host, igd.port) != (call.url.host, call.url.port):
        return False
    if call.post is None:
        return call.url.target == "/rootDesc.xml"
    headers = dict(call.headers)
    return any(
        call.url.target == f"/ctl/{number}" and headers["SOAPAction"].startswith(f'"{service}#')
        for number, service in enumerate(igd.services)
    )


def check(talk: IgdTalk, held: list[HttpCall]) -> None:
    for call in talk.calls:
        assert talk.upnp.admits(call.url.host), call
        assert not call.url.is_secure
    talk.calls.clear()
    assert len(held) <= len(talk.upnp._devices) <= MAX_DEVICES
    talk.advance(0.0)  # It ends: nothing is due at once for ever.
    due = talk.upnp.next_timeout()
    assert due is None or due > talk.now
    assert len(talk.events) <= 4 * INPUTS * INPUTS


def parse(seed: int) -> None:
    """Documents that reach the parsers as they are."""
    rng = Random(seed)
    location = parse_url("http://10.0.0.1/")
    for _ in range(INPUTS):
        data = mutate(rng, XML, XML_TOKENS)
        try:
            for service in parse_description(data, location).services:
                assert service.control_url.scheme == "http"
        except RemoteProtocolError:
            pass
        try:
            answer = parse_soap(data)
            assert answer.error is None or -1 <= answer.error <= 999_999
            host = external_address(answer)
            assert not host or ipaddress.ip_address(host)
            assert 0 < reserved_port(answer) < 65536
        except RemoteProtocolError:
            pass


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(st.integers(0, 2**64 - 1))
def test_ten_thousand_answers(seed: int) -> None:
    converse(seed)


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(st.integers(0, 2**64 - 1))
def test_ten_thousand_documents(seed: int) -> None:
    parse(seed)


@pytest.mark.soak
@settings(max_examples=40_000, deadline=None)
@given(st.integers(0, 2**64 - 1))
def test_a_million_answers(seed: int) -> None:
    converse(seed)


@pytest.mark.soak
@settings(max_examples=40_000, deadline=None)
@given(st.integers(0, 2**64 - 1))
def test_a_million_documents(seed: int) -> None:
    parse(seed)
