from __future__ import annotations

import pytest
from evtorrent.session import Session, load_torrent_file, parse_magnet_uri
from evtorrent.session.cli.exit_status import CommandFailed
from evtorrent.session.cli.interrupts import Interrupts
from evtorrent.session.cli.listing import complete_metadata, listing_of, print_listing
from evtorrent.session.cli.selection import Selection
from support.command_line import event, make_sample, run, seeding


@pytest.fixture
def sample(tmp_path):
    return make_sample(tmp_path, size=50_000)


def quiet_session() -> Session:
    return Session({"listen_interfaces": "127.0.0.1:0", "enable_lsd": False})


def magnet(sample):
    return parse_magnet_uri(run("magnet", sample.torrent).output.strip())


def test_what_is_wanted_is_marked(sample, capsys):
    listing = listing_of([load_torrent_file(sample.torrent)], Selection(("*.txt",)))
    print_listing(listing)
    assert capsys.readouterr().out.splitlines() == [
        "sample: 3 files, 19.5 KiB wanted",
        "      0     48.8 KiB  sample/big.bin",
        "      1 *   19.5 KiB  sample/deep/ünï.txt",
        "      2          0 B  sample/empty",
    ]
    assert [file["wanted"] for file in listing_of([load_torrent_file(sample.torrent)], None)[0]["files"]] == [
        True
    ] * 3


def test_a_selection_that_fits_nothing(sample):
    with pytest.raises(CommandFailed) as failed:
        listing_of([load_torrent_file(sample.torrent)], Selection(("*.nope",)))
    assert failed.value.status == 2


def test_metadata_is_fetched_and_nothing_else(sample, tmp_path):
    with seeding(sample) as peer:
        host, port = peer.split(":")
        params = magnet(sample)
        complete_metadata([params], quiet_session, Interrupts(), 30.0, [(host, int(port))])
    assert params.ti is not None and params.ti.num_files == 3
    complete_metadata([params], pytest.fail, Interrupts(), None)  # nothing to do, no session


def test_time_and_signals_end_it(sample):
    with pytest.raises(CommandFailed) as failed:
        complete_metadata([magnet(sample)], quiet_session, Interrupts(), 0.0)
    assert failed.value.status == 6
    interrupts = Interrupts()
    interrupts.received = 2
    with pytest.raises(CommandFailed) as failed:
        complete_metadata([magnet(sample)], quiet_session, interrupts, None)
    assert failed.value.status == 130


def test_the_command(sample, tmp_path):
    arguments = ("get", sample.torrent, "--files", "0,2", "--list-files", "-o", tmp_path / "dl")
    assert run(*arguments).stdout.startswith("sample: 3 files, 48.8 KiB wanted\n")
    listed = event(run(*arguments, "--json").stdout, "files")
    assert [file["wanted"] for file in listed["files"]] == [True, False, True]
    assert not (tmp_path / "dl").exists()
