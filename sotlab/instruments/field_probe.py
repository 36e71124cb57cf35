"""What gaussmeters have in common: a probe with a zero, at some distance from the sample."""

from __future__ import annotations

import math
from typing import Any

from pydantic import Field as Option

from sotlab.errors import StationError
from sotlab.instruments.driver import Driver, Options

__all__ = ["FieldProbe", "FieldProbeOptions"]


class FieldProbeOptions(Options):
    """Options of every gaussmeter."""

    #: Standard uncertainty of the probe's zero [T]: what is left after zeroing it in the zero chamber. A calibration
    #: ``gaussmeter_zero`` takes its place.
    zero_sigma_T: float = Option(ge=0.0)
    #: Time of one reading [s]: ten a second at full resolution.
    reading_time_s: float = Option(default=0.1, gt=0.0)


class FieldProbe(Driver):
    """A gaussmeter that fills the role ``gaussmeter``; a driver has ``read_probe``.

    A calibration ``gaussmeter_zero`` is subtracted from each reading; ``probe_ratio`` leads from the field at the probe
    to that at the sample. Without them the zero is 0 and the sample has the probe's field.
    """

    role = "gaussmeter"
    calibrated_by = frozenset({"gaussmeter_zero", "probe_ratio"})

    options: Any

    #: The calibrated zero and its standard uncertainty [T]; None without a calibration.
    _zero_T: tuple[float, float] | None = None
    #: Field at the sample over field at the probe, with its standard uncertainty.
    _ratio: tuple[float, float] = (1.0, 0.0)

    def use_calibrations(self) -> None:
        """Take zero and ratio."""
        if (zero := self.calibrations.get("gaussmeter_zero")) is not None:
            self._zero_T = zero.value("zero", "T")
        if (probe := self.calibrations.get("probe_ratio")) is not None:
            self._ratio = probe.value("ratio", "1")
            if self._ratio[0] == 0.0:
                raise StationError(f"{probe.where}: [values.ratio] is 0; calibrate anew")

    @property
    def zero_sigma_T(self) -> float:
        """Standard uncertainty of the probe's zero [T]."""
        return self.options.zero_sigma_T if self._zero_T is None else self._zero_T[1]

    @property
    def reading_time_s(self) -> float:
        """How long one reading takes [s]."""
        return self.options.reading_time_s

    def read_probe(self) -> float:
        """Return what the instrument says [T]."""
        raise NotImplementedError

    def read_field(self) -> float:
        """Return the field at the probe, its zero subtracted [T]."""
        return self.read_probe() - (0.0 if self._zero_T is None else self._zero_T[0])

    def sample_field(self, probe_T: float) -> tuple[float, float]:
        """Return the field at the sample that belongs to one at the probe, and its standard uncertainty [T].

        ``B = ratio B_probe``; zero and ratio are uncertain, the reading's own noise is not counted.
        """
        ratio, sigma = self._ratio
        return ratio * probe_T, math.hypot(sigma * probe_T, ratio * self.zero_sigma_T)
