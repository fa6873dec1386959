from __future__ import annotations

from evtorrent.session.cli.top.remarks import MAX_KEPT, Remarks


def test_each_is_given_once_and_complaints_are_kept():
    remarks = Remarks()
    remarks.say("added", False)
    remarks.complain("warning", "disk full")
    remarks.complain("warning", "disk full")
    assert remarks.take() == [("added", False), ("disk full", True), ("disk full", True)]
    assert remarks.take() == []
    assert list(remarks.complaints) == ["disk full"]


def test_there_is_an_end_to_them():
    remarks = Remarks()
    for number in range(3 * MAX_KEPT):
        remarks.say(f"{number}", True)
    assert len(remarks.take()) == len(remarks.complaints) == MAX_KEPT
