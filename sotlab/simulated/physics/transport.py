"""Dc transport of a strip with contacts: what a source and its meter see, and what kills the device.

A strip carries the current I, with the magnetisation at the angle phi from the current. Its resistance is

    R(phi, T) = R_0 [1 + a (T - T_0)] + dR cos(phi)^2        anisotropic magnetoresistance and temperature
    T         = T_bath + R_th I_rms^2 R                      Joule heating, in the steady state

so that, with b = a R_0 R_th, ``R = R(phi, T_bath) / (1 - b I_rms^2)``: nothing is iterated. Two contacts carry the
current and stand in series with the strip, two more only sense: they carry none, but their Johnson noise is seen.

References: T. McGuire and R. Potter, IEEE Trans. Magn. 11, 1018 (1975), eq. 3 (AMR); H. Nyquist, Phys. Rev. 32, 110
(1928), Johnson noise ``4 k T R``.
"""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass, fields, replace
from typing import Protocol

import numpy as np
from scipy.constants import k

from sotlab.errors import StationError
from sotlab.simulated.physics.detect import white_rms

__all__ = ["OPEN_OHM", "SourcedStrip", "Strip", "TransportBench", "Waveform"]

#: What a broken line still conducts: leakage of the board [ohm].
OPEN_OHM = 1e12

#: A strip whose resistance rises with temperature runs away at ``I^2 = 1/b``; it must break before that.
_RUNAWAY_MARGIN = 0.95


class TransportBench(Protocol):
    """What sources and meters ask of a bench; ``name`` is the device's name in the bench file.

    A bench may lack any of these: the device's terminals are then open.
    """

    def drive_current(self, name: str, t_s: float, current_A: float, limit_V: float) -> None:
        """Force a current, or as much of it as the voltage limit allows."""
        ...

    def drive_voltage(self, name: str, t_s: float, voltage_V: float, limit_A: float) -> None:
        """Force a voltage, or as much of it as the current limit allows."""
        ...

    def drive_current_wave(self, name: str, t_s: float, wave: Waveform, limit_V: float) -> None:
        """Force a current that changes in time, in ampere."""
        ...

    def drive_voltage_wave(self, name: str, t_s: float, wave: Waveform, output_ohm: float) -> None:
        """Apply a voltage that changes in time, in volt without load, behind an output resistance."""
        ...

    def terminal_voltage_V(self, name: str, start_s: float, stop_s: float, *, four_wires: bool) -> float:
        """Return the mean voltage at the sense (four wires) or force terminals over a window [V]."""
        ...

    def terminal_current_A(self, name: str, start_s: float, stop_s: float) -> float:
        """Return the mean current through the force terminals over a window [A]."""
        ...

    def in_compliance(self, name: str, t_s: float) -> bool:
        """Return whether the source stands at its limit."""
        ...


