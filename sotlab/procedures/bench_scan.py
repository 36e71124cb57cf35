"""What scans of the bench itself have in common, whether they calibrate an instrument or check the whole."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sotlab.instruments.sample import Sample
from sotlab.instruments.station import Station
from sotlab.procedures.runs.scan import Scan

__all__ = ["BenchScan"]


class BenchScan(Scan):
    """A scan of the bench, which needs no sample."""

    def the_sample(self) -> Sample:
        """Return the sample, or a name for none: a bench is looked after with or without one."""
        if not self.sample and self._open_bench().config.station.sample is None:
            return Sample(name="no-sample")
        return super().the_sample()

    def mean_of(self, read: Callable[[], float], count: int, reading_time_s: float, bench: Station) -> np.ndarray:
        """Return the mean of ``count`` readings and their standard deviation, each a reading time after the other."""
        readings = []
        for _ in range(count):
            bench.clock.sleep(reading_time_s, self.should_stop)  # or a meter gives the same reading again
            readings.append(read())
        return np.array([np.mean(readings), np.std(readings, ddof=1) if count > 1 else np.nan])
