from __future__ import annotations

import pytest
from evtorrent.session.errors import InvalidSetting, SettingsError, UnknownSetting, UnsupportedSetting
from evtorrent.session.settings import (
    DEFAULTS,
    HONOURED,
    SettingsPack,
    default_settings,
    high_performance_seed,
    min_memory_usage,
)
from hypothesis import given
from hypothesis import strategies as st


def test_reading_gives_the_value_or_the_default():
    pack = SettingsPack({"num_want": 50})
    assert pack["num_want"] == 50
    assert pack["connections_limit"] == 200
    assert pack["enable_dht"] is True
    assert len(pack) == len(DEFAULTS) == len(list(pack))
    assert "num_want" in pack
    assert "colour" not in pack
    assert pack.explicit() == {"num_want": 50}
    assert repr(pack) == "SettingsPack({'num_want': 50})"


def test_typed_reading():
    pack = SettingsPack()
    assert pack.get_int("num_want") == 200
    assert pack.get_bool("ssrf_mitigation") is True
    assert pack.get_str("user_agent") == "evtorrent/0.1.0"
    for read, name in ((pack.get_int, "user_agent"), (pack.get_bool, "num_want"), (pack.get_str, "num_want")):
        with pytest.raises(InvalidSetting):
            read(name)
    with pytest.raises(InvalidSetting):
        pack.get_int("ssrf_mitigation")


def test_apply_reports_what_changed():
    pack = SettingsPack({"num_want": 50})
    assert pack.apply({"num_want": 50, "connections_limit": 7}) == {"connections_limit"}
    assert pack.apply({"connections_limit": 7}) == set()


def test_apply_of_a_pack_takes_only_what_was_set_in_it():
    pack = SettingsPack({"num_want": 50})
    assert pack.apply(SettingsPack({"connections_limit": 9})) == {"connections_limit"}
    assert pack["num_want"] == 50
    assert pack.apply(SettingsPack({"num_want": 200})) == {"num_want"}


def test_apply_is_all_or_nothing():
    pack = SettingsPack()
    with pytest.raises(InvalidSetting):
        pack.apply({"num_want": 50, "connections_limit": "many"})
    assert pack["num_want"] == 200
    assert pack.explicit() == {}


def test_deleting_goes_back_to_the_default():
    pack = SettingsPack({"num_want": 50})
    assert pack.has_val("num_want")
    del pack["num_want"]
    assert pack["num_want"] == 200
    assert not pack.has_val("num_want")
    assert not pack.explicit()


@pytest.mark.parametrize("use", [lambda p: p["x"], lambda p: p.has_val("x"), lambda p: p.apply({"x": 1})])
def test_an_unknown_name_is_told(use):
    with pytest.raises(UnknownSetting, match="unknown setting 'x'"):
        use(SettingsPack())


def test_deleting_an_unknown_name_is_told():
    with pytest.raises(UnknownSetting):
        del SettingsPack()["x"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("num_want", "5"),
        ("num_want", True),
        ("num_want", 5.0),
        ("num_want", -1),
        ("ssrf_mitigation", 1),
        ("user_agent", 5),
        ("user_agent", "x" * 256),
        ("peer_fingerprint", "é" * 11),
        ("choking_algorithm", 1),
        ("seed_choking_algorithm", 3),
        ("connection_speed", -2),
        ("outgoing_port", 65_536),
        ("upload_rate_limit", 2**31),
    ],
)
def test_wrong_values_are_refused(name, value):
    with pytest.raises(InvalidSetting) as caught:
        SettingsPack({name: value})
    assert caught.value.name == name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("user_agent", "x" * 255),
        ("peer_fingerprint", "é" * 10),
        ("outgoing_port", 65_535),
        ("alert_mask", -1),
    ],
)
def test_values_at_the_limit_are_accepted(name, value):
    assert SettingsPack({name: value})[name] == value


def test_an_unsupported_setting_takes_its_default_and_nothing_else():
    pack = SettingsPack({"announce_crypto_support": False, "cache_size": 2048})
    with pytest.raises(UnsupportedSetting, match="what encryption"):
        pack["announce_crypto_support"] = True
    with pytest.raises(UnsupportedSetting, match="deprecated"):
        pack["cache_size"] = 1
    with pytest.raises(InvalidSetting):
        pack["announce_crypto_support"] = 0


def test_enumerations_are_kept_as_plain_numbers():
    from evtorrent.session.flags import AlertCategory

    pack = SettingsPack({"alert_mask": AlertCategory.error | AlertCategory.peer})
    assert type(pack["alert_mask"]) is int


def test_a_copy_is_independent():
    pack = SettingsPack({"num_want": 50})
    other = pack.copy()
    other["num_want"] = 60
    assert (pack["num_want"], other["num_want"]) == (50, 60)
    assert other.explicit() == {"num_want": 60}


def test_non_default_leaves_out_what_was_set_to_the_default():
    pack = SettingsPack({"num_want": 200, "connections_limit": 3})
    assert pack.non_default() == {"connections_limit": 3}
    assert pack.explicit() == {"connections_limit": 3, "num_want": 200}


def test_presets_are_packs_of_honoured_settings():
    assert high_performance_seed()["connections_limit"] == 8000
    assert min_memory_usage()["file_pool_size"] == 4


def test_default_settings_is_a_dictionary_of_your_own():
    mine = default_settings()
    mine["num_want"] = 1
    assert default_settings()["num_want"] == 200


@pytest.mark.interop
@pytest.mark.parametrize(
    ("preset", "name"),
    [(high_performance_seed, "high_performance_seed"), (min_memory_usage, "min_memory_usage")],
)
def test_presets_are_libtorrents(require_peer, preset, name):
    lt = require_peer("libtorrent")
    theirs = getattr(lt, name)()
    for key, value in preset().explicit().items():
        assert theirs[key] == value, key
    missing = {key for key in theirs if key in HONOURED and theirs[key] != HONOURED[key].default}
    assert missing <= set(preset().explicit())


@given(
    st.dictionaries(
        st.one_of(st.sampled_from(sorted(DEFAULTS)), st.text(max_size=5)),
        st.one_of(st.integers(), st.booleans(), st.text(max_size=300), st.none(), st.floats()),
        max_size=4,
    )
)
def test_any_input_is_taken_or_refused(settings):
    pack = SettingsPack()
    try:
        pack.apply(settings)
    except SettingsError:
        assert pack.explicit() == {}
    else:
        for name, value in settings.items():
            assert pack[name] == value
            assert type(pack[name]) is type(DEFAULTS[name])
