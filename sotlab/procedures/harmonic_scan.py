"""What scans of both harmonics have in common: the current, the lock-ins, and what the sample's file knows.

A station has two lock-ins on the reference of the source (``lockin_1w``, ``lockin_2w``), or one (``lockin``) that is
switched between the harmonics.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

from sotlab.analysis.values import Value
from sotlab.instruments.station import Station
from sotlab.parameters import Quantity
from sotlab.procedures.runs.scan import Scan
from sotlab.procedures.strip_settings import strip_settings

__all__ = ["ANALYSED", "AXES", "CONDITIONS", "READINGS", "HarmonicScan"]

#: The columns of both phasors, of the current, and of what the sample is in.
READINGS = ("X 1w (V)", "Y 1w (V)", "X 2w (V)", "Y 2w (V)")
CONDITIONS = ("Amplitude (A)", "Frequency (Hz)", "Temperature Set (K)", "Temperature (K)")
#: The columns and the axes that the analysis of harmonic Hall takes of every scan.
ANALYSED = {
    "field": "Field Set (T)",
    "angle": "Angle (deg)",
    "x_1w": "X 1w (V)",
    "y_1w": "Y 1w (V)",
    "x_2w": "X 2w (V)",
    "y_2w": "Y 2w (V)",
}
AXES = {"temperature": "Temperature Set (K)", "current": "Amplitude (A)"}
#: A calibration at a frequency that differs by more than this part says nothing of the phases.
SAME_FREQUENCY = 0.01
#: What the sample file's settings are called by the analysis of ST-FMR, and by that of harmonic Hall.
NAMES = {
    "mu0_ms": "mu0_ms",
    "strip_width": "width",
    "sheet_resistance": "sheet_resistance",
    "nm_side": "nm_side",
    "fm_thickness": "fm_thickness",
    "nm_thickness": "nm_thickness",
    "rho": "nm_resistivity",
}


class HarmonicScan(Scan):
    """A scan that reads both harmonics of the Hall voltage. The phasors are rms, X in phase with the current's sine.

    With a calibration ``second_harmonic`` the lock-ins' phases are those that a known resistor showed, and the analysis
    is told what the source made of it.
    """

    #: Two lock-ins, or one that is switched between the harmonics.
    LOCKINS: ClassVar[tuple[str, ...]] = ("lockin_1w", "lockin_2w")

    amplitude = Quantity(
        "Amplitude", "A", default=1e-3, minimum=0.0, maximum=0.2, description="Peak amplitude of the current"
    )
    frequency = Quantity("Frequency", "Hz", default=85.0, minimum=1e-2, maximum=1e5)
    temperature = Quantity(
        "Temperature",
        "K",
        default=300.0,
        minimum=0.1,
        maximum=1000.0,
        description="Of the sample; settled where the station can",
    )

    def check_source(self, bench: Station, amplitude_A: float) -> None:
        """Check current and temperature against the station's limits."""
        bench["ac_source"].check(amplitude_A_peak=amplitude_A, frequency_Hz=self.frequency)
        if "temperature" in bench:
            bench["temperature"].check(self.temperature)

    def prepare(self, bench: Station) -> None:
        """Set the current, the harmonics and, where a known resistor has shown them, the phases; nothing is on."""
        bench["ac_source"].set_wave(self.frequency, self.amplitude)
        known = self.known_resistor(bench)
        for harmonic, role in enumerate(self.LOCKINS, start=1):
            bench[role].set_harmonic(harmonic)
            if known is not None and len(self.LOCKINS) == 2:
                bench[role].set_phase(known[f"phase_{harmonic}w"][0])

    def known_resistor(self, bench: Station) -> Any:
        """Return what a known resistor showed at this frequency, by name; None where that is not known."""
        known = bench[self.LOCKINS[-1]].known_resistor()
        if known is None or abs(known["frequency"][0] / self.frequency - 1) > SAME_FREQUENCY:
            return None
        return known

    def settle_temperature(self, bench: Station) -> None:
        """Wait until the temperature has settled, where the station can set one."""
        if "temperature" in bench:
            bench["temperature"].settle_at(self.temperature, self.should_stop)

    def switch_on(self, bench: Station) -> None:
        """Switch the current on and let the lock-ins find their reference: there was none while it was off."""
        bench["ac_source"].set_output(True)
        self.wait_for_source(bench)

    def wait_for_source(self, bench: Station) -> None:
        """Let the source settle, and what the lock-ins have latched meanwhile not count."""
        bench.clock.sleep(bench["ac_source"].settling_s, self.should_stop)
        for role in self.LOCKINS:
            bench[role].settle()

    def let_filters_settle(self, bench: Station) -> None:
        """Wait until the filters have forgotten what was; one lock-in waits after each change of its harmonic."""
        if len(self.LOCKINS) == 2:
            bench.clock.sleep(max(bench[role].settling_s for role in self.LOCKINS), self.should_stop)

    def read_harmonics(self, bench: Station) -> dict[str, float]:
        """Return the columns of ``READINGS``."""
        first, second = (bench[role].read_phasor() for role in self.LOCKINS)
        return dict(zip(READINGS, (first.real, first.imag, second.real, second.imag), strict=True))

    def read_conditions(self, bench: Station, amplitude_A: float) -> dict[str, float]:
        """Return the columns of ``CONDITIONS``."""
        read_K = bench["temperature"].read_temperature() if "temperature" in bench else math.nan
        return dict(zip(CONDITIONS, (amplitude_A, self.frequency, self.temperature, read_K), strict=True))

    def reading_time_s(self, bench: Station) -> float:
        """Return how long both readings take, without settling [s]."""
        return sum(bench[role].reading_time_s for role in self.LOCKINS)

    def settling_time_s(self, bench: Station) -> float:
        """Return how long the filters need after a change [s]."""
        return max(bench[role].settling_s for role in self.LOCKINS)

    def known_settings(self, bench: Station, geometry: str) -> dict[str, Any]:
        """Return the geometry, that currents are peak, and what sample file and known resistor say."""
        sample = self.the_sample()
        known = strip_settings(sample)
        settings: dict[str, Any] = {"geometry": geometry, "current_convention": "peak"}
        settings |= {name: known[theirs] for theirs, name in NAMES.items() if theirs in known}
        if "sheet_resistance" not in settings and len(sample.stack) > 1:
            layers = [(layer.thickness_m, layer.resistivity_ohm_m) for layer in sample.stack]
            if all(rho is not None for _, rho in layers):
                sheet_S = sum(thickness_m / rho for thickness_m, rho in layers if rho is not None)
                settings["sheet_resistance"] = {"value": 1.0 / sheet_S, "sigma": 0.0, "unit": "ohm"}
        laws = sample.at_temperatures
        if laws is not None:
            settings["temperatures"] = tuple(laws.temperature_K)
            settings |= {
                name: tuple(values)
                for name, values in (("mu0_ms_at", laws.mu0_ms_T), ("sheet_resistance_at", laws.sheet_resistance_ohm))
                if values
            }
        resistor = self.known_resistor(bench)
        if resistor is not None:
            settings |= {name: Value(*resistor[name], unit="").to_json() for name in ("distortion_x", "distortion_y")}
        return settings
