"""Conversations with a gateway, in virtual time."""

from __future__ import annotations

from random import Random

import pytest
from evtorrent.protocols.errors import LocalProtocolError
from evtorrent.protocols.portmap import (
    MAX_MAPPINGS,
    ExternalAddress,
    GatewayMapper,
    Mapped,
    MappingFailed,
    MapRequest,
    NoRouter,
    PcpResult,
    Unmapped,
)
from evtorrent.protocols.portmap.gateway import SILENCE_PAUSE
from evtorrent.protocols.portmap.natpmp import REFUSAL_PAUSE
from support.portmap_gateway import GATEWAY, LOCAL, OUTSIDE, TCP, UDP, FakeGateway, Talk


def failures(talk: Talk) -> list[tuple[int, int]]:
    """(mapping, code) of the failures since."""
    return [(event.mapping_id, event.error.code) for event in talk.take() if isinstance(event, MappingFailed)]


# Mapping


def test_pcp() -> None:
    talk = Talk()
    talk.map(1, 6881)
    assert talk.take() == [ExternalAddress(OUTSIDE), Mapped(1, TCP, 6881, OUTSIDE, 3600.0)]
    assert talk.gateway.mapped == {(6, 6881): 6881}
    assert talk.mapper.dialect == "PCP"
    assert talk.mapper.external_address == OUTSIDE
    assert "==> PCP tcp local: 6881 external: 6881 lease: 3600" in talk.log


def test_natpmp_after_pcp_was_refused() -> None:
    talk = Talk(FakeGateway(pcp=False))
    talk.map(1, 6881, UDP)
    assert talk.take() == [Mapped(1, UDP, 6881, "", 3600.0), ExternalAddress(OUTSIDE)]
    assert talk.mapper.dialect == "NAT-PMP"
    talk.map(2, 6882)
    assert talk.take() == [Mapped(2, TCP, 6882, OUTSIDE, 3600.0)]


def test_natpmp_after_silence_to_pcp() -> None:
    gateway = FakeGateway(pcp=False)
    gateway.refuses_version = False
    talk = Talk(gateway)
    talk.map()
    talk.advance(25.0)
    assert [data[0] for data in gateway.heard] == [2, 2, 2, 0, 0]
    assert talk.take() == [Mapped(1, TCP, 6881, "", 3600.0), ExternalAddress(OUTSIDE)]


def test_natpmp_from_the_start() -> None:
    talk = Talk(begins_with_pcp=False)
    talk.map()
    assert [data[0] for data in talk.gateway.heard] == [0, 0]
    assert talk.mapper.dialect == "NAT-PMP"


def test_the_gateway_chooses_another_port_and_we_stay_with_it() -> None:
    talk = Talk()
    talk.gateway.taken = {6881, 6882}
    talk.map()
    talk.advance(2300.0)
    talk.gateway.taken.clear()
    talk.advance(2300.0)
    ports = [event.external_port for event in talk.take() if isinstance(event, Mapped)]
    assert ports == [6883, 6883, 6883]


def test_questions_are_asked_one_after_another() -> None:
    talk = Talk()
    talk.gateway.is_silent = True
    for number in range(5):
        talk.map(number, 7000 + number)
    talk.advance(8.0)
    assert len({data for _, data in talk.sent}) == 1
    talk.gateway.is_silent = False
    talk.advance(10.0)
    assert len(talk.gateway.mapped) == 5


def test_a_late_answer_to_an_older_transmission_counts() -> None:
    talk = Talk()
    talk.gateway.is_silent = True
    talk.map()
    talk.advance(4.0)
    talk.gateway.is_silent = False
    answer = talk.gateway.answer(talk.sent[0][1], talk.now)
    assert answer is not None
    talk.mapper.receive_datagram(answer, talk.address, now=talk.now)
    talk.mapper.receive_datagram(answer, talk.address, now=talk.now)
    talk.pump()
    assert [type(event) for event in talk.take()] == [ExternalAddress, Mapped]
    assert talk.mapper.num_dropped == 1


