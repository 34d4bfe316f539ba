"""The monitor on the tiny system: what its other tests share, here too."""

from tests.monitor.conftest import nobody_cuts_the_power

__all__ = ["nobody_cuts_the_power"]
