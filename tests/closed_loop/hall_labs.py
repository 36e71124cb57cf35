"""Many labs of one Hall cross: the bench's own sample and noise, without the wire, for statistics.

What a lock-in would show without noise is worked out once for each point, by the physics of the virtual lab; each lab
then draws its noise, and the error of all that the analysis must be told. `test_harmonic_hall_labs.py` holds it against
readings over the wire.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import hypot, sqrt
from typing import Any

import numpy as np
from scipy.constants import k as boltzmann

from sotlab.analysis.datasets import Dataset
from sotlab.analysis.harmonic_hall_analysis import HarmonicHall, HarmonicHallSettings
from sotlab.analysis.values import Reduction, Value
from sotlab.simulated.benches.bench import read_sample
from sotlab.simulated.physics.hall import next_well, respond
from sotlab.simulated.physics.hall_sample import HallSample
from sotlab.simulated.physics.lockin import noise_bandwidth_Hz
from sotlab.simulated.physics.transport import Waveform

#: Of the bench ``harmonic_hall`` and its station: amplifier and pick-up [V/rtHz], leads [K], time constant [s], poles.
AMPLIFIER, PICKUP, LEADS_K, TIME_CONSTANT_S, POLES = 6e-9, 3e-9, 295.0, 0.3, 4
#: Standard uncertainties of what the analysis is told, as parts of the value: what a lab knows of its sample.
KNOWN = {
    "sheet_resistance": 0.01,
    "width": 0.02,
    "mu0_ms": 0.05,
    "fm_thickness": 0.03,
    "nm_resistivity": 0.01,
    "nm_thickness": 0.02,
    "r_a": 0.01,
    "mu0_meff": 0.02,
    "r_p": 0.02,
    "r_ane": 0.05,
    "r_one": 0.05,
}
UNITS = {
    "sheet_resistance": "ohm",
    "width": "m",
    "mu0_ms": "T",
    "fm_thickness": "m",
    "nm_resistivity": "ohm*m",
    "nm_thickness": "m",
    "r_a": "ohm",
    "mu0_meff": "T",
    "r_p": "ohm",
    "r_ane": "ohm",
    "r_one": "ohm/T",
}
#: What every lab is told for its efficiencies.
STRIP = ("sheet_resistance", "width", "mu0_ms", "fm_thickness", "nm_resistivity", "nm_thickness")


@dataclass(frozen=True)
class Cross:
    """A sample at one temperature with a current.

    Parameters
    ----------
    sample : str
        File of the virtual lab's sample.
    stage_K, peak_A : float
        Temperature of the stage, and the current's amplitude.
    changes : mapping
        Values of the sample file that are to be others.
    """

    sample: str
    stage_K: float = 300.0
    peak_A: float = 2e-3
    changes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        cross = HallSample.from_mapping(read_sample(self.sample) | dict(self.changes), self.sample)
        rms_A = self.peak_A / sqrt(2)
        heat_K = cross.heating_K_per_W * rms_A**2 * cross.sheet_ohm.at(self.stage_K) * cross.squares
        object.__setattr__(self, "cross", cross)
        object.__setattr__(self, "film_K", self.stage_K + heat_K)
        object.__setattr__(self, "film", cross.film(self.stage_K + heat_K))

    def truth(self) -> dict[str, float]:
        """Return what an analysis should find."""
        film, cross, film_K, peak_A = self.film, self.cross, self.film_K, self.peak_A
        rho = cross.nm_resistivity_ohm_m.at(film_K)
        return {
            "r_a": film.ahe_ohm,
            "r_p": film.phe_ohm,
            "r_ohe": film.ohe_ohm_per_T,
            "b_k": film.spin.b_k_T,
            "mu0_meff": -film.spin.b_k_T,
            "b_dl": film.dl_T_per_A * peak_A,
            "b_fl": film.in_plane_T_per_A * peak_A,
            "b_oe": film.oe_T_per_A * peak_A,
            "r_ane": film.ane_ohm_per_A * peak_A,
            "r_one": film.one_ohm_per_A_T * peak_A,
            "angle_offset": 0.0,
            "xi_dl_E": cross.xi_dl_E.at(film_K),
            "xi_fl_E": cross.xi_fl_E.at(film_K),
            "xi_dl_j": cross.xi_dl_E.at(film_K) * rho,
            "sheet_resistance": cross.sheet_ohm.at(film_K),
            "width": cross.width_m,
            "mu0_ms": cross.mu0_ms_T.at(film_K),
            "fm_thickness": cross.fm_thickness_m,
            "nm_resistivity": rho,
            "nm_thickness": cross.nm_thickness_m,
        }

    @property
    def noise_V(self) -> float:
        """Standard deviation of X and Y [V rms]."""
        johnson = 4 * boltzmann * LEADS_K * self.cross.arm_ohm
        return hypot(AMPLIFIER, sqrt(johnson + PICKUP**2)) * sqrt(noise_bandwidth_Hz(TIME_CONSTANT_S, POLES))

    def phasors(
        self, field_T: np.ndarray, polar_deg: np.ndarray, azimuth_deg: np.ndarray, up: bool | None = None
    ) -> np.ndarray:
        """Return the rms phasors (2, N) of both harmonics [V]; m comes from the field's side, or is up or down."""
        wave, found = Waveform("sine", self.peak_A, 85.0), []
        for size, polar, azimuth in zip(field_T, np.radians(polar_deg), np.radians(azimuth_deg), strict=True):
            across = size * np.sin(polar)
            at = (float(across * np.cos(azimuth)), float(across * np.sin(azimuth)), float(size * np.cos(polar)))
            far = tuple(1e3 * b for b in at) if up is None else (0.0, 0.0, 1e3 if up else -1e3)
            well = next_well(self.film, far, 0.0, 1)
            found.append(respond(self.film, at, wave, well, self.cross.arm_admixture).hall_V[:2])
        return np.array(found).T


