from __future__ import annotations

import pytest
from evtorrent.session.cli.top.actions import KEYS
from evtorrent.session.cli.top.frame import width_of
from evtorrent.session.cli.top.gathering import FLAGS
from evtorrent.session.cli.top.help_page import help_lines


@pytest.mark.parametrize(("width", "columns"), [(200, 3), (130, 2), (80, 1)])
def test_every_key_is_explained(width, columns):
    lines = ["".join(span.text for span in line) for line in help_lines(width)]
    text = "\n".join(lines)
    assert all(row.help in text for row in KEYS)
    assert all(meaning in text for _, meaning in FLAGS)
    assert {width_of(line) for line in lines} == {width}
    assert len(lines) == -(-(len(KEYS) + len(FLAGS)) // columns)


@pytest.mark.parametrize("width", [1, 5, 20])
def test_a_narrow_one_is_cut(width):
    assert {width_of("".join(span.text for span in line)) for line in help_lines(width)} == {width}
