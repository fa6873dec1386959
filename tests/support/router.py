"""A real router on this machine: three network namespaces, miniupnpd between two of them, nftables as its firewall.

    client 10.77.0.2, 10.77.0.3 ── lan0 router ext0 ── outside 8.77.0.2
           2600:77::2                                         2600:78::2

Nothing leaves the namespaces: they have no way to the machine's own network.  Needs Linux, root, `ip`, `nft`.
"""

from __future__ import annotations

import itertools
import json
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Self

from support.waiting import PATIENCE, wait_for

__all__ = ["CLIENT", "CLIENT_6", "NEIGHBOUR", "OUTSIDE", "Mapped", "Router", "why_not"]

CLIENT, NEIGHBOUR, CLIENT_6 = "10.77.0.2", "10.77.0.3", "2600:77::2"
OUTSIDE = "8.77.0.1"
"""The router's address outside; not a private one, as that would not count as external."""

_LINKS = """
ip -n {r} link set lo up
ip -n {c} link set lo up
ip -n {o} link set lo up
ip link add lan0 netns {r} type veth peer name c0 netns {c}
ip link add ext0 netns {r} type veth peer name o0 netns {o}
ip -n {r} addr add 10.77.0.1/24 dev lan0
ip -n {r} addr add 8.77.0.1/24 dev ext0
ip -n {r} -6 addr add 2600:77::1/64 dev lan0 nodad
ip -n {r} -6 addr add 2600:78::1/64 dev ext0 nodad
ip -n {c} addr add 10.77.0.2/24 dev c0
ip -n {c} addr add 10.77.0.3/24 dev c0
ip -n {c} -6 addr add 2600:77::2/64 dev c0 nodad
ip -n {o} addr add 8.77.0.2/24 dev o0
ip -n {o} -6 addr add 2600:78::2/64 dev o0 nodad
ip -n {r} link set lan0 up
ip -n {r} link set ext0 up
ip -n {c} link set c0 up
ip -n {o} link set o0 up
ip -n {c} route add default via 10.77.0.1
ip -n {c} -6 route add default via 2600:77::1
ip -n {r} route add default via 8.77.0.2
ip -n {o} -6 route add default via 2600:78::1
ip netns exec {r} sysctl -q -w net.ipv4.ip_forward=1
ip netns exec {r} sysctl -q -w net.ipv6.conf.all.forwarding=1
"""

_RULES = """
flush ruleset
table inet miniupnpd {
    chain miniupnpd { }
    chain prerouting_miniupnpd { }
    chain postrouting_miniupnpd { }
    chain forward {
        type filter hook forward priority 0; policy drop;
        ct state established,related accept
        iifname "lan0" accept
        jump miniupnpd
    }
    chain prerouting { type nat hook prerouting priority -100; jump prerouting_miniupnpd; }
    chain postrouting { type nat hook postrouting priority 100; jump postrouting_miniupnpd; }
}
table inet asked {
    counter questions { }
    chain input {
        type filter hook input priority 0;
        udp dport { 1900, 5351 } iifname "lan0" counter name questions
    }
}
"""

_CONFIGURATION = """
ext_ifname=ext0
ext_ip=8.77.0.1
listening_ip=lan0
http_port=0
enable_upnp=yes
enable_natpmp=yes
secure_mode=yes
system_uptime=no
uuid=3f2504e0-4f89-41d3-9a0c-0305e82c3301
upnp_table_name=miniupnpd
upnp_nat_table_name=miniupnpd
upnp_forward_chain=miniupnpd
upnp_nat_chain=prerouting_miniupnpd
upnp_nat_postrouting_chain=postrouting_miniupnpd
allow 1024-65535 10.77.0.0/24 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
"""

_CONNECT = "import socket,sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=float(sys.argv[3])).close()"


_NUMBERS = itertools.count()


