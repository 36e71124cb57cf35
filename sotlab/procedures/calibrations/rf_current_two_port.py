"""The microwave current in a strip between two ports, by network analyser: from the power that the strip takes up."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pandas as pd

from sotlab.analysis.strip_network import current_two_port
from sotlab.errors import DataError
from sotlab.procedures.calibrations.cable_loss_vna import STANDARDS, CableLossVNA
from sotlab.procedures.calibrations.rf_current_vna import TIPS, RFCurrentVNA, network_of

__all__ = ["RFCurrentTwoPort"]

#: What follows short, open and load at the tips.
THRU = float(len(STANDARDS))


class RFCurrentTwoPort(RFCurrentVNA):
    """As `RFCurrentVNA`, of a strip whose far side leads to the analyser's second port, and in use into 50 ohm.

    After short, open and load at both probes' tips comes a thru between them (SOLT). The strip takes up
    ``P (1 - |S11|^2 - |S21|^2)`` of what arrives at it, whatever its pads are, and with its resistance R at high
    frequency ``I = sqrt(2 P_abs / R)``. R is the real part of ``-1/Y21``, the series branch between the pads; the
    current is taken to be the same all along it.
    """

    PARAMETERS: ClassVar[tuple[str, ...]] = ("S11", "S21", "S12", "S22")
    COLUMNS = (
        *CableLossVNA.COLUMNS[:3],
        *(f"{part} {name} (1)" for name in PARAMETERS for part in ("Real", "Imaginary")),
        *RFCurrentVNA.COLUMNS[-2:],
    )

    def connections(self) -> list[tuple[float, float]]:
        """Return the planes and what is connected there, in order: the thru comes before the strip."""
        one_port = super().connections()
        return [*one_port[: -self.landings], (TIPS, THRU), *one_port[-self.landings :]]

    def request(self, plane: float, number: float) -> str:
        """Return what the operator is asked to do."""
        if (plane, number) == (TIPS, THRU):
            return "The RF is off: connect the thru between the tips of both probes"
        asked = super().request(plane, number)
        return asked.replace("at the probe's tips", "at the tips of both probes, of each,")

    def _deembedded(self, rows: pd.DataFrame) -> tuple[np.ndarray, Any, np.ndarray]:
        """Return the frequencies, the arm of port 1, and the strip between the tips by landing and sweep."""
        from skrf.calibration import SOLT

        frequency_Hz, arm, _ = super()._deembedded(rows)
        shown = np.stack([self._shown(rows, name) for name in ("S11", "S12", "S21", "S22")], axis=-1)
        shown = shown.reshape(*shown.shape[:-1], 2, 2)
        first = len(STANDARDS)  # those at plane A are of one port
        known = [
            one.interpolate(network_of(frequency_Hz, np.zeros(self.points)).frequency) for one in self._standards()
        ]
        if not known:
            known = [network_of(frequency_Hz, np.full(self.points, g, complex)) for g in (-1.0, 1.0, 0.0)]
        calibration = SOLT(
            measured=[network_of(frequency_Hz, shown[first + k].mean(axis=0)) for k in range(len(STANDARDS) + 1)],
            ideals=[*(_at_both_ports(frequency_Hz, one.s[:, 0, 0]) for one in known), None],
            n_thrus=1,
        )
        calibration.run()
        landed = [
            [calibration.apply_cal(network_of(frequency_Hz, sweep)).s for sweep in landing]
            for landing in shown[-self.landings :]
        ]
        return frequency_Hz, arm, np.array(landed)

    def _currents(self, frequency_Hz: np.ndarray, arm: Any, landed: np.ndarray) -> tuple[np.ndarray, float]:
        """Return the current per root watt at plane A, by landing, sweep and frequency, and the strip's resistance."""
        branch_ohm = -1.0 / self._strip(frequency_Hz, landed).y[:, 1, 0]
        resistance_ohm = float(np.median(branch_ohm.real))
        if not 0.0 < resistance_ohm < 1e5:
            raise DataError(
                f"rf_current_vna: between the tips there are {resistance_ohm:.3g} ohm; are both probes on the strip?"
            )
        s11, s21 = landed[..., 0, 0], landed[..., 1, 0]
        arriving = np.abs(arm.s[:, 1, 0] / (1.0 - arm.s[:, 1, 1] * s11)) ** 2
        return current_two_port(arriving, s11, s21, resistance_ohm), resistance_ohm


def _at_both_ports(frequency_Hz: np.ndarray, reflection: np.ndarray) -> Any:
    """Return one standard at each port, with nothing between them."""
    both = np.zeros((len(reflection), 2, 2), complex)
    both[:, 0, 0] = both[:, 1, 1] = reflection
    return network_of(frequency_Hz, both)
