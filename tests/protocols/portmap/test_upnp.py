"""Searches, several gateways, and devices that are none."""

from __future__ import annotations

import itertools
from random import Random

import pytest
from evtorrent.protocols.errors import LocalProtocolError
from evtorrent.protocols.portmap import (
    MAX_MAPPINGS,
    ExternalAddress,
    Mapped,
    MappingFailed,
    MapRequest,
    NoRouter,
    Unmapped,
    Upnp,
)
from evtorrent.protocols.portmap.ssdp import IGD_1, IGD_2, ROOT_DEVICE
from evtorrent.protocols.portmap.upnp import LONGEST_PAUSE, MAX_ANSWERS, MAX_DEVICES, SHORTEST_PAUSE
from support.igd import GATEWAY, NETWORK, OUTSIDE, TCP, FakeIgd, IgdTalk


def rounds(talk: IgdTalk) -> list[float]:
    """When searches were sent, from the first on; forgets them."""
    times = sorted({time for time, _ in talk.searches})
    talk.searches.clear()
    return [time - times[0] for time in times]


def kinds(talk: IgdTalk) -> list[type]:
    return [type(event) for event in talk.take()]


# Searching


def test_with_a_gateway_the_search_is_sent_four_times() -> None:
    talk = IgdTalk(FakeIgd())
    talk.map()
    talk.advance(3600.0)
    assert {target for _, target in talk.searches} == {IGD_1, IGD_2}
    assert rounds(talk) == [0.0, 2.0, 6.0, 12.0]


def test_without_one_it_is_sent_twelve_times_and_asks_everybody_in_the_end() -> None:
    talk = IgdTalk()
    talk.map()
    talk.advance(155.0)
    assert talk.take() == []
    assert next(time for time, target in talk.searches if target == ROOT_DEVICE) == 1006.0
    talk.advance(1.0)
    (failed,) = talk.take()
    assert isinstance(failed, MappingFailed) and isinstance(failed.error, NoRouter)
    assert rounds(talk) == [0.0, 2.0, 6.0, 12.0, 20.0, 30.0, 42.0, 56.0, 72.0, 90.0, 110.0, 132.0]
    talk.map(2, 6882)
    assert kinds(talk) == [MappingFailed]


def test_later_it_is_searched_again_with_growing_pauses_and_told_no_more() -> None:
    talk = IgdTalk()
    talk.map()
    talk.advance(24 * 3600.0)
    assert kinds(talk) == [MappingFailed]
    times = rounds(talk)
    begun = [time for number, time in enumerate(times) if number % 12 == 0]
    gaps = [later - earlier - 156.0 for earlier, later in itertools.pairwise(begun)]
    assert gaps[:3] == [SHORTEST_PAUSE, 2 * SHORTEST_PAUSE, 4 * SHORTEST_PAUSE]
    assert set(gaps[6:]) == {LONGEST_PAUSE}
    talk.igds.append(FakeIgd())
    talk.advance(LONGEST_PAUSE + 156.0)
    assert kinds(talk)[:2] == [ExternalAddress, Mapped]


def test_a_gateway_that_answers_late() -> None:
    talk = IgdTalk(FakeIgd())
    talk.is_deaf = True
    talk.map()
    talk.advance(40.0)
    talk.hear(talk.igds[0].ssdp())
    assert kinds(talk) == [ExternalAddress, Mapped]
    talk.hear(talk.igds[0].ssdp())
    assert talk.take() == []


def test_a_device_that_is_slow_to_describe_itself_is_waited_for() -> None:
    talk = IgdTalk(FakeIgd())
    talk.holds = held = []
    talk.map()
    talk.advance(100.0)
    assert len(rounds(talk)) == 4
    talk.holds = None
    talk.serve(held[0])
    talk.pump()
    assert kinds(talk) == [ExternalAddress, Mapped]


def test_a_device_that_is_slow_and_then_none_is_searched_anew() -> None:
    talk = IgdTalk(FakeIgd())
    talk.holds = held = []
    talk.map()
    talk.advance(100.0)
    talk.holds = None
    talk.igds[0].is_dead = True
    talk.serve(held[0])
    talk.igds[0].is_dead = False
    talk.advance(SHORTEST_PAUSE)
    assert kinds(talk) == [ExternalAddress, Mapped]


