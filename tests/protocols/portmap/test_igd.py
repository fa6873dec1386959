"""One device: what its errors are met with."""

from __future__ import annotations

from collections import deque

import pytest
from evtorrent.protocols.portmap import ExternalAddress, Mapped, MappingFailed, Unmapped
from evtorrent.protocols.portmap.igd import FAILURE_PAUSE, MAX_ATTEMPTS, MAX_CONFLICTS
from support.igd import LOCAL, OUTSIDE, TCP, UDP, WANIP_1, WANIP_2, WANPPP_1, FakeIgd, IgdTalk


def errors(*codes: int, action: str = "AddPortMapping", igd: FakeIgd | None = None) -> FakeIgd:
    """A device that answers so."""
    igd = igd or FakeIgd()
    igd.errors[action] = deque(codes)
    return igd


def failures(talk: IgdTalk) -> list[tuple[int, str, int]]:
    return [
        (event.mapping_id, event.error.category, event.error.code)
        for event in talk.take()
        if isinstance(event, MappingFailed)
    ]


# Mapping


def test_igd_1() -> None:
    talk = IgdTalk(FakeIgd(), description="a & b")
    talk.map(1, 6881)
    talk.map(2, 6882, UDP)
    assert talk.take() == [
        ExternalAddress(OUTSIDE),
        Mapped(1, TCP, 6881, OUTSIDE, 3600.0),
        Mapped(2, UDP, 6882, OUTSIDE, 3600.0),
    ]
    igd = talk.igds[0]
    assert igd.mapped == {("TCP", 6881): (LOCAL, 6881, 3600), ("UDP", 6882): (LOCAL, 6882, 3600)}
    assert igd.calls[1][1]["NewPortMappingDescription"] == "a &amp; b"
    talk.upnp.set_description("")
    talk.map(3, 6883)
    assert igd.calls[-1][1]["NewPortMappingDescription"] == ""
    assert igd.actions() == ["GetExternalIPAddress", "AddPortMapping", "AddPortMapping", "AddPortMapping"]
    assert repr(talk.upnp.devices) == "[Igd(http://10.0.0.1:5000/rootDesc.xml, ready)]"


def test_igd_2_chooses_a_free_port() -> None:
    talk = IgdTalk(FakeIgd(WANIP_2))
    talk.igds[0].taken = {6881}
    talk.map()
    assert talk.take()[1:] == [Mapped(1, TCP, 6882, OUTSIDE, 3600.0)]
    assert talk.igds[0].actions() == ["GetExternalIPAddress", "AddAnyPortMapping"]
    talk.close()
    assert not talk.igds[0].mapped


@pytest.mark.parametrize("code", [401, 501])
def test_igd_2_that_does_not_know_its_own_action(code: int) -> None:
    talk = IgdTalk(errors(code, action="AddAnyPortMapping", igd=FakeIgd(WANIP_2)))
    talk.map()
    assert talk.take()[1:] == [Mapped(1, TCP, 6881, OUTSIDE, 3600.0)]
    talk.map(2, 6882)
    assert talk.igds[0].actions()[1:] == ["AddAnyPortMapping", "AddPortMapping", "AddPortMapping"]


def test_a_reserved_port_that_is_none() -> None:
    igd = FakeIgd(WANIP_2)
    igd.replies["AddAnyPortMapping"] = 200, b"<AddAnyPortMappingResponse/>"
    talk = IgdTalk(igd)
    talk.map()
    assert failures(talk) == [(1, "generic", 1)]


# The external address


def test_the_service_with_an_address_is_the_one_that_is_connected() -> None:
    igd = FakeIgd(WANPPP_1, WANIP_2)
    igd.outside = ["0.0.0.0", OUTSIDE]
    talk = IgdTalk(igd)
    talk.map()
    assert talk.take()[0] == ExternalAddress(OUTSIDE)
    assert igd.actions() == ["GetExternalIPAddress", "GetExternalIPAddress", "AddAnyPortMapping"]