@dataclass(frozen=True)
class Measured:
    """What one geometry shows without noise, and how a lab reduces it.

    Parameters
    ----------
    cross : Cross
        What was measured.
    geometry : str
        As the analysis calls it.
    columns : dict
        Field, angle (and state) as the analysis takes them.
    phasors_V : (2, N) complex
        Both harmonics.
    told : tuple of str
        What the analysis is told beside the strip, drawn with its sigma.
    """

    cross: Cross
    geometry: str
    columns: dict[str, np.ndarray]
    phasors_V: np.ndarray
    told: tuple[str, ...] = ()
    convention: str = "peak"
    spoiled: Callable[[dict[str, np.ndarray]], None] | None = None

    def again(self, **changes: Any) -> Measured:
        """Return the same measurement of a sample with other values."""
        cross = replace(self.cross, changes=dict(self.cross.changes) | changes)
        polar_deg = (
            self.columns["angle"] if self.geometry == "out-of-plane" else np.full(self.columns["angle"].shape, 90.0)
        )
        azimuth_deg = self.columns["angle"] if self.geometry == "in-plane" else np.zeros(polar_deg.shape)
        return replace(self, cross=cross, phasors_V=cross.phasors(self.columns["field"], polar_deg, azimuth_deg))

    def settings(self, draw: Callable[[float, float], float], **more: Any) -> HarmonicHallSettings:
        """Return what a lab believes: each value drawn about the truth with the sigma that is told."""
        truth, told = self.cross.truth(), {}
        # A loop or an in-plane scan of before says R_A or R_P: what is found may differ from it.
        beside = {"in-plane": ("r_p",), "out-of-plane": ("r_a",)}.get(self.geometry, ())
        for name in dict.fromkeys((*STRIP, *self.told, *beside)):
            sigma = abs(truth[name]) * KNOWN[name]
            told[name] = Value(draw(truth[name], sigma), sigma, UNITS[name])
        told |= {"nm_side": int(self.cross.cross.nm_side), "current_convention": self.convention}
        return HarmonicHallSettings(geometry=self.geometry, **(told | more))

    def dataset(self, noise_V: np.ndarray | float) -> Dataset:
        """Return readings with this noise."""
        first, second = self.phasors_V + noise_V
        readings = {"x_1w": first.real, "y_1w": first.imag, "x_2w": second.real, "y_2w": second.imag}
        if self.spoiled is not None:
            self.spoiled(readings)
        return Dataset(self.columns | readings, {"current": self.cross.peak_A, "temperature": self.cross.stage_K})

    def lab(self, seed: int, **more: Any) -> Reduction:
        """Return what the lab with this number finds."""
        rng = np.random.default_rng([seed, len(self.geometry)])
        settings = self.settings(rng.normal, **more)
        parts = rng.normal(size=(2, *self.phasors_V.shape))
        return HarmonicHall().reduce([self.dataset(self.cross.noise_V * (parts[0] + 1j * parts[1]))], settings)

    def clean(self) -> Reduction:
        """Return what a lab without noise finds that is told the truth."""
        return HarmonicHall().reduce([self.dataset(0.0)], self.settings(lambda value, sigma: value))


