"""ST-FMR spectra against the in-plane direction of the field in one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sotlab.parameters import Choice, Integer, Quantity
from sotlab.procedures.stfmr_series import SIGNS, STFMRSeries

__all__ = ["STFMRAngleSeries"]


class STFMRAngleSeries(STFMRSeries):
    """One spectrum at each angle, of both signs of field: they tell spins along x, y and z apart.

    Angles without a signal (0, 90, 180 deg) are measured like the others: a line there is an artefact.
    """

    ROLES = (*STFMRSeries.ROLES, "azimuth")

    angle = Quantity("Angle", "deg", default=15.0, minimum=-360.0, maximum=360.0, description="The first")
    angle_stop = Quantity("Last angle", "deg", default=165.0, minimum=-360.0, maximum=360.0)
    angles = Integer("Angles", default=11, minimum=2, maximum=10_000)
    signs = Choice("Signs", choices=list(SIGNS), default="both", description="Of the field")

    def series(self) -> Sequence[Mapping[str, float]]:
        """Return the angles, evenly spaced."""
        return [{"angle_deg": float(angle)} for angle in np.linspace(self.angle, self.angle_stop, self.angles)]
