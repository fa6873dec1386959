from __future__ import annotations

import pytest
from evtorrent.session.core.tuning import Tuning
from evtorrent.session.settings import SettingsPack
from evtorrent.session.settings_honoured import HONOURED


def test_every_attribute_is_a_setting_that_is_honoured():
    tuning, settings = Tuning(SettingsPack()), SettingsPack()
    for name in Tuning.__slots__:
        assert name in HONOURED
        assert getattr(tuning, name) == settings[name]


def test_update_takes_new_values():
    settings = SettingsPack()
    tuning = Tuning(settings)
    settings["handshake_timeout"] = 7
    assert tuning.handshake_timeout == 10
    tuning.update(settings)
    assert tuning.handshake_timeout == 7


def test_a_missing_setting_is_an_error():
    with pytest.raises(KeyError):
        Tuning({})
