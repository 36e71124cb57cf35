"""What the source and the lock-ins make of a known resistor: the phases of both harmonics, distortion and offset."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sotlab.errors import DataError
from sotlab.instruments.calibration import Calibration
from sotlab.instruments.station import Station
from sotlab.parameters import Choice, Integer, Quantity
from sotlab.procedures.calibrations.base import CalibrationScan, Findings
from sotlab.procedures.linear_fit import fit_linear
from sotlab.procedures.runs.scan import Point

__all__ = ["SecondHarmonic"]

#: Half swings that differ by a factor this near to the square root of two were made with rms and peak mixed.
NEAR_ROOT_TWO = 0.05
#: A resistance that changes by more over the frequencies belongs to a cable or a filter as well.
SAME_RESISTANCE = 0.01
SIGNIFICANT = 3.5


class SecondHarmonic(CalibrationScan):
    """Read both harmonics of a known resistor against current and frequency; a resistor has no second harmonic.

    At the working frequency V_1w = R I e^(i phase), whose phase is that of reference, cables and filters; a delay turns
    the second harmonic by twice as much, so that its phase is set from that of the first. V_2w = (d_x + i d_y) V_1w + b
    I^2 + offset in the frame so turned: d is the distortion of the source, b is of a resistor that heats or rectifies
    and should be 0. At other frequencies the resistance must be the same, and the phase grow with the frequency.

    The resistor should be of the size of the sample's Hall arms and wired in the same way, V+ on the side where the
    current enters; ``load = "connected"`` if it is in its place already.
    """

    KIND = "second_harmonic"
    ROLES = ("ac_source", "lockin_1w", "lockin_2w")
    COLUMNS = ("Frequency (Hz)", "Amplitude (A)", "X 1w (V)", "Y 1w (V)", "X 2w (V)", "Y 2w (V)")
    X_AXIS = "Amplitude (A)"
    Y_AXIS = "Y 2w (V)"

    resistance = Quantity("Resistance", "ohm", default=100.0, minimum=1e-6, maximum=1e9, description="Of the resistor")
    amplitude = Quantity("Amplitude", "A", default=2e-4, minimum=1e-9, maximum=0.2, description="Largest, peak")
    amplitudes = Integer("Amplitudes", default=5, minimum=3, maximum=1000, description="At the working frequency")
    frequency = Quantity("Frequency", "Hz", default=85.0, minimum=1e-2, maximum=1e5, description="The working one")
    octaves = Quantity(
        "Octaves", None, default=1.0, minimum=0.0, maximum=5.0, description="Other frequencies lie so far off"
    )
    repeats = Integer("Repeats", default=3, minimum=1, maximum=10_000, description="Readings at each point")
    load = Choice("Load", choices=["ask", "connected"], default="ask", description="Have the resistor connected first")

    @property
    def calibrated_role(self) -> str:
        """The lock-in on the second harmonic."""
        return self.lockins[-1]

    @property
    def lockins(self) -> tuple[str, ...]:
        """The roles that read the harmonics."""
        return self.ROLES[1:]

    def plan(self) -> Iterable[Mapping[str, float]]:
        """Yield the currents at the working frequency, then the largest at the other frequencies."""
        for k in range(1, self.amplitudes + 1):
            yield {"frequency_Hz": self.frequency, "amplitude_A": self.amplitude * k / self.amplitudes}
        for factor in (2.0**-self.octaves, 2.0**self.octaves) if self.octaves else ():
            yield {"frequency_Hz": factor * self.frequency, "amplitude_A": self.amplitude}

    def check_plan(self, points: Sequence[Point], bench: Station) -> None:
        """Check every setting against the station's limits."""
        super().check_plan(points, bench)
        for point in points:
            bench["ac_source"].check(
                amplitude_A_peak=point.settings["amplitude_A"], frequency_Hz=point.settings["frequency_Hz"]
            )

    def prepare(self, bench: Station) -> None:
        """Have the resistor connected, and set harmonics and phases to what they are counted from."""
        if self.load == "ask":
            bench.ask_operator(
                f"Everything is off: connect the resistor of {self.resistance:g} ohm in place of the sample"
            )
        for harmonic, role in enumerate(self.lockins, start=1):
            bench[role].set_harmonic(harmonic)
            bench[role].set_phase(0.0)

    def approach(self, point: Point, bench: Station) -> None:
        """Switch the current on at the first point."""
        bench["ac_source"].set_wave(point.settings["frequency_Hz"], point.settings["amplitude_A"])
        bench["ac_source"].set_output(True)

    def apply(self, point: Point, bench: Station) -> None:
        """Set current and frequency; the reference may be lost meanwhile."""
        bench["ac_source"].set_wave(point.settings["frequency_Hz"], point.settings["amplitude_A"])
        bench.clock.sleep(bench["ac_source"].settling_s, self.should_stop)
        for role in self.lockins:
            bench[role].settle()

    def measure(self, point: Point, bench: Station) -> dict[str, Any]:
        """Let the filters forget what was, then read both phasors."""
        bench.clock.sleep(max(bench[role].settling_s for role in self.lockins), self.should_stop)
        first, second = (bench[role].read_phasor() for role in self.lockins)
        return {
            "Frequency (Hz)": point.settings["frequency_Hz"],
            "Amplitude (A)": point.settings["amplitude_A"],
            "X 1w (V)": first.real,
            "Y 1w (V)": first.imag,
            "X 2w (V)": second.real,
            "Y 2w (V)": second.imag,
        }

    def point_time_s(self, before: Point | None, point: Point, bench: Station) -> float:
        """Return the time of settling and reading [s]."""
        settling_s = max(bench[role].settling_s for role in self.lockins)
        source_s = 0.0 if before is not None and before.index == point.index else bench["ac_source"].settling_s
        return source_s + settling_s + sum(bench[role].reading_time_s for role in self.lockins)

    def evaluate(self, rows: pd.DataFrame) -> Findings:
        """Return phases, distortion, offset, and what the frequencies say."""
        at = np.isclose(rows["Frequency (Hz)"].to_numpy(float), self.frequency, rtol=1e-9)
        first, second = (rows[f"X {n}w (V)"].to_numpy(float) + 1j * rows[f"Y {n}w (V)"].to_numpy(float) for n in (1, 2))
        rms_A = rows["Amplitude (A)"].to_numpy(float) / math.sqrt(2.0)
        x, y = (fit_linear([rms_A[at]], part[at], self.KIND) for part in (first.real, first.imag))
        r_x, r_y = float(x.values[0]), float(y.values[0])
        found_ohm, sigma_ohm = math.hypot(r_x, r_y), float(max(x.sigmas[0], y.sigmas[0]))
        if found_ohm < 10.0 * sigma_ohm:
            raise DataError(
                f"{self.KIND}: no first harmonic stands out ({found_ohm:.2g} +- {sigma_ohm:.1g} ohm); is the resistor"
                " connected, and the current on?"
            )
        phase_deg, phase_sigma_deg = math.degrees(math.atan2(r_y, r_x)), math.degrees(sigma_ohm / found_ohm)
        # In the frame of the current V_1w is real; a delay turns the second harmonic by twice the angle.
        turned = second * np.exp(-2j * math.radians(phase_deg))
        amplitude_V = found_ohm * rms_A
        columns = [amplitude_V[at], amplitude_V[at] ** 2, np.ones(np.count_nonzero(at))]
        fits = [fit_linear(columns, part[at], self.KIND) for part in (turned.real, turned.imag)]
        names = ("distortion", "quadratic", "offset")
        values = {
            "frequency": (self.frequency, 0.0, "Hz"),
            "resistance": (found_ohm, sigma_ohm, "ohm"),
            "phase_1w": (phase_deg, phase_sigma_deg, "deg"),
            "phase_2w": (2 * phase_deg, 2 * phase_sigma_deg, "deg"),
        }
        for channel, fit in zip("xy", fits, strict=True):
            for name, unit, value, sigma in zip(names, ("", "1/V", "V"), fit.values, fit.sigmas, strict=True):
                values[f"{name}_{channel}"] = (float(value), float(sigma), unit)
        others = self._frequencies(rows, first, rms_A)
        points = {
            "Amplitude (A)": rms_A[at] * math.sqrt(2.0),
            "X 1w (V)": first.real[at],
            "X 2w (V)": turned.real[at],
            "Y 2w (V)": turned.imag[at],
        }
        return Findings(
            values, {name: column.tolist() for name, column in points.items()}, [*self._notes(values), *others]
        )

    def _notes(self, values: Mapping[str, tuple[float, float, str]]) -> list[str]:
        """Return what is not as a resistor should be."""
        found_ohm, notes = values["resistance"][0], []
        ratio = found_ohm / self.resistance
        for factor, said in ((math.sqrt(2.0), "larger"), (1 / math.sqrt(2.0), "smaller")):
            if abs(ratio / factor - 1.0) < NEAR_ROOT_TWO:
                notes.append(
                    f"rms or peak: {found_ohm:.4g} ohm measured, sqrt(2) times {said} than {self.resistance:g} ohm"
                )
        if not notes and abs(ratio - 1.0) > NEAR_ROOT_TWO:
            notes.append(f"{found_ohm:.4g} ohm measured, {self.resistance:g} ohm said: is that the resistor?")
        for name, said in (
            ("distortion", "the source is distorted: it was found in"),
            ("quadratic", "V_2w has a part in I^2, which a resistor has not: it heats or rectifies, in"),
            ("offset", "2w has an offset that does not go with the current, in"),
        ):
            channels = [
                f"{name}_{c}" for c in "xy" if abs(values[f"{name}_{c}"][0]) > SIGNIFICANT * values[f"{name}_{c}"][1]
            ]
            if channels:
                notes.append(f"{said} {', '.join(channels)}")
        return notes

    def _frequencies(self, rows: pd.DataFrame, first: np.ndarray, rms_A: np.ndarray) -> list[str]:
        """Return what does not hold at all frequencies: one resistance, and a phase that grows with the frequency."""
        frequency_Hz = rows["Frequency (Hz)"].to_numpy(float)
        impedance = {f: np.mean((first / rms_A)[frequency_Hz == f]) for f in np.unique(frequency_Hz)}
        here, notes = impedance[min(impedance, key=lambda f: abs(f - self.frequency))], []
        for f_Hz, z in impedance.items():
            if abs(abs(z) / abs(here) - 1.0) > SAME_RESISTANCE:
                notes.append(
                    f"{abs(z):.5g} ohm at {f_Hz:g} Hz, {abs(here):.5g} ohm at {self.frequency:g} Hz: too fast?"
                )
            expected_deg = math.degrees(np.angle(here)) * f_Hz / self.frequency
            if abs(math.degrees(np.angle(z)) - expected_deg) > 1.0:
                notes.append(
                    f"phase of {math.degrees(np.angle(z)):.2f} deg at {f_Hz:g} Hz, {expected_deg:.2f} deg if it were a"
                    " delay: the phase of 2w does not follow from that of 1w"
                )
        return notes

    def draw(self, figure: Any, calibration: Calibration) -> None:
        """Draw both channels of the second harmonic against the current."""
        axes = figure.subplots()
        table = {name: np.array(column) for name, column in calibration.points.items()}
        for name, colour in (("X 2w (V)", "#0072B2"), ("Y 2w (V)", "#D55E00")):
            axes.plot(1e3 * table["Amplitude (A)"], 1e9 * table[name], "o", ms=4, color=colour, label=name[:4])
        axes.axhline(0.0, color="0.5", lw=0.8)
        axes.set_xlabel("current (mA, peak)")
        axes.set_ylabel("second harmonic (nV rms)")
        axes.legend(frameon=False)