@dataclass(frozen=True)
class Waveform:
    """A periodic signal ``offset + amplitude u(f (t - start) + phase/360)``, u between -1 and +1, period 1.

    Parameters
    ----------
    shape : {"sine", "square", "ramp", "points", "dc"}
        u(0) is a rising zero crossing for the sine, the rising edge for the square, the lowest point for the ramp.
    amplitude : float
        Peak amplitude, in the unit of the signal.
    frequency_Hz : float
    offset : float
        Mean of a symmetric wave, in the unit of the signal.
    phase_deg : float
    duty : float
        Share of the period that the square is high, or that the ramp rises, 0 to 1.
    start_s, stop_s : float
        When it begins and ends; before and after that the signal is zero.
    points : tuple of float
        Of the shape "points": u steps through them, each as long as the others.
    """

    shape: str
    amplitude: float
    frequency_Hz: float
    offset: float = 0.0
    phase_deg: float = 0.0
    duty: float = 0.5
    start_s: float = -math.inf
    stop_s: float = math.inf
    points: tuple[float, ...] = ()

    def value(self, t_s: float) -> float:
        """Return the signal at a time."""
        if not self.start_s <= t_s < self.stop_s:
            return 0.0
        x = self._turns(t_s) % 1.0
        if self.shape == "sine":
            u = math.sin(2.0 * math.pi * x)
        elif self.shape == "square":
            u = 1.0 if x < self.duty else -1.0
        elif self.shape == "ramp":
            u = 2.0 * x / self.duty - 1.0 if x < self.duty else 1.0 - 2.0 * (x - self.duty) / (1.0 - self.duty)
        elif self.shape == "points":
            u = self.points[int(x * len(self.points))]
        else:
            u = 0.0
        return self.offset + self.amplitude * u

    def mean(self, start_s: float, stop_s: float) -> float:
        """Return the mean of the signal over a window, exactly."""
        first_s, last_s = max(start_s, self.start_s), min(stop_s, self.stop_s)
        if last_s <= first_s:
            return 0.0
        mean = 0.0
        if self.shape != "dc":
            first, last = self._turns(first_s), self._turns(last_s)
            mean = (self._primitive(last) - self._primitive(first)) / (last - first)
        return (self.offset + self.amplitude * mean) * (last_s - first_s) / (stop_s - start_s)

    @property
    def rms(self) -> float:
        """Return the rms value over whole periods."""
        square = {"sine": 0.5, "square": 1.0, "ramp": 1.0 / 3.0, "dc": 0.0}.get(self.shape)
        if square is None:
            square = sum(u * u for u in self.points) / len(self.points)
        total = self.offset**2 + 2.0 * self.offset * self.amplitude * self.symmetry + self.amplitude**2 * square
        return math.sqrt(max(total, 0.0))

    @property
    def symmetry(self) -> float:
        """Return the mean of u over a period."""
        if self.shape == "square":
            return 2.0 * self.duty - 1.0
        return sum(self.points) / len(self.points) if self.shape == "points" else 0.0

    @property
    def dc(self) -> float:
        """Return the mean over whole periods."""
        return self.offset + self.amplitude * self.symmetry

    def harmonic_rms(self, order: int) -> complex:
        """Return the rms phasor c of a harmonic: it is ``sqrt(2) Im[c exp(2 pi i n f (t - start))]``, n from 1."""
        turn = -2j * math.pi * order
        if self.shape == "sine":
            c = -0.5j if order == 1 else 0j
        elif self.shape == "square":
            c = 2.0 * (cmath.exp(turn * self.duty) - 1.0) / turn
        elif self.shape == "ramp" and self.duty in (0.0, 1.0):  # it jumps
            c = (2.0 * self.duty - 1.0) * 2.0 / turn
        elif self.shape == "ramp":  # two kinks
            kink = 2.0 / self.duty + 2.0 / (1.0 - self.duty)
            c = kink * (1.0 - cmath.exp(turn * self.duty)) / turn**2
        elif self.shape == "points":
            count = len(self.points)
            c = sum(u * cmath.exp(turn * k / count) for k, u in enumerate(self.points))
            c *= (cmath.exp(turn / count) - 1.0) / turn
        else:
            c = 0j
        return math.sqrt(2.0) * 1j * c * self.amplitude * cmath.exp(1j * order * math.radians(self.phase_deg))

    @property
    def peak(self) -> float:
        """Return the largest magnitude that the signal reaches."""
        return abs(self.offset) + (0.0 if self.shape == "dc" else abs(self.amplitude))

    def scaled(self, factor: float) -> Waveform:
        """Return the signal times a factor."""
        return replace(self, amplitude=self.amplitude * factor, offset=self.offset * factor)

    def _turns(self, t_s: float) -> float:
        origin_s = self.start_s if math.isfinite(self.start_s) else 0.0
        return self.frequency_Hz * (t_s - origin_s) + self.phase_deg / 360.0

    def _primitive(self, turns: float) -> float:
        """Return the integral of u from 0."""
        whole, x = divmod(turns, 1.0)
        duty = self.duty
        if self.shape == "sine":
            return (1.0 - math.cos(2.0 * math.pi * x)) / (2.0 * math.pi)
        if self.shape == "square":
            return whole * (2.0 * duty - 1.0) + min(x, duty) - max(x - duty, 0.0)
        if self.shape == "ramp":
            return x * x / duty - x if x < duty else (x - duty) - (x - duty) ** 2 / (1.0 - duty)
        if self.shape == "points":
            steps, part = divmod(x * len(self.points), 1.0)
            passed = sum(self.points[: int(steps)]) + part * self.points[min(int(steps), len(self.points) - 1)]
            return whole * self.symmetry + passed / len(self.points)
        return 0.0