def why_not() -> str:
    """Why there can be no router here; "" when there can."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        return "network namespaces need Linux and root"
    missing = [program for program in ("ip", "nft", "sysctl") if shutil.which(program) is None]
    if missing:
        return f"not installed: {', '.join(missing)}"
    name = f"evt{os.getpid()}x"
    if subprocess.run(["ip", "netns", "add", name], capture_output=True).returncode:
        return "network namespaces cannot be made here"
    try:
        veth = ["ip", "-n", name, "link", "add", "a0", "type", "veth", "peer", "name", "b0"]
        rules = ["ip", "netns", "exec", name, "nft", "list", "ruleset"]
        if subprocess.run(veth, capture_output=True).returncode:
            return "the kernel has no veth"
        if subprocess.run(rules, capture_output=True).returncode:
            return "the kernel has no nftables"
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)
    return ""


class Router:
    """Use as a context manager."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        self._folder = folder
        self._names = {letter: f"evt{os.getpid()}-{next(_NUMBERS)}{letter}" for letter in "rco"}
        self._daemon: subprocess.Popen[bytes] | None = None
        self._num_starts = 0
        self._started = 0.0

    def __enter__(self) -> Self:
        try:
            for name in self._names.values():
                _run("ip", "netns", "add", name)
            for line in _LINKS.format(**self._names).strip().splitlines():
                _run(*line.split())
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        for name in self._names.values():
            subprocess.run(["ip", "netns", "del", name], capture_output=True)

    def start(self, *options: str) -> None:
        """Begin with an empty table, as after switching on; `options` are further lines of the configuration."""
        (self._folder / "miniupnpd.conf").write_text("\n".join((_CONFIGURATION, *options, "")))
        _run(*self.inside("r"), "nft", "-f", "-", given=_RULES)
        self._num_starts += 1
        self._started = time.monotonic()
        log = self._folder / f"miniupnpd-{self._num_starts}.log"
        command = [self._program, "-d", "-f", str(self._folder / "miniupnpd.conf")]
        pid_file = ["-P", str(self._folder / f"miniupnpd-{self._num_starts}.pid")]
        with log.open("wb") as output:
            self._daemon = subprocess.Popen(
                [*self.inside("r"), *command, *pid_file],
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
            )
        wait_for(
            lambda: "Listening for NAT-PMP/PCP" in log.read_text(errors="replace"),
            lambda: f"miniupnpd: {log.read_text(errors='replace')[-1000:]}",
        )

    def stop(self) -> None:
        """Switch off."""
        daemon, self._daemon = self._daemon, None
        if daemon is not None:
            daemon.kill()
            daemon.wait()

    def inside(self, letter: str) -> list[str]:
        """The beginning of a command that runs at the "r"outer, at the "c"lient, or "o"utside."""
        return ["ip", "netns", "exec", self._names[letter]]

    @property
    def seconds_up(self) -> float:
        """Since it was switched on."""
        return time.monotonic() - self._started

    def rules(self) -> str:
        """What miniupnpd has let in."""
        return _run(*self.inside("r"), "nft", "list", "table", "inet", "miniupnpd")

    def num_questions(self) -> int:
        """Datagrams that came from the client, to port 1900 or 5351."""
        told = json.loads(
            _run(*self.inside("r"), "nft", "-j", "list", "counter", "inet", "asked", "questions")
        )
        return next(int(item["counter"]["packets"]) for item in told["nftables"] if "counter" in item)

    def reaches(self, host: str, port: int, *, timeout: float = 5.0) -> bool:
        """Somebody outside can connect there."""
        command = [*self.inside("o"), sys.executable, "-c", _CONNECT, host, str(port), str(timeout)]
        return subprocess.run(command, capture_output=True).returncode == 0


class Mapped:
    """A session at the client, or another program like it, in a process of its own that is told what to do line by line.

    Use as a context manager.
    """

    def __init__(self, router: Router, program: str = "mapped_session.py", **settings: Any) -> None:
        script = Path(__file__).with_name(program)
        self._process = subprocess.Popen(
            [*router.inside("c"), sys.executable, str(script), json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.told: list[dict[str, Any]] = []
        """Alerts and answers so far."""
        self._lines: queue.Queue[dict[str, Any]] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.do("close")
        try:
            self._process.wait(PATIENCE)
        finally:
            self._process.kill()
            self._process.wait()
            self._reader.join()
            for pipe in (self._process.stdin, self._process.stdout):
                assert pipe is not None
                pipe.close()

    def do(self, *command: Any) -> None:
        """Tell it something, without waiting."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()

    def wait(self, what: str, count: int = 1, **fields: Any) -> list[dict[str, Any]]:
        """The first `count` things it told of that name and with these fields, past ones included."""

        def found() -> list[dict[str, Any]]:
            while not self._lines.empty():
                self.told.append(self._lines.get())
            matching = [
                line
                for line in self.told
                if line["what"] == what and all(line[name] == value for name, value in fields.items())
            ]
            return matching if len(matching) >= count else []

        return wait_for(found, lambda: f"{count} {what}; there were {self.told}")

    def forget(self) -> None:
        """What was told so far does not count any more."""
        while not self._lines.empty():
            self._lines.get()
        self.told.clear()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(json.loads(line))


def _run(*command: str, given: str | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, input=given)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout
