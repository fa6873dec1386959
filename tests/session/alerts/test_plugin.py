from __future__ import annotations

from evtorrent.session import USER_ALERT_ID, AlertCategory, PluginErrorAlert
from evtorrent.session.alerts import ALERT_TYPES, NUM_ALERT_TYPES, AlertPriority


def test_it_names_plugin_and_hook():
    told = PluginErrorAlert("keeper", "tick", "KeyError: 'x'", "Traceback …")
    assert told.message() == "plug-in keeper failed in tick: KeyError: 'x'"
    assert told.what() == "plugin_error_alert"
    assert told.handle is None


def test_it_is_an_error_everybody_hears_of_by_default_and_none_of_libtorrents():
    assert PluginErrorAlert.static_category == AlertCategory.error
    assert PluginErrorAlert.priority is AlertPriority.high
    assert NUM_ALERT_TYPES <= PluginErrorAlert.alert_type < USER_ALERT_ID
    assert PluginErrorAlert not in ALERT_TYPES.values()
