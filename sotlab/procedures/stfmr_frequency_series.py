"""ST-FMR spectra at several frequencies in one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sotlab.parameters import Integer, Quantity
from sotlab.procedures.stfmr_series import STFMRSeries

__all__ = ["STFMRFrequencySeries"]


class STFMRFrequencySeries(STFMRSeries):
    """One spectrum at each frequency, from the first to the last; windows follow the line."""

    frequency = Quantity("Frequency", "Hz", default=4e9, minimum=1e6, maximum=120e9, description="The first")
    frequency_stop = Quantity("Last frequency", "Hz", default=10e9, minimum=1e6, maximum=120e9)
    frequencies = Integer("Frequencies", default=7, minimum=2, maximum=10_000)

    def series(self) -> Sequence[Mapping[str, float]]:
        """Return the frequencies, evenly spaced."""
        found_Hz = np.linspace(self.frequency, self.frequency_stop, self.frequencies)
        return [{"frequency_Hz": float(frequency_Hz)} for frequency_Hz in found_Hz]