@pytest.mark.parametrize("reply", [(200, b"hello"), (500, b""), (404, b"<html/>")])
def test_without_an_address_the_first_service_maps_all_the_same(reply: tuple[int, bytes]) -> None:
    igd = FakeIgd(WANIP_1, WANPPP_1)
    igd.replies["GetExternalIPAddress"] = reply
    talk = IgdTalk(igd)
    talk.map()
    assert talk.take() == [Mapped(1, TCP, 6881, "", 3600.0)]
    assert str(talk.calls[-1].url).endswith("/ctl/0")


# Errors


def test_725_only_permanent_leases() -> None:
    talk = IgdTalk(errors(725))
    talk.map()
    assert talk.take()[1:] == [Mapped(1, TCP, 6881, OUTSIDE, 0.0)]
    assert talk.igds[0].mapped["TCP", 6881] == (LOCAL, 6881, 0)
    talk.advance(100 * 3600.0)
    assert talk.igds[0].actions() == ["GetExternalIPAddress", "AddPortMapping", "AddPortMapping"]


def test_725_although_the_lease_is_permanent() -> None:
    talk = IgdTalk(errors(725, 725), lease=0)
    talk.map()
    assert failures(talk) == [(1, "upnp", 725)]


@pytest.mark.parametrize("code", [718, 501])
def test_a_conflict_takes_another_port(code: int) -> None:
    talk = IgdTalk(errors(code))
    talk.map()
    mapped = talk.take()[1]
    assert isinstance(mapped, Mapped)
    assert 40_000 <= mapped.external_port < 50_000
    talk.advance(3000.0)
    assert len(talk.igds[0].mapped) == 1  # The renewal keeps it.
    talk.close()
    assert not talk.igds[0].mapped


@pytest.mark.parametrize("code", [718, 501])
def test_conflicts_without_end(code: int) -> None:
    igd = errors(*[code] * 100)
    talk = IgdTalk(igd)
    talk.map()
    assert failures(talk) == [(1, "upnp", code)]
    ports = [arguments["NewExternalPort"] for action, arguments in igd.calls if action == "AddPortMapping"]
    assert len(ports) == 1 + MAX_CONFLICTS
    assert ports[0] == "6881"
    talk.advance(FAILURE_PAUSE)
    assert len(igd.calls) == 1 + 2 * len(ports)
    assert igd.calls[1 + len(ports)][1]["NewExternalPort"] == "6881"
    assert failures(talk) == []


@pytest.mark.parametrize("code", [402, 606, 715, 716, 724, 726, 727, 728, 401, 777])
def test_other_errors_are_told_and_tried_again_later(code: int) -> None:
    igd = errors(code, code)
    talk = IgdTalk(igd)
    talk.map()
    assert failures(talk) == [(1, "upnp", code)]
    talk.advance(FAILURE_PAUSE)
    assert failures(talk) == []  # The same in a row is told once.
    talk.advance(FAILURE_PAUSE)
    assert talk.take() == [Mapped(1, TCP, 6881, OUTSIDE, 3600.0)]


def test_errors_that_take_turns_end() -> None:
    igd = errors(725, 718, 718, 718, 501, 402, igd=FakeIgd())
    talk = IgdTalk(igd)
    talk.map()
    assert failures(talk) == [(1, "upnp", 402)]
    assert igd.actions().count("AddPortMapping") == MAX_ATTEMPTS


@pytest.mark.parametrize(
    ("reply", "category", "code"),
    [
        ((200, b"hello"), "generic", 1),
        ((500, b"hello"), "http", 500),
        ((404, b"<html/>"), "http", 404),
        ((500, b"<Envelope><Body><Fault/></Body></Envelope>"), "upnp", -1),
        ((200, b"<Envelope><errorCode>402</errorCode></Envelope>"), "upnp", 402),
    ],
)
def test_answers_that_are_none(reply: tuple[int, bytes], category: str, code: int) -> None:
    igd = FakeIgd()
    igd.replies["AddPortMapping"] = reply
    talk = IgdTalk(igd)
    talk.map()
    assert failures(talk) == [(1, category, code)]


# Leases


def test_a_lease_is_renewed_after_three_quarters() -> None:
    talk = IgdTalk(FakeIgd(), lease=1200)
    talk.map()
    talk.take()
    talk.advance(899.0)
    assert talk.take() == []
    talk.advance(1.0)
    assert talk.take() == [Mapped(1, TCP, 6881, OUTSIDE, 1200.0)]
    talk.upnp.set_lease(0)
    talk.advance(900.0)
    assert talk.take() == [Mapped(1, TCP, 6881, OUTSIDE, 0.0)]


def test_a_lease_of_a_second_is_not_renewed_all_the_time() -> None:
    talk = IgdTalk(FakeIgd(), lease=1)
    talk.map()
    talk.advance(40.0)
    assert 10 <= len(talk.igds[0].actions()) <= 12


def test_a_refused_renewal_leaves_the_mapping_where_it_is() -> None:
    talk = IgdTalk(errors(718))
    talk.map()
    (port,) = (number for _, number in talk.igds[0].mapped)
    assert port != 6881
    talk.igds[0].errors["AddPortMapping"] = deque((402,))
    talk.advance(2700.0)
    assert failures(talk) == [(1, "upnp", 402)]
    talk.remove(1)
    assert talk.igds[0].calls[-1][1]["NewExternalPort"] == str(port)
    assert not talk.igds[0].mapped


def test_a_port_that_was_taken_from_us_is_not_removed() -> None:
    talk = IgdTalk(FakeIgd())
    talk.map()
    igd = talk.igds[0]
    igd.errors["AddPortMapping"] = deque([718] * 5)
    talk.advance(2700.0)
    assert failures(talk) == [(1, "upnp", 718)]
    igd.calls.clear()
    talk.remove(1)
    assert talk.take() == [Unmapped(1)]
    assert igd.calls == []


# Removal


def test_removal() -> None:
    talk = IgdTalk(FakeIgd())
    talk.map()
    talk.take()
    talk.remove(1)
    assert talk.take() == [Unmapped(1)]
    assert not talk.igds[0].mapped
    assert talk.igds[0].actions()[-1] == "DeletePortMapping"


def test_removal_of_what_the_gateway_forgot() -> None:
    talk = IgdTalk(FakeIgd())
    talk.map()
    talk.igds[0].mapped.clear()
    talk.take()
    talk.remove(1)
    assert talk.take() == [Unmapped(1)]


@pytest.mark.parametrize("outcome", ["added", "refused", "rubbish"])
def test_removal_while_it_is_added(outcome: str) -> None:
    talk = IgdTalk(FakeIgd())
    talk.map(9, 9999)
    talk.take()
    talk.holds = held = []
    talk.map(1, 6881)
    talk.remove(1)
    assert talk.take() == []
    talk.holds = None
    igd = talk.igds[0]
    if outcome == "refused":
        igd.errors["AddPortMapping"] = deque((402,))
    elif outcome == "rubbish":
        igd.replies["AddPortMapping"] = 200, b"hello"
    talk.serve(held[0])
    talk.pump()
    assert talk.take() == [Unmapped(1)]
    assert ("TCP", 6881) not in igd.mapped
    assert ("DeletePortMapping" in igd.actions()) is (outcome == "added")


def test_removal_while_it_is_renewed_in_vain() -> None:
    talk = IgdTalk(FakeIgd(), lease=400)
    talk.map()
    talk.take()
    talk.holds = held = []
    talk.advance(300.0)
    talk.remove(1)
    talk.igds[0].errors["AddPortMapping"] = deque((402,))
    talk.holds = None
    talk.serve(held[0])
    talk.pump()
    assert talk.take() == [Unmapped(1)]
    assert not talk.igds[0].mapped  # The first lease was still running.


def test_removal_before_the_device_is_known() -> None:
    talk = IgdTalk(FakeIgd())
    talk.holds = []
    talk.map()
    talk.remove(1)
    assert talk.take() == [Unmapped(1)]
    talk.remove(1)
    assert talk.take() == []
