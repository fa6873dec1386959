from __future__ import annotations

import click
import pytest
from evtorrent.session import EncPolicy, ProxyType, SettingsPack
from evtorrent.session.cli.network import PROXY, Network, Proxy

EVERYWHERE = "0.0.0.0:7000,[::]:7000"


def test_nothing_chosen_changes_nothing():
    assert Network().settings() == {}


@pytest.mark.parametrize(
    ("network", "settings"),
    [
        (Network(max_connections=50, max_uploads=3), {"connections_limit": 50, "unchoke_slots_limit": 3}),
        *(
            (Network(encryption=word), {"out_enc_policy": policy, "in_enc_policy": policy})
            for word, policy in [
                ("require", EncPolicy.forced),
                ("prefer", EncPolicy.enabled),
                ("refuse", EncPolicy.disabled),
            ]
        ),
        (Network(i2p_host="localhost"), {"i2p_hostname": "localhost"}),
        (Network(i2p_host="::1", i2p_port=7000), {"i2p_hostname": "::1", "i2p_port": 7000}),
        (Network(interface="tun0"), {"listen_interfaces": "tun0:6881"}),
        (Network(interface="fe80::1%eth0"), {"listen_interfaces": "[fe80::1%eth0]:6881"}),
    ],
)
def test_settings(network, settings):
    assert network.settings() == settings
    SettingsPack(settings)  # every one of them is honoured


def test_a_port_goes_with_an_interface():
    assert Network(interface="127.0.0.1").settings(EVERYWHERE) == {"listen_interfaces": "127.0.0.1:7000"}


@pytest.mark.parametrize(
    ("network", "listen"),
    [
        (Network(interface="eth0"), "eth1:7000"),
        (Network(interface="eth0,eth1"), None),
        (Network(interface=""), None),
        (Network(i2p_port=7000), None),
        (Network(proxy=Proxy(2, "h", 1)), EVERYWHERE),
        (Network(proxy=Proxy(2, "h", 1), interface="eth0"), None),
    ],
)
def test_what_does_not_go_together(network, listen):
    with pytest.raises(click.UsageError):
        network.settings(listen)


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("socks5://[::1]:1080", Proxy(ProxyType.socks5, "::1", 1080)),
        (
            "socks5://me:p%40ss@proxy.example:1080/",
            Proxy(ProxyType.socks5_pw, "proxy.example", 1080, "me", "p@ss"),
        ),
        ("socks4://h:9", Proxy(ProxyType.socks4, "h", 9)),
        ("http://h:3128", Proxy(ProxyType.http, "h", 3128)),
        ("http://u:p@h:3128", Proxy(ProxyType.http_pw, "h", 3128, "u", "p")),
    ],
)
def test_proxies(url, proxy):
    found = PROXY.convert(url, None, None)
    assert found == proxy
    assert PROXY.convert(found, None, None) is found
    SettingsPack(Network(proxy=found).settings())


@pytest.mark.parametrize(
    "url",
    [
        "h:1080", "https://h:1", "socks5://h", "socks5://:1", "socks5://h:0", "socks5://h:70000", "http://h:1/x",
        "http://h:1?x", "socks4://u:secret@h:1", "socks5://[::1:secret",
    ],
)  # fmt: skip
def test_no_proxies(url):
    with pytest.raises(click.BadParameter) as refused:
        PROXY.convert(url, None, None)
    assert "secret" not in refused.value.message
