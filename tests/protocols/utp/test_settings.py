from __future__ import annotations

from dataclasses import fields

import pytest
from evtorrent.protocols.utp.settings import UtpSettings

RESENDS = {"syn_resends", "fin_resends", "num_resends"}


def test_the_defaults_are_libtorrents():
    settings = UtpSettings()
    assert (settings.target_delay, settings.gain_factor, settings.min_timeout) == (0.1, 3000, 0.5)
    assert (settings.syn_resends, settings.fin_resends, settings.num_resends) == (2, 2, 3)
    assert (settings.connect_timeout, settings.loss_multiplier, settings.cwnd_reduce_timer) == (3.0, 0.5, 0.1)


@pytest.mark.parametrize("name", [field.name for field in fields(UtpSettings)])
def test_what_cannot_be_is_named(name):
    least = {"max_mtu": 575}.get(name, -1 if name in RESENDS else 0)
    with pytest.raises(ValueError, match=name):
        UtpSettings(**{name: least})


def test_none_may_be_sent_again():
    assert UtpSettings(**dict.fromkeys(RESENDS, 0)).num_resends == 0


@pytest.mark.parametrize(("name", "value"), [("loss_multiplier", 1.1), ("max_mtu", 65_536)])
def test_what_is_too_much_is_named(name, value):
    with pytest.raises(ValueError, match=name):
        UtpSettings(**{name: value})
