from __future__ import annotations

from evtorrent.session.settings import check_setting
from evtorrent.session.settings_honoured import HONOURED


def test_every_honoured_setting_has_a_text_and_accepts_its_default():
    for name, row in HONOURED.items():
        assert row.text.endswith("."), name
        is_choice = name.endswith(("algorithm", "mask", "policy", "level", "type", "dscp", "mode"))
        assert row.unit or isinstance(row.default, bool | str) or is_choice, name
        assert check_setting(name, row.default) == row.default
        assert row.minimum <= row.maximum
