from __future__ import annotations

import pathlib

import pytest
from evtorrent.protocols import bencode
from evtorrent.protocols.bits import Bitfield
from evtorrent.protocols.metainfo import TorrentInfo
from evtorrent.protocols.types import InfoHashes, Sha1Hash
from evtorrent.session.core.ip_filter import IpFilter
from evtorrent.session.disk import MemoryBackend
from evtorrent.session.errors import TorrentParamsError, UnknownSetting
from evtorrent.session.flags import TorrentFlags
from evtorrent.session.params import ADD_TORRENT_FIELDS, DEFAULT_PLUGINS, AddTorrentParams, SessionParams
from evtorrent.session.settings import SettingsPack
from evtorrent.session.state import read_session_params, write_session_params_buf
from hypothesis import given
from hypothesis import strategies as st


def make_info(size: int = 100_000, piece_length: int = 32_768, name: str = "file") -> TorrentInfo:
    pieces = -(-size // piece_length)
    table = {"name": name, "length": size, "piece length": piece_length, "pieces": bytes(20 * pieces)}
    return TorrentInfo.from_info(bencode.encode(table))


def test_two_parameters_share_nothing_that_changes():
    one, other = AddTorrentParams(), AddTorrentParams()
    one.trackers.append("http://t/")
    one.renamed_files[0] = "x"
    one.flags |= TorrentFlags.seed_mode
    assert other.trackers == []
    assert other.renamed_files == {}
    assert other.flags == TorrentFlags.default_flags


def test_from_dict_takes_what_a_program_for_libtorrent_gives(tmp_path: pathlib.Path):
    params = AddTorrentParams.from_dict({"save_path": tmp_path, "flags": 0x11, "trackers": ["http://t/"]})
    assert params.save_path == str(tmp_path)
    assert params.flags == TorrentFlags.seed_mode | TorrentFlags.paused
    assert isinstance(params.flags, TorrentFlags)
    assert params.trackers == ["http://t/"]
    with pytest.raises(TorrentParamsError, match="no such field of AddTorrentParams: colour, size"):
        AddTorrentParams.from_dict({"size": 1, "colour": 2, "name": "x"})


def test_a_copy_can_be_changed_alone():
    params = AddTorrentParams(trackers=["http://t/"], ti=make_info(), userdata=[1])
    other = params.copy()
    other.trackers.append("http://u/")
    other.renamed_files[1] = "y"
    assert params.trackers == ["http://t/"]
    assert params.renamed_files == {}
    assert other.ti is params.ti
    assert other.userdata is params.userdata
    for name in ADD_TORRENT_FIELDS - {"trackers", "renamed_files"}:
        assert getattr(other, name) == getattr(params, name)


def test_best_name():
    hashes = InfoHashes(Sha1Hash(b"\x11" * 20))
    assert AddTorrentParams().best_name() == ""
    assert AddTorrentParams(info_hashes=hashes).best_name() == "11" * 20
    assert AddTorrentParams(info_hashes=hashes, name="link").best_name() == "link"
    params = AddTorrentParams(ti=make_info(name="debian"), name="link", save_path="/d")
    assert params.best_name() == "debian"
    assert repr(params) == "AddTorrentParams('debian', save_path='/d')"


@pytest.mark.parametrize(
    ("urls", "tiers", "expected"),
    [
        ([], [], []),
        (["a", "b"], [], [["a", "b"]]),
        (["a", "b", "c"], [0, 2], [["a"], ["b", "c"]]),
        (["a", "b", "c"], [5, 1, 5], [["b"], ["a", "c"]]),
    ],
)
def test_trackers_by_tier(urls, tiers, expected):
    assert AddTorrentParams(trackers=urls, tracker_tiers=tiers).tiers() == expected


def test_fit_to_cuts_what_is_not_in_the_torrent():
    params = AddTorrentParams(
        have_pieces=Bitfield(8, 0b1111_1010),
        verified_pieces=Bitfield(2, 0b11),
        unfinished_pieces={3: Bitfield(8, 0xFF), 4: Bitfield(8, 1), -1: Bitfield(1)},
        piece_priorities=[1] * 9,
    )
    params.fit_to(make_info())  # 4 pieces, the last of one block
    assert params.have_pieces == Bitfield(4, 0b1010)
    assert params.verified_pieces == Bitfield(4, 0b11)
    assert params.unfinished_pieces == {3: Bitfield(1, 1)}
    assert params.piece_priorities == [1] * 4
    params = AddTorrentParams()
    params.fit_to(make_info())
    assert params.have_pieces is None
    assert params.verified_pieces is None


def test_session_params_are_made_of_what_a_session_accepts():
    assert SessionParams.of(None).settings.explicit() == {}
    assert SessionParams.of({"num_want": 3}).settings["num_want"] == 3
    pack = SettingsPack({"num_want": 4})
    assert SessionParams.of(pack).settings is pack
    assert SessionParams.of(pack).disk_backend is None
    assert SessionParams.of(pack).peer_transports == ("utp", "tcp")
    assert SessionParams.of(pack).transport_options == {}
    options = {"scramble_key": 7}
    transports = SessionParams(pack, peer_transports=["tcp+scramble"], transport_options=options)
    assert transports.peer_transports == ["tcp+scramble"]
    assert transports.transport_options == options and transports.transport_options is not options
    given = SessionParams(pack, ip_filter=IpFilter(), extensions=("x",), disk_backend=MemoryBackend)
    assert SessionParams.of(given) is given
    assert given.extensions == ["x"]
    assert given.disk_backend is MemoryBackend
    assert repr(given) == "SessionParams({'num_want': 4})"
    with pytest.raises(UnknownSetting):
        SessionParams({"colour": 3})


@given(st.integers(1, 200), st.integers(0, 2**70))
def test_fit_to_never_claims_more_than_there_is(pieces, bits):
    info = make_info(size=pieces * 16_384, piece_length=16_384)
    params = AddTorrentParams(have_pieces=Bitfield(bits.bit_length(), bits))
    params.fit_to(info)
    assert params.have_pieces is not None
    assert len(params.have_pieces) == pieces
    assert params.have_pieces.bits & ~bits == 0


def test_parts_of_a_session_are_kept_and_not_saved():
    def backend(params, pool):
        return MemoryBackend(params, pool)

    policy, picker = object(), lambda info: None
    params = SessionParams(
        disk_backend=backend,
        extensions=iter(["ut_pex"]),
        default_plugins=iter(["ut_metadata"]),
        picker_policy=picker,
        choker_policy=policy,
    )
    assert (params.extensions, params.default_plugins) == (["ut_pex"], ("ut_metadata",))
    assert (params.picker_policy, params.choker_policy) == (picker, policy)
    again = read_session_params(write_session_params_buf(params))
    assert (again.picker_policy, again.choker_policy, again.extensions) == (None, None, [])
    assert again.default_plugins == DEFAULT_PLUGINS