def _grid(fields_T: np.ndarray, angles_deg: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.repeat(fields_T, len(angles_deg)), np.tile(angles_deg, len(fields_T))


def in_plane(cross: Cross, fields_T: np.ndarray, points: int = 24) -> Measured:
    """Return azimuth scans over a full turn."""
    field_T, angle_deg = _grid(fields_T, np.arange(points) * 360.0 / points)
    phasors_V = cross.phasors(field_T, np.full(field_T.shape, 90.0), angle_deg)
    return Measured(cross, "in-plane", {"field": field_T, "angle": angle_deg}, phasors_V, ("r_a", "mu0_meff"))


def out_of_plane(cross: Cross, fields_T: np.ndarray, points: int = 36) -> Measured:
    """Return polar scans over a full turn, beside the poles."""
    field_T, angle_deg = _grid(fields_T, 5.0 + np.arange(points) * 360.0 / points)
    phasors_V = cross.phasors(field_T, angle_deg, np.zeros(field_T.shape))
    return Measured(cross, "out-of-plane", {"field": field_T, "angle": angle_deg}, phasors_V, ("r_p",))


def low_field(cross: Cross, largest_T: float, points: int = 41) -> Measured:
    """Return sweeps along and across the current in both states of m_z."""
    one = np.linspace(-largest_T, largest_T, points)
    parts, phasors = [], []
    for state in (1.0, -1.0):
        for azimuth_deg in (0.0, 90.0):
            angle = np.full(points, azimuth_deg)
            parts.append({"field": one, "angle": angle, "state": np.full(points, state)})
            phasors.append(cross.phasors(one, np.full(points, 90.0), angle, up=state > 0))
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    told = ("r_p", "r_ane", "r_one")
    return Measured(cross, "low-field", columns, np.concatenate(phasors, axis=1), told)


def pulls(measured: Measured, labs: int, names: tuple[str, ...], **more: Any) -> dict[str, np.ndarray]:
    """Return the pulls (value - truth)/sigma of each name in labs 0 to N-1; NaN where it was not determined."""
    truth, found = measured.cross.truth(), {name: np.full(labs, np.nan) for name in names}
    for seed in range(labs):
        results = measured.lab(seed, **more).results
        for name in names:
            value = results[name]
            if value.value is not None:
                found[name][seed] = (value.value - truth[name]) / value.sigma
    return found


# --- mistakes


def _turned(measured: Measured, deg: float = 10.0) -> Measured:
    return replace(measured, phasors_V=measured.phasors_V * np.array([[1.0], [np.exp(1j * np.radians(deg))]]))


def _overloaded(readings: dict[str, np.ndarray], share: float = 0.2) -> None:
    """Let the second lock-in stand at the end of its range for its largest readings."""
    end_V = float(np.quantile(np.abs(readings["y_2w"]), 1 - share))
    for channel in ("x_2w", "y_2w"):
        readings[channel] = np.clip(readings[channel], -end_V, end_V)


#: By the word that a flag must begin with: how the readings of one lab become those of a lab that made the mistake.
MISTAKES = {
    "phase": lambda m: _turned(m),
    "wrong harmonic": lambda m: replace(m, phasors_V=m.phasors_V[[0, 0]]),
    "exchanged": lambda m: replace(m, phasors_V=m.phasors_V[::-1]),
    "overload": lambda m: replace(m, spoiled=_overloaded),
    "rms or peak": lambda m: replace(m, convention="rms"),
    "misaligned arms": lambda m: m.again(arm_admixture=0.06),
    "source distortion": lambda m: replace(
        m, phasors_V=m.phasors_V + np.stack([0 * m.phasors_V[0], 2e-4j * m.phasors_V[0]])
    ),
}


def flagged(measured: Measured, labs: int, **more: Any) -> list[tuple[str, ...]]:
    """Return the flags of labs 0 to N-1."""
    return [tuple(measured.lab(seed, **more).flags) for seed in range(labs)]


def rate(found: list[tuple[str, ...]], word: str) -> float:
    """Return in what part of the labs a flag begins with a word."""
    return float(np.mean([any(flag.startswith(word) for flag in flags) for flags in found]))