def test_lease_wanted() -> None:
    talk = Talk(lease=600)
    talk.map()
    talk.mapper.set_lease(0)
    talk.map(2, 6882)
    assert [event.lifetime for event in talk.take() if isinstance(event, Mapped)] == [600.0, 3600.0]


# Renewal


def test_pcp_renews_between_half_and_five_eighths_of_the_lease() -> None:
    talk = Talk()
    talk.map()
    talk.advance(8 * 3600.0)
    times = talk.times()
    assert len(times) >= 12
    assert all(1800.0 <= time <= 2250.0 for time in times)
    assert all(type(event) is not MappingFailed for event in talk.take())


def test_natpmp_renews_at_half_the_lease_and_asks_the_address_again() -> None:
    talk = Talk(FakeGateway(pcp=False))
    talk.map()
    talk.take()
    talk.sent.clear()
    talk.gateway.outside = "9.9.9.9"
    talk.advance(1800.0)
    assert [data[:2] for _, data in talk.sent] == [b"\0\2", b"\0\0"]
    assert talk.take() == [Mapped(1, TCP, 6881, OUTSIDE, 3600.0), ExternalAddress("9.9.9.9")]


@pytest.mark.parametrize(("lifetime", "wait"), [(1, 4.0), (2**32 - 1, 12 * 3600.0)])
def test_absurd_leases(lifetime: int, wait: float) -> None:
    gateway = FakeGateway(pcp=False)
    gateway.lifetime = lifetime
    talk = Talk(gateway)
    talk.map()
    assert talk.mapper.next_timeout() == talk.now + wait


def test_a_renewal_keeps_the_nonce_and_asks_for_what_was_given() -> None:
    talk = Talk()
    talk.gateway.taken = {6881}
    talk.map()
    talk.advance(2300.0)
    first, second = (data for _, data in talk.sent)
    assert first[24:36] == second[24:36]
    assert second[42:44] == (6882).to_bytes(2, "big")
    assert second[-4:] == bytes((8, 8, 4, 4))


# Restart


@pytest.mark.parametrize("speaks_pcp", [True, False])
def test_a_gateway_that_restarted_is_told_everything_again(speaks_pcp: bool) -> None:
    talk = Talk(FakeGateway(pcp=speaks_pcp))
    for number in range(4):
        talk.map(number, 7000 + number)
        talk.advance(10.0)
    talk.take()
    talk.gateway.restart(talk.now)
    assert not talk.gateway.mapped
    due = talk.mapper.next_timeout()
    assert due is not None
    talk.advance(due - talk.now + 0.1)
    assert len(talk.gateway.mapped) == 4
    assert sorted(event.mapping_id for event in talk.take() if isinstance(event, Mapped)) == [0, 1, 2, 3]
    assert "the gateway was restarted" in talk.log


# Refusal


@pytest.mark.parametrize("result", [each for each in PcpResult if each > 1])
def test_every_result_of_pcp(result: PcpResult) -> None:
    talk = Talk()
    talk.gateway.result = result
    talk.gateway.lifetime = 300
    talk.map()
    assert failures(talk) == [(1, result)]
    talk.advance(3000.0)
    assert failures(talk) == []  # The same in a row is told once.
    assert set(talk.times()) == {300.0}
    talk.gateway.result = 0
    talk.advance(300.0)
    assert [type(event) for event in talk.take()] == [ExternalAddress, Mapped]
    talk.gateway.result = result
    talk.advance(300.0)
    assert failures(talk) == [(1, result)]


@pytest.mark.parametrize(
    ("result", "told"), [(2, 2), (3, PcpResult.NETWORK_FAILURE), (4, 8), (5, 4), (77, 255)]
)
def test_every_result_of_natpmp(result: int, told: int) -> None:
    talk = Talk(FakeGateway(pcp=False))
    talk.gateway.result = result
    talk.map()
    assert failures(talk) == [(1, told)]
    talk.gateway.result = 0
    talk.advance(REFUSAL_PAUSE - 1)
    assert not talk.gateway.mapped
    talk.advance(1)
    assert talk.gateway.mapped


