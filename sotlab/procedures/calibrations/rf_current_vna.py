"""The microwave current in a strip, by network analyser: standards at plane A, at the probe's tips, then the strip."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sotlab.analysis.strip_network import StripModel, current_per_root_power, fit_strip
from sotlab.errors import DataError, FitError, PlanError
from sotlab.instruments.calibration import Calibration
from sotlab.instruments.station import Station
from sotlab.parameters import Integer, Quantity, Text
from sotlab.procedures.calibrations.base import Findings
from sotlab.procedures.calibrations.cable_loss_vna import STANDARDS, CableLossVNA
from sotlab.procedures.calibrations.closure import closure_notes
from sotlab.procedures.calibrations.rf_current import FACTOR_NOTE, draw_current
from sotlab.procedures.runs.scan import Point

__all__ = ["RFCurrentVNA", "network_of"]

#: What is connected, in this order: the standards at the end of the analyser's cable, then at the tips, then the strip.
PLANE_A, TIPS, STRIP = 0.0, 1.0, 2.0
#: A model that leaves more than this of the reflection is none of the strip.
LARGEST_MISFIT = 0.03
PER_DB = np.log(10.0) / 20.0


class RFCurrentVNA(CableLossVNA):
    """Find the current from the strip's reflection and the power at plane A.

    Plane A is the end of the analyser's cable, where the power meter was connected for ``source_level``; the arm leads
    from there to the probe's tips. Short, open and load at A and at the tips give the arm, and the strip's reflection
    at the tips; with the level at A that is the current,

    ``I_peak = K sqrt(P / 1 mW)``, ``K^2 = 2 Z0 L_A |s21 (1 + G) / ((1 - s22 G) Z)|^2 mW``,

    L_A the level at A over the set one, s the arm's, G the reflection, and Z = R + jwL the strip's impedance, which a
    fit over the frequencies parts from its pads. The strip must end the line: its far side is ground.

    Sigma contains the level's (``source_level``), ``connection_sigma`` for each of the two planes, and the scatter of
    ``landings``: how the contact differs each time the probe is put down. The contact's resistance is in R; the current
    is that through the strip all the same. Where R is far from 50 ohm inductance and pads are not told apart, and
    neither is given; the current does not depend on it. Strip and arm are kept as Touchstone files beside the
    calibration.

    References
    ----------
    Rytting, Network analyzer error models and calibration methods, 2001; calibration and de-embedding by scikit-rf.
    """

    KIND = "rf_current_vna"
    OF_SAMPLE = True
    COLUMNS = (*CableLossVNA.COLUMNS, "Level (dB)", "Level Sigma (dB)")

    start = Quantity("Start", "Hz", default=4e9, minimum=1e6, maximum=120e9, description="Only these frequencies ...")
    stop = Quantity("Stop", "Hz", default=10e9, minimum=1e6, maximum=120e9)
    points = Integer("Points", default=7, minimum=3, maximum=10_001, description="... are calibrated")
    power_start = Quantity("Power start", "dBm", default=9.0, minimum=-140.0, maximum=40.0, description="Of the source")
    power_stop = Quantity("Power stop", "dBm", default=15.0, minimum=-140.0, maximum=40.0)
    landings = Integer("Landings", default=3, minimum=2, maximum=100, description="Of the probe on the strip")
    switch_position = Text(
        "Switch position", default="", description="Of rf_switch, that leads the strip to the analyser"
    )
    standards = Text(
        "Standards", default="", description="Folder with short.s1p, open.s1p and load.s1p at the tips; or ideal ones"
    )

    def connections(self) -> list[tuple[float, float]]:
        """Return the planes and what is connected there, in order."""
        numbers = range(len(STANDARDS))
        return [
            *((PLANE_A, float(number)) for number in numbers),
            *((TIPS, float(number)) for number in numbers),
            *((STRIP, float(landing)) for landing in range(self.landings)),
        ]

    def request(self, plane: float, number: float) -> str:
        """Return what the operator is asked to do."""
        if plane == STRIP:
            again = "down on the strip" if number == 0 else "up, and down on the strip again"
            return f"The RF is off: put the probe {again}"
        where = (
            "plane A, the end of the analyser's cable" if plane == PLANE_A else "the probe's tips, the cable on the arm"
        )
        return f"The RF is off: connect the {STANDARDS[int(number)]} at {where}"

    def check_plan(self, points: Sequence[Point], bench: Station) -> None:
        """Check the sweep against the station's limits, and that the level at plane A is known."""
        super().check_plan(points, bench)
        for frequency_Hz in np.linspace(self.start, self.stop, self.points).tolist():
            self._level(frequency_Hz, bench)
        self._standards()

    def approach(self, point: Point, bench: Station) -> None:
        """Lead the strip to the analyser."""
        bench["microwave"].set_output(False)
        if self.switch_position:
            bench["rf_switch"].select(self.switch_position)
        super().approach(point, bench)

    def measure(self, point: Point, bench: Station) -> dict[str, Any]:
        """Return one point of the sweep, with the level that the station knows at plane A over the set power."""
        row = super().measure(point, bench)
        level_dB, sigma_dB = self._level(row["Frequency (Hz)"], bench)
        return row | {"Level (dB)": level_dB, "Level Sigma (dB)": sigma_dB}

    def evaluate(self, rows: pd.DataFrame) -> Findings:
        """Return K at each frequency, the strip's impedance, and whether it agrees with the current by its heat."""
        frequency_Hz, arm, landed = self._deembedded(rows)
        per_root_W, resistance_ohm = self._currents(frequency_Hz, arm, landed)
        levels_dB, level_sigma_dB = (rows[name].to_numpy(float)[: self.points] for name in self.COLUMNS[-2:])
        factor = per_root_W.mean(axis=(0, 1)) * np.sqrt(1e-3) * 10 ** (levels_dB / 20)
        contact = np.std(per_root_W.mean(axis=1), axis=0, ddof=1) / np.sqrt(self.landings)
        pooled = float(np.sqrt(np.mean((contact / per_root_W.mean(axis=(0, 1))) ** 2)))
        known = PER_DB * np.sqrt(level_sigma_dB**2 + 2.0 * self.connection_sigma**2)
        # Level, connections and contact are wrong at all frequencies alike.
        scale_sigma = float(np.hypot(np.max(known), pooled))
        reflection = self._strip(frequency_Hz, landed).s[:, 0, 0]
        # A connection changes the reflection by twice what it does to a wave, that the resistance by 2 dG/(1 - G^2).
        size = float(np.mean(np.abs(reflection)))
        through = 4.0 * PER_DB * self.connection_sigma * size / max(1.0 - size**2, 1e-3)
        loss_dB = -20.0 * np.log10(np.abs(arm.s[:, 1, 0]))
        values = {
            "factor": (float(np.mean(factor)), scale_sigma * float(np.mean(factor)), "A"),
            "scale": (1.0, scale_sigma, ""),
            "resistance": (resistance_ohm, float(np.hypot(pooled, through)) * resistance_ohm, "ohm"),
            "arm_loss": (float(np.mean(loss_dB)), float(np.sqrt(2.0) * self.connection_sigma), "dB"),
            "contact": (pooled, pooled / np.sqrt(2.0 * (self.landings - 1)), ""),
            "power_start": (self.power_start, 0.0, "dBm"),
            "power_stop": (self.power_stop, 0.0, "dBm"),
        }
        points = {
            "Frequency (Hz)": frequency_Hz,
            "Factor (A)": factor,
            "Factor Sigma (A)": np.zeros_like(factor),
            "Arm Loss (dB)": loss_dB,
            "Real Reflection (1)": reflection.real,
            "Imaginary Reflection (1)": reflection.imag,
        }
        notes = [FACTOR_NOTE, *closure_notes(self, points, scale_sigma)]
        return Findings(values, {name: column.tolist() for name, column in points.items()}, notes)

    def draw(self, figure: Any, calibration: Calibration) -> None:
        """Draw the factor against frequency."""
        draw_current(figure, calibration)

    def write_beside(self, stem: Path, rows: pd.DataFrame) -> list[Path]:
        """Write the strip at the tips and the arm as Touchstone files."""
        frequency_Hz, arm, landed = self._deembedded(rows)
        strip = self._strip(frequency_Hz, landed)
        written = []
        for network, name in ((strip, "strip"), (arm, "arm")):
            path = stem.with_name(f"{stem.name}-{name}")
            network.write_touchstone(filename=path.name, dir=str(path.parent), form="ri")
            written.append(path.with_name(f"{path.name}.s{network.nports}p"))
        return written

    def _currents(self, frequency_Hz: np.ndarray, arm: Any, landed: np.ndarray) -> tuple[np.ndarray, float]:
        """Return the current per root watt at plane A, by landing, sweep and frequency, and the strip's resistance."""
        model = self._model(frequency_Hz, landed.mean(axis=(0, 1)))
        impedance_ohm = model.impedance_ohm(frequency_Hz)
        found = current_per_root_power(arm.s[:, 1, 0], arm.s[:, 1, 1], landed, impedance_ohm)
        return found, model.resistance_ohm

    def _strip(self, frequency_Hz: np.ndarray, landed: np.ndarray) -> Any:
        """Return the mean of the landings as a network."""
        return network_of(frequency_Hz, landed.mean(axis=(0, 1)))

    def _deembedded(self, rows: pd.DataFrame) -> tuple[np.ndarray, Any, np.ndarray]:
        """Return the frequencies, the arm, and the strip's reflection at the tips by landing and sweep."""
        from skrf.calibration import OnePort

        frequency_Hz, shown, count = self._frequencies(rows), self._shown(rows, "S11"), len(STANDARDS)
        ideal = [network_of(frequency_Hz, np.full(self.points, g, complex)) for g in (-1.0, 1.0, 0.0)]
        known = [one.interpolate(ideal[0].frequency) for one in self._standards()] or ideal
        boxes = []
        for first, ends in ((0, ideal), (count, known)):
            seen = [network_of(frequency_Hz, shown[first + k].mean(axis=0)) for k in range(count)]
            box = OnePort(measured=seen, ideals=ends)
            box.run()
            boxes.append(box)
        at_a, at_tips = boxes
        arm = at_a.error_ntwk.inv**at_tips.error_ntwk
        landed = np.array(
            [
                [at_tips.apply_cal(network_of(frequency_Hz, sweep)).s[:, 0, 0] for sweep in landing]
                for landing in shown[-self.landings :]
            ]
        )
        return frequency_Hz, arm, landed

    def _frequencies(self, rows: pd.DataFrame) -> np.ndarray:
        return rows["Frequency (Hz)"].to_numpy(float)[: self.points]

    def _shown(self, rows: pd.DataFrame, name: str) -> np.ndarray:
        """Return what the analyser showed, by connection, sweep and frequency."""
        values = rows[f"Real {name} (1)"].to_numpy(float) + 1j * rows[f"Imaginary {name} (1)"].to_numpy(float)
        return values.reshape(len(self.connections()), self.sweeps, self.points)

    def _model(self, frequency_Hz: np.ndarray, reflection: np.ndarray) -> StripModel:
        try:
            model = fit_strip(frequency_Hz, reflection)
        except FitError as error:
            raise DataError(f"rf_current_vna: {error}") from error
        if model.misfit > LARGEST_MISFIT:
            raise DataError(
                f"rf_current_vna: a resistor with inductance and pads leaves {model.misfit:.2g} of the reflection,"
                f" allowed is {LARGEST_MISFIT:g}: were the standards connected as asked? Does the strip end the line?"
            )
        return model

    def _level(self, frequency_Hz: float, bench: Station) -> tuple[float, float]:
        """Return the level at plane A over the set power and its sigma [dB]: the mean over the range of powers."""
        found = [
            bench["microwave"].calibrated_level(frequency_Hz, power_dBm)
            for power_dBm in (self.power_start, self.power_stop)
        ]
        if None in found:
            raise PlanError(
                "rf_current_vna: the level at plane A is not known; calibrate source_level there first, and name it in"
                " [calibrations]"
            )
        (low_dBm, sigma_dB), (high_dBm, other_dB) = found
        low_dB, high_dB = low_dBm - self.power_start, high_dBm - self.power_stop
        # Taken to be the same at all powers: what it is not is not known of the ones between.
        return 0.5 * (low_dB + high_dB), float(np.hypot(max(sigma_dB, other_dB), 0.5 * (high_dB - low_dB)))

    def _standards(self) -> list[Any]:
        """Return the standards at the tips as they were characterised; none where they are taken for ideal."""
        if not self.standards:
            return []
        import skrf

        found = []
        for name in STANDARDS:
            path = Path(self.standards) / f"{name}.s1p"
            try:
                network = skrf.Network(str(path))
            except Exception as error:  # whatever a file that is no Touchstone makes of it
                raise PlanError(f"rf_current_vna: standards: {path} cannot be read: {type(error).__name__}") from error
            if network.nports != 1 or not network.f[0] <= self.start <= self.stop <= network.f[-1]:
                raise PlanError(
                    f"rf_current_vna: standards: {path} has {network.nports} ports, {network.f[0] / 1e9:g} to"
                    f" {network.f[-1] / 1e9:g} GHz; one port is wanted, {self.start / 1e9:g} to {self.stop / 1e9:g} GHz"
                )
            found.append(network)
        return found


def network_of(frequency_Hz: np.ndarray, s: np.ndarray) -> Any:
    """Return a network of one port, or of two if ``s`` is (N, 2, 2)."""
    import skrf

    s = np.asarray(s)
    return skrf.Network(f=frequency_Hz, s=s if s.ndim == 3 else s.reshape(-1, 1, 1), f_unit="Hz")
