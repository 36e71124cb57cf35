"""ST-FMR spectra at several powers in one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sotlab.parameters import Integer, Quantity
from sotlab.procedures.stfmr_series import STFMRSeries

__all__ = ["STFMRPowerSeries"]


class STFMRPowerSeries(STFMRSeries):
    """One spectrum at each power, from the largest down: the amplitudes must be proportional to it."""

    power = Quantity("Power", "dBm", default=15.0, minimum=-140.0, maximum=40.0, description="The first")
    power_stop = Quantity("Last power", "dBm", default=9.0, minimum=-140.0, maximum=40.0)
    powers = Integer("Powers", default=4, minimum=2, maximum=10_000)

    def series(self) -> Sequence[Mapping[str, float]]:
        """Return the powers, evenly spaced in dBm."""
        return [{"power_dBm": float(power)} for power in np.linspace(self.power, self.power_stop, self.powers)]