@pytest.mark.parametrize(("lifetime", "wait"), [(0, 60.0), (100, 100.0), (10**9, 1800.0)])
def test_how_long_a_refusal_lasts(lifetime: int, wait: float) -> None:
    talk = Talk()
    talk.gateway.result, talk.gateway.lifetime = 2, lifetime
    talk.map()
    assert talk.mapper.next_timeout() == talk.now + wait


def test_a_refused_renewal_leaves_the_mapping_to_be_removed() -> None:
    talk = Talk()
    talk.map()
    talk.gateway.result = PcpResult.NO_RESOURCES
    talk.advance(2300.0)
    talk.gateway.result = 0
    talk.close()
    assert not talk.gateway.mapped


def test_a_gateway_that_refuses_both_versions_is_no_router() -> None:
    talk = Talk(FakeGateway(pcp=False, natpmp=False))
    talk.map()
    talk.advance(130.0)
    assert failures(talk) == [(1, NoRouter().code)]
    assert talk.mapper.num_dropped == 9


def test_the_address_may_be_refused() -> None:
    talk = Talk(FakeGateway(pcp=False))
    talk.lose = lambda data: data[1] == 128
    talk.map()
    assert talk.take() == [Mapped(1, TCP, 6881, "", 3600.0)]
    talk.advance(200.0)
    assert sum(data == b"\0\0" for _, data in talk.sent) == 9
    assert talk.take() == []
    talk.lose = lambda data: False
    talk.gateway.outside = "0.0.0.0"
    talk.advance(1800.0)
    assert [type(event) for event in talk.take()] == [Mapped]


# Silence


def test_silence_is_told_once_and_tried_again_after_two_hours() -> None:
    talk = Talk()
    talk.gateway.is_silent = True
    talk.map(1, 6881)
    talk.map(2, 6882)
    talk.advance(160.0)
    assert failures(talk) == [(1, NoRouter().code), (2, NoRouter().code)]
    assert [data[0] for _, data in talk.sent] == [2] * 3 + [0] * 9
    assert talk.times()[3:] == [0.25, 0.5, 1, 2, 4, 8, 16, 32]
    due = talk.mapper.next_timeout()
    assert due is not None and talk.now < due <= talk.now + SILENCE_PAUSE
    talk.advance(SILENCE_PAUSE + 200.0)
    assert failures(talk) == []
    talk.gateway.is_silent = False
    talk.advance(SILENCE_PAUSE + 200.0)
    assert [type(event) for event in talk.take()] == [ExternalAddress, Mapped, Mapped]
    assert talk.mapper.dialect == "PCP"


def test_a_gateway_that_falls_silent_is_asked_patiently() -> None:
    talk = Talk()
    talk.map()
    talk.take()
    talk.sent.clear()
    talk.gateway.is_silent = True
    talk.advance(2250.0 + 1.1 * 1600)
    assert failures(talk) == [(1, NoRouter().code)]
    assert len(talk.sent) == 9
    talk.gateway.is_silent = False
    talk.advance(SILENCE_PAUSE)
    assert [type(event) for event in talk.take()] == [Mapped]


# IPv6


def test_a_hole_in_an_ipv6_firewall() -> None:
    gateway = FakeGateway()
    gateway.outside = "2600::2"
    talk = Talk(gateway, ipv6=True)
    talk.map()
    assert talk.take() == [ExternalAddress("2600::2"), Mapped(1, TCP, 6881, "2600::2", 3600.0)]


def test_there_is_no_natpmp_for_ipv6() -> None:
    talk = Talk(FakeGateway(pcp=False), ipv6=True)
    talk.map()
    assert failures(talk) == [(1, PcpResult.UNSUPP_VERSION)]
    assert talk.mapper.dialect == "PCP"
    silent = FakeGateway()
    silent.is_silent = True
    talk = Talk(silent, ipv6=True)
    talk.map()
    talk.advance(25.0)
    assert failures(talk) == [(1, NoRouter().code)]


def test_the_scope_of_a_link_local_gateway_may_be_a_number() -> None:
    talk = Talk(ipv6=True)
    talk.address = (talk.address[0], 5351)
    talk.gateway.is_silent = True
    talk.map()
    talk.gateway.is_silent = False
    answer = talk.gateway.answer(talk.sent[0][1], talk.now)
    assert answer is not None
    talk.mapper.receive_datagram(answer, ("fe80::1%2", 5351), now=talk.now)
    talk.pump()
    assert Mapped in [type(event) for event in talk.take()]


# Removal


@pytest.mark.parametrize("speaks_pcp", [True, False])
def test_removal(speaks_pcp: bool) -> None:
    talk = Talk(FakeGateway(pcp=speaks_pcp))
    talk.map()
    talk.take()
    talk.remove(1)
    talk.remove(1)
    assert talk.take() == [Unmapped(1)]
    assert not talk.gateway.mapped
    talk.map(1)
    assert Mapped in [type(event) for event in talk.take()]


def test_what_was_never_asked_is_removed_without_asking() -> None:
    talk = Talk()
    talk.gateway.is_silent = True
    talk.map(1, 6881)
    talk.map(2, 6882)
    talk.remove(2)
    assert talk.take() == [Unmapped(2)]
    talk.remove(3)
    assert talk.take() == []


def test_removal_while_the_mapping_is_under_way() -> None:
    talk = Talk()
    talk.lose = lambda data: True
    talk.map()
    talk.remove(1)
    talk.remove(1)
    assert talk.gateway.mapped
    talk.lose = lambda data: False
    talk.advance(4.0)
    assert talk.take() == [Unmapped(1)]
    assert not talk.gateway.mapped


def test_removal_while_the_mapping_is_refused() -> None:
    talk = Talk()
    talk.lose = lambda data: True
    talk.gateway.result = 2
    talk.map()
    talk.remove(1)
    talk.lose = lambda data: False
    talk.advance(4.0)
    assert talk.take() == [Unmapped(1)]


def test_a_removal_without_an_answer_is_given_up() -> None:
    talk = Talk()
    talk.map()
    talk.take()
    talk.gateway.is_silent = True
    talk.remove(1)
    talk.advance(3600.0)
    assert talk.take() == [Unmapped(1)]
    assert talk.mapper.next_timeout() is None


def test_silence_while_something_is_to_be_removed() -> None:
    talk = Talk()
    talk.gateway.is_silent = True
    talk.map()
    talk.remove(1)
    talk.advance(200.0)
    assert talk.take() == [Unmapped(1)]


def test_a_late_grant_does_not_end_a_removal() -> None:
    talk = Talk()
    talk.map()
    grant = talk.gateway.answer(talk.sent[0][1], talk.now)
    assert grant is not None
    talk.take()
    talk.gateway.is_silent = True
    talk.remove(1)
    talk.mapper.receive_datagram(grant, talk.address, now=talk.now)
    talk.pump()
    assert talk.take() == []
    talk.gateway.is_silent = False
    talk.advance(4.0)
    assert talk.take() == [Unmapped(1)]


# The end


def test_the_end_removes_everything_together() -> None:
    talk = Talk()
    for number in range(3):
        talk.map(number, 7000 + number)
    talk.take()
    talk.lose = lambda data: True
    talk.close()
    assert len(talk.sent) == 6
    assert not talk.gateway.mapped
    talk.lose = lambda data: False
    talk.advance(0.3)
    assert talk.take() == [Unmapped(0), Unmapped(1), Unmapped(2)]
    assert talk.mapper.is_closed
    talk.close()
    assert talk.take() == []
    assert talk.mapper.next_timeout() is None


def test_the_end_without_an_answer_takes_little_time() -> None:
    talk = Talk()
    talk.map(1, 6881)
    talk.gateway.is_silent = True
    talk.map(2, 6882)
    talk.map(3, 6883)
    talk.take()
    talk.close()
    assert talk.take() == [Unmapped(3)]
    talk.advance(3.0)
    assert talk.take() == [Unmapped(1), Unmapped(2)]
    assert talk.mapper.is_closed


def test_the_end_where_no_gateway_ever_answered_takes_no_time() -> None:
    talk = Talk()
    talk.gateway.is_silent = True
    talk.map()
    talk.close()
    assert not talk.mapper.is_closed
    talk.advance(0.25)
    assert talk.mapper.is_closed
    assert [data[4:8] for _, data in talk.sent] == [(3600).to_bytes(4, "big"), bytes(4)]


def test_the_end_of_natpmp_asks_for_no_address() -> None:
    talk = Talk(FakeGateway(pcp=False))
    talk.lose = lambda data: data[1] == 128
    talk.map()
    talk.sent.clear()
    talk.close()
    assert talk.mapper.is_closed
    assert [data[1] for _, data in talk.sent] == [2]


def test_after_the_end_nothing_is_taken() -> None:
    talk = Talk()
    talk.close()
    assert talk.mapper.is_closed
    with pytest.raises(LocalProtocolError):
        talk.map()


# Limits and strangers


def test_ids_are_taken_once_and_there_is_a_limit() -> None:
    mapper = GatewayMapper(GATEWAY, LOCAL, rng=Random(1))
    for number in range(MAX_MAPPINGS):
        assert not mapper.is_full
        mapper.send_mapping(MapRequest(number, TCP, 1000 + number, 1000 + number), now=0.0)
    assert mapper.is_full
    for number in (0, MAX_MAPPINGS):
        with pytest.raises(LocalProtocolError, match="cannot be added"):
            mapper.send_mapping(MapRequest(number, TCP, 1, 1), now=0.0)
    mapper.send_removal(7, now=0.0)
    with pytest.raises(LocalProtocolError, match="cannot be added"):
        mapper.send_mapping(MapRequest(8, TCP, 1, 1), now=0.0)
    assert mapper.datagrams_to_send(now=0.0)


@pytest.mark.parametrize("address", [("10.0.0.9", 5351), (GATEWAY, 5350)])
def test_strangers_are_not_heard(address: tuple[str, int]) -> None:
    talk = Talk()
    talk.gateway.is_silent = True
    talk.map()
    talk.gateway.is_silent = False
    answer = talk.gateway.answer(talk.sent[0][1], talk.now)
    assert answer is not None
    talk.mapper.receive_datagram(answer, address, now=talk.now)
    assert talk.mapper.next_event() is None
    assert talk.mapper.num_dropped == 1


def test_answers_to_other_questions_are_dropped() -> None:
    talk = Talk()
    talk.gateway.is_silent = True
    talk.map()
    talk.gateway.is_silent = False
    asked = talk.sent[0][1]
    other_port = asked[:40] + b"\0\1" + asked[42:]
    other_nonce = asked[:24] + bytes(12) + asked[36:]
    other_protocol = asked[:36] + b"\x11" + asked[37:]
    for question in (other_port, other_nonce, other_protocol):
        answer = talk.gateway.answer(question, talk.now)
        assert answer is not None
        talk.mapper.receive_datagram(answer, talk.address, now=talk.now)
    talk.mapper.receive_datagram(b"garbage", talk.address, now=talk.now)
    assert talk.mapper.next_event() is None
    assert talk.mapper.num_dropped == 4


def test_an_address_nobody_asked_for_is_dropped() -> None:
    talk = Talk(FakeGateway(pcp=False))
    talk.map()
    talk.take()
    talk.gateway.is_silent = True
    talk.map(2, 6882)
    answer = bytes.fromhex("0080000000000007 01020304")
    talk.mapper.receive_datagram(answer, talk.address, now=talk.now)
    assert talk.mapper.external_address == OUTSIDE
    assert talk.mapper.num_dropped == 1