@dataclass(frozen=True)
class Strip:
    """A strip and its contacts.

    Parameters
    ----------
    resistance_ohm : float
        R_0: of the strip at T_0 with the magnetisation across the current.
    amr_ohm : float
        dR: what is added with the magnetisation along the current.
    coefficient_per_K : float
        a: relative change of R_0 per kelvin; negative for a semiconductor such as BiSb.
    heating_K_per_W : float
        R_th: thermal resistance to the bath.
    reference_K : float
        T_0.
    width_m, thickness_m : float
        Cross section; only the current density depends on it.
    most_A_per_m2 : float
        Current density above which the strip dies.
    dead_ratio : float
        Resistance after that over the one before, above 1; infinite for a broken line.
    contact_ohm : float
        Each of the two contacts that carry the current.
    sense_contact_ohm : float
        Each of the two that sense.

    Raises
    ------
    StationError
        If a value is impossible, or the strip would run away thermally before it dies.
    """

    resistance_ohm: float
    amr_ohm: float = 0.0
    coefficient_per_K: float = 0.0
    heating_K_per_W: float = 0.0
    reference_K: float = 295.0
    width_m: float = 10e-6
    thickness_m: float = 10e-9
    most_A_per_m2: float = 5e11
    dead_ratio: float = math.inf
    contact_ohm: float = 0.0
    sense_contact_ohm: float = 0.0

    def __post_init__(self) -> None:
        positive = ("resistance_ohm", "reference_K", "width_m", "thickness_m", "most_A_per_m2")
        signed = ("coefficient_per_K", "amr_ohm")
        for field in fields(self):
            name, value = field.name, getattr(self, field.name)
            if math.isnan(value) or (math.isinf(value) and name != "dead_ratio"):
                raise StationError(f"strip: {name} is {value:g}, it must be finite")
            if name not in signed and (value < 0.0 or (value == 0.0 and name in positive)):
                raise StationError(
                    f"strip: {name} is {value:g}, it must be {'above 0' if name in positive else '0 or above'}"
                )
        if self.dead_ratio <= 1.0:
            raise StationError(f"strip: dead_ratio is {self.dead_ratio:g}, it must be above 1")
        feedback = self._feedback_per_A2 * self.most_A**2
        if feedback > _RUNAWAY_MARGIN:
            runaway_A = 1.0 / math.sqrt(self._feedback_per_A2)
            raise StationError(
                f"strip: it would run away thermally at {runaway_A:g} A but dies at {self.most_A:g} A only; "
                "lower most_A_per_m2 or heating_K_per_W"
            )

    @property
    def most_A(self) -> float:
        """Return the current above which the strip dies [A]."""
        return self.most_A_per_m2 * self.width_m * self.thickness_m

    @property
    def _feedback_per_A2(self) -> float:
        return self.coefficient_per_K * self.resistance_ohm * self.heating_K_per_W

    def cold_ohm(self, angle_deg: float, bath_K: float) -> float:
        """Return the strip's resistance without current, the magnetisation at an angle from the current [ohm]."""
        metal_ohm = self.resistance_ohm * (1.0 + self.coefficient_per_K * (bath_K - self.reference_K))
        return metal_ohm + self.amr_ohm * math.cos(math.radians(angle_deg)) ** 2

    def ohm(self, rms_A: float, angle_deg: float, bath_K: float) -> float:
        """Return the strip's resistance, heated by a current of so much rms [ohm]."""
        return self.cold_ohm(angle_deg, bath_K) / (1.0 - self._feedback_per_A2 * rms_A**2)

    def temperature_K(self, rms_A: float, angle_deg: float, bath_K: float) -> float:
        """Return the strip's temperature in the steady state [K]."""
        return bath_K + self.heating_K_per_W * rms_A**2 * self.ohm(rms_A, angle_deg, bath_K)

    def current_A(self, voltage_V: float, series_ohm: float, angle_deg: float, bath_K: float) -> float:
        """Return the smallest dc current at which strip and series resistance drop a voltage [A].

        ``V = I [R_s + R / (1 - b I^2)]`` is a cubic in I.
        """
        cold_ohm, b = self.cold_ohm(angle_deg, bath_K), self._feedback_per_A2
        ohmic_A = voltage_V / (series_ohm + cold_ohm)
        if b == 0.0 or voltage_V == 0.0:
            return ohmic_A
        size_V = abs(voltage_V)
        # In units of the ohmic current, so that the coefficients stay near 1.
        b_scaled = b * ohmic_A**2
        share = series_ohm / (series_ohm + cold_ohm)
        roots = np.roots([-share * b_scaled, b_scaled, 1.0, -1.0])
        real = roots[np.abs(roots.imag) < 1e-9 * np.maximum(1.0, np.abs(roots.real))].real
        positive = real[real > 0.0]
        return math.copysign(float(positive.min()) * size_V / (series_ohm + cold_ohm), voltage_V)