# Devices


def test_every_gateway_maps() -> None:
    talk = IgdTalk(FakeIgd(), FakeIgd(host="10.0.0.3", port=80))
    talk.map()
    assert kinds(talk) == [ExternalAddress, ExternalAddress, Mapped, Mapped]
    talk.remove(1)
    assert talk.take() == [Unmapped(1)]
    assert not talk.igds[0].mapped and not talk.igds[1].mapped


def test_a_television_is_no_gateway() -> None:
    television = FakeIgd("urn:schemas-upnp-org:service:AVTransport:1", host="10.0.0.7")
    talk = IgdTalk(television)
    talk.map()
    assert "http://10.0.0.7:5000/rootDesc.xml: no service that maps ports" in talk.log
    talk.advance(156.0)
    assert kinds(talk) == [MappingFailed]
    assert len(talk.calls) == 1
    assert talk.upnp.devices == []


@pytest.mark.parametrize("reply", [(404, b""), (200, b"hello"), (200, b"<!DOCTYPE x><root/>")])
def test_a_description_that_is_none(reply: tuple[int, bytes]) -> None:
    igd = FakeIgd()
    igd.replies["describe"] = reply
    talk = IgdTalk(igd)
    talk.map()
    talk.map(2, 6882)
    assert talk.upnp.devices == []
    talk.remove(1)
    assert talk.take() == [Unmapped(1)]


def test_a_gateway_that_restarted_at_another_port_is_found_again() -> None:
    talk = IgdTalk(FakeIgd())
    talk.map()
    talk.advance(60.0)
    talk.take()
    old = talk.igds[0]
    old.is_dead = True
    talk.igds.append(FakeIgd(port=5001))
    talk.advance(2700.0 + SHORTEST_PAUSE)
    assert kinds(talk) == [ExternalAddress, Mapped]
    assert talk.igds[1].mapped


def test_a_search_when_it_is_told_that_the_network_changed() -> None:
    talk = IgdTalk(FakeIgd())
    talk.map()
    talk.advance(60.0)
    talk.take()
    rounds(talk)
    talk.igds[0].is_dead = True
    talk.igds.append(FakeIgd(port=5001))
    talk.upnp.send_search(now=talk.now)
    talk.pump()
    assert kinds(talk) == [ExternalAddress, Mapped]
    talk.advance(60.0)
    assert rounds(talk) == [0.0, 2.0, 6.0, 12.0]
    talk.close()
    talk.upnp.send_search(now=talk.now)
    talk.pump()
    assert talk.searches == []


def test_a_gateway_that_is_gone_is_told() -> None:
    talk = IgdTalk(FakeIgd())
    talk.map()
    talk.advance(60.0)
    talk.take()
    talk.igds[0].is_dead = True
    talk.advance(2700.0 + SHORTEST_PAUSE + 156.0)
    assert kinds(talk) == [MappingFailed]


def test_a_removal_that_breaks_is_over() -> None:
    talk = IgdTalk(FakeIgd())
    talk.map()
    talk.map(2, 6882)
    talk.take()
    talk.igds[0].is_dead = True
    talk.remove(1)
    assert talk.take() == [Unmapped(1)]
    talk.remove(2)
    assert talk.take() == [Unmapped(2)]


# Who may be asked


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "0.0.0.0",
        "8.8.8.8",
        "10.0.1.1",
        "169.254.1.1",
        "239.255.255.250",
        "router.lan",
        "[::1]",
        "[fe80::1]",
    ],
)
def test_a_device_may_not_lead_elsewhere(host: str) -> None:
    talk = IgdTalk()
    igd = FakeIgd(host=host)
    talk.map()
    talk.hear(igd.ssdp())
    assert talk.calls == []
    assert talk.upnp.num_dropped == 1


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/0", "http://8.8.8.8/0", "http://intern.example/0"])
def test_a_description_may_not_lead_elsewhere(url: str) -> None:
    igd = FakeIgd()
    igd.control = url
    talk = IgdTalk(igd)
    talk.map()
    assert len(talk.calls) == 1
    assert talk.log[-1].endswith("its services are controlled elsewhere")


def test_the_gateway_may_be_on_another_network() -> None:
    talk = IgdTalk(FakeIgd(host="192.168.1.1"), gateway="192.168.1.1")
    talk.map()
    assert kinds(talk) == [ExternalAddress, Mapped]


