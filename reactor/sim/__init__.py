"""A simulated reactor: virtual time, hosts, sockets and a network between them, for tests of protocols.

world = SimWorld(seed=1)
alice, bob = world.host("alice"), world.host("bob", link=Link(delay=0.05, loss=0.01))
multi = Multi(alice.platform)
drive(multi, alice.loop)
world.run_for(60)
"""

from __future__ import annotations

from .disk import Disk
from .host import SimHost
from .link import Link
from .loop import SimLoop
from .nat import Nat, NatKind
from .platform import SimPlatform
from .world import SimWorld

__all__ = ["Disk", "Link", "Nat", "NatKind", "SimHost", "SimLoop", "SimPlatform", "SimWorld"]
