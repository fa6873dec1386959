from __future__ import annotations

from evtorrent.session.torrent import blame
from evtorrent.session.torrent.picker_modes import PickMode
from support.world import Wire, World, torrent_of


def two_links():
    world = World()
    node = world.node()
    info, content = torrent_of(2)
    torrent = node.seed(info, content)
    for number in (1, 2):
        Wire(world, info.info_hashes.best(), host=f"10.9.9.{number}", peer_id=b"-XX0000-%012d" % number).call(
            node
        )
    return sorted(torrent.swarm.links, key=lambda link: link.address)


def test_one_sender_of_a_bad_piece_is_guilty():
    one, two = two_links()
    assert blame.piece_failed([one, one], use_parole_mode=True) == [one.address]
    assert not two.pick_mode & PickMode.ON_PAROLE


def test_of_several_all_are_on_parole_if_that_is_wanted():
    one, two = two_links()
    assert blame.piece_failed([one, two, None, "restored"], use_parole_mode=True) == []
    assert one.pick_mode & two.pick_mode & PickMode.ON_PAROLE


def test_without_parole_only_trust_is_lost():
    one, two = two_links()
    assert blame.piece_failed([one, two], use_parole_mode=False) == []
    assert not one.pick_mode & PickMode.ON_PAROLE
    assert one.peer.trust.points < 0


def test_who_takes_part_too_often_is_banned():
    one, two = two_links()
    for _ in range(20):
        blame.piece_passed([two])
    guilty = []
    for _ in range(4):
        guilty = blame.piece_failed([one, two], use_parole_mode=True)
    assert guilty == [one.address]


def test_a_good_piece_of_its_own_ends_parole():
    one, two = two_links()
    blame.piece_failed([one, two], use_parole_mode=True)
    blame.piece_passed([one, two])
    assert one.pick_mode & PickMode.ON_PAROLE
    blame.piece_passed([one, one])
    assert not one.pick_mode & PickMode.ON_PAROLE
    assert two.pick_mode & PickMode.ON_PAROLE


def test_a_link_of_nobody_known_is_only_watched():
    one, _two = two_links()
    one.peer = None
    assert blame.piece_failed([one], use_parole_mode=True) == []
    blame.piece_passed([one])
    assert one.pick_mode & PickMode.ON_PAROLE