def test_loopback_admits_loopback() -> None:
    upnp = Upnp("127.0.0.2", "127.0.0.0/8", rng=Random(1))
    assert upnp.admits("127.0.0.1")
    assert not upnp.admits("10.0.0.1")


def test_answers_from_elsewhere_are_not_read_when_told_so() -> None:
    talk = IgdTalk(ignore_nonrouters=True)
    talk.map()
    talk.hear(FakeIgd().ssdp(), "10.0.1.1")
    assert talk.calls == []
    talk.upnp.ignore_nonrouters = False
    talk.hear(FakeIgd().ssdp(), "10.0.1.1")
    assert len(talk.calls) == 1


# Limits


def test_limit_of_devices() -> None:
    talk = IgdTalk()
    talk.map()
    for number in range(MAX_DEVICES + 5):
        talk.hear(FakeIgd(port=5000 + number).ssdp())
    assert len(talk.calls) == MAX_DEVICES
    assert talk.upnp.num_dropped == 5


def test_limit_of_answers_and_it_begins_anew_with_the_next_search() -> None:
    talk = IgdTalk()
    talk.map()
    for _ in range(MAX_ANSWERS):
        talk.hear(b"rubbish")
    talk.hear(FakeIgd().ssdp())
    assert talk.calls == []
    talk.advance(156.0 + SHORTEST_PAUSE)
    talk.hear(FakeIgd().ssdp())
    assert len(talk.calls) == 1


def test_limit_of_mappings() -> None:
    upnp = Upnp("10.0.0.2", NETWORK, rng=Random(1), gateway=GATEWAY)
    for number in range(MAX_MAPPINGS):
        assert not upnp.is_full
        upnp.send_mapping(MapRequest(number, TCP, 1, 1), now=0.0)
    assert upnp.is_full
    with pytest.raises(LocalProtocolError, match="cannot be added"):
        upnp.send_mapping(MapRequest(MAX_MAPPINGS, TCP, 1, 1), now=0.0)


def test_calls_nobody_made_are_ignored() -> None:
    talk = IgdTalk(FakeIgd())
    talk.map()
    talk.take()
    talk.upnp.receive_answer(99, 200, b"", now=talk.now)
    talk.upnp.receive_failure(1, "twice", now=talk.now)
    talk.pump()
    assert talk.take() == []
    assert len(talk.upnp.devices) == 1


# The end


def test_the_end_removes_everything() -> None:
    talk = IgdTalk(FakeIgd(), FakeIgd(host="10.0.0.3"))
    talk.map(1, 6881)
    talk.map(2, 6882)
    talk.take()
    talk.close()
    assert sorted(event.mapping_id for event in talk.take() if isinstance(event, Unmapped)) == [1, 2]
    assert talk.upnp.is_closed
    assert not talk.igds[0].mapped and not talk.igds[1].mapped
    with pytest.raises(LocalProtocolError):
        talk.map(3)
    talk.hear(FakeIgd(port=7).ssdp())
    assert talk.upnp.next_timeout() is None
    talk.close()


def test_the_end_waits_for_the_gateways() -> None:
    talk = IgdTalk(FakeIgd())
    talk.map()
    talk.take()
    talk.holds = held = []
    talk.close()
    assert not talk.upnp.is_closed
    talk.igds[0].is_dead = True
    talk.serve(held[0])
    talk.pump()
    assert talk.take() == [Unmapped(1)]
    assert talk.upnp.is_closed


@pytest.mark.parametrize("calls", [0, 1])
def test_the_end_while_a_device_introduces_itself(calls: int) -> None:
    talk = IgdTalk(FakeIgd())
    talk.holds = held = []
    talk.map()
    if calls:
        talk.serve(held[0])
        talk.pump()
    talk.close()
    assert talk.take() == [Unmapped(1)]
    assert talk.upnp.is_closed
    talk.serve(held[-1])
    talk.pump()
    assert len(held) == 1 + calls
    assert talk.events == ([ExternalAddress(OUTSIDE)] if calls else [])


def test_the_end_before_anything() -> None:
    talk = IgdTalk()
    talk.close()
    assert talk.upnp.is_closed
    assert talk.searches == []