class SourcedStrip:
    """A strip on one source, with the meter's noise-free terminals; a bench has one for each device of this kind.

    Parameters
    ----------
    strip : Strip
    readings : numpy.random.Generator or None
        Draws the Johnson noise; None leaves it out.
    angle_deg : float
        Magnetisation from the current; a bench with a field sets it.
    bath_K : float
        Temperature of the bath; a bench with a cryostat sets it.
    """

    def __init__(
        self,
        strip: Strip,
        readings: np.random.Generator | None = None,
        *,
        angle_deg: float = 90.0,
        bath_K: float = 295.0,
    ) -> None:
        self.strip, self.angle_deg, self.bath_K = strip, angle_deg, bath_K
        self.died_s: float | None = None
        self._readings = readings
        self._wave = Waveform("dc", 0.0, 0.0)
        self._is_current = True
        self._limit = math.inf
        self._output_ohm = 0.0

    # what drives it

    def drive_current(self, t_s: float, current_A: float, limit_V: float = math.inf) -> None:
        """Force a current within a voltage limit."""
        self.drive_current_wave(t_s, Waveform("dc", 0.0, 0.0, current_A), limit_V)

    def drive_voltage(self, t_s: float, voltage_V: float, limit_A: float = math.inf) -> None:
        """Force a voltage within a current limit."""
        self._wave, self._is_current, self._limit = Waveform("dc", 0.0, 0.0, voltage_V), False, limit_A
        self._output_ohm = 0.0
        self._suffer(t_s)

    def drive_current_wave(self, t_s: float, wave: Waveform, limit_V: float = math.inf) -> None:
        """Force a current that changes in time; a limit that its peak exceeds scales all of it down."""
        self._wave, self._is_current, self._limit = wave, True, limit_V
        self._output_ohm = 0.0
        self._suffer(t_s)

    def drive_voltage_wave(self, t_s: float, wave: Waveform, output_ohm: float = 0.0) -> None:
        """Apply a voltage that changes in time behind an output resistance."""
        self._wave, self._is_current, self._limit = wave, False, math.inf
        self._output_ohm = output_ohm
        self._suffer(t_s)

    def _suffer(self, t_s: float) -> None:
        """Die if the peak current is too much."""
        if self.died_s is None and self._current().peak > self.strip.most_A:
            self.died_s = t_s

    # what is measured

    def resistance_ohm(self, rms_A: float = 0.0) -> float:
        """Return the resistance between the sense contacts [ohm]."""
        if self.died_s is None:
            return self.strip.ohm(rms_A, self.angle_deg, self.bath_K)
        return min(self.strip.cold_ohm(self.angle_deg, self.bath_K) * self.strip.dead_ratio, OPEN_OHM)

    def in_compliance(self, t_s: float) -> bool:
        """Return whether the source stands at its limit at a time."""
        asked = self._wave.peak if self._wave.start_s <= t_s < self._wave.stop_s else 0.0
        if asked == 0.0:
            return False
        current = self._current().peak
        return current < asked * (1.0 - 1e-9) if self._is_current else current >= self._limit * (1.0 - 1e-9)

    def current_A(self, start_s: float, stop_s: float) -> float:
        """Return the mean current over a window [A]."""
        return self._current().mean(start_s, stop_s)

    def voltage_V(self, start_s: float, stop_s: float, *, four_wires: bool = True) -> float:
        """Return the mean voltage over a window, with Johnson noise [V].

        Four wires see the strip, two also the contacts that carry the current.
        """
        wave = self._current()
        strip_ohm = self.resistance_ohm(wave.rms)
        seen_ohm = strip_ohm + (0.0 if four_wires else 2.0 * self.strip.contact_ohm)
        voltage_V = seen_ohm * wave.mean(start_s, stop_s)
        if self._readings is None:
            return voltage_V
        noisy_ohm = strip_ohm + 2.0 * (self.strip.sense_contact_ohm if four_wires else self.strip.contact_ohm)
        heated = self.died_s is None
        temperature_K = self.strip.temperature_K(wave.rms, self.angle_deg, self.bath_K) if heated else self.bath_K
        density = math.sqrt(4.0 * k * temperature_K * noisy_ohm)
        return voltage_V + white_rms(density, stop_s - start_s) * float(self._readings.standard_normal())

    def _current(self) -> Waveform:
        """Return the current that flows [A]."""
        wave, contacts_ohm = self._wave, 2.0 * self.strip.contact_ohm
        if wave.peak == 0.0:
            return wave
        if self._is_current:
            if self._dropped_V(wave.peak, contacts_ohm) <= self._limit:
                return wave
            return wave.scaled(self._allowed_A(self._limit, contacts_ohm) / wave.peak)
        allowed_A = self._allowed_A(wave.peak, contacts_ohm + self._output_ohm)
        return wave.scaled(min(allowed_A, self._limit) / wave.peak)

    def _dropped_V(self, current_A: float, series_ohm: float) -> float:
        if self.died_s is None and current_A > self.strip.most_A:
            current_A = self.strip.most_A  # it dies on the way up
        return current_A * (series_ohm + self.resistance_ohm(current_A))

    def _allowed_A(self, voltage_V: float, series_ohm: float) -> float:
        if self.died_s is None:
            return self.strip.current_A(voltage_V, series_ohm, self.angle_deg, self.bath_K)
        return voltage_V / (series_ohm + self.resistance_ohm())
