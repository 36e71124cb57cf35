"""What a vector network analyser sees: its own errors, cables, connectors, and a strip or a standard at the end.

The chain, each link a two-port and the whole their cascade, is

    error box 1 - cable - (plane A) - arm - connector - device - connector - arm - cable - error box 2.

The arm is what stands between plane A and the device: switch, bias tee and probe. A standard may stand at plane A too,
in place of the arm and all beyond it. An error box holds directivity, source match and tracking of an analyser that was
not calibrated; since it is a two-port in front of the device, three known standards take it out, cable included.

All quantities are for 50 ohm and the time factor ``exp(+j w t)``: a delay makes the phase fall with frequency.

References: D. M. Pozar, Microwave Engineering, 4th ed. (Wiley, 2012), sections 2.7, 4.3 and 4.4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sotlab.errors import StationError

__all__ = ["DEVICES", "PLANES", "Network", "NetworkSpec", "TwoPort", "cascade"]

Complex = NDArray[np.complex128]

#: Characteristic impedance of the line [ohm].
Z0_OHM = 50.0

#: What can be at the end of the cables: the strip, or a standard on both of them.
DEVICES = ("strip", "open", "short", "load", "thru")
#: Where it can be: under the probe, or at plane A, where the arm is taken off.
PLANES = ("tip", "A")
#: What a broken contact still conducts [ohm].
OPEN_OHM = 1e12


class TwoPort(NamedTuple):
    """Scattering parameters of a two-port, each of shape (N,)."""

    s11: Complex
    s12: Complex
    s21: Complex
    s22: Complex


def cascade(first: TwoPort, second: TwoPort) -> TwoPort:
    """Connect port 2 of the first to port 1 of the second.

    ``S11 = A11 + A12 B11 A21 / (1 - A22 B11)`` and ``S21 = A21 B21 / (1 - A22 B11)``, the others by symmetry.
    """
    echo = 1.0 / (1.0 - first.s22 * second.s11)
    return TwoPort(
        first.s11 + first.s12 * second.s11 * first.s21 * echo,
        first.s12 * second.s12 * echo,
        first.s21 * second.s21 * echo,
        second.s22 + second.s21 * first.s22 * second.s12 * echo,
    )


def series(impedance_ohm: NDArray[np.complexfloating]) -> TwoPort:
    """Return the two-port of an impedance in series: ``S11 = Z/(Z + 2 Z0)``, ``S21 = 2 Z0/(Z + 2 Z0)``."""
    reflected = impedance_ohm / (impedance_ohm + 2 * Z0_OHM)
    return TwoPort(reflected, 1 - reflected, 1 - reflected, reflected)


def shunt(admittance_S: Complex) -> TwoPort:
    """Return the two-port of an admittance to ground: ``S11 = -Y Z0/(2 + Y Z0)``, ``S21 = 2/(2 + Y Z0)``."""
    reflected = -admittance_S * Z0_OHM / (2 + admittance_S * Z0_OHM)
    return TwoPort(reflected, 1 + reflected, 1 + reflected, reflected)


@dataclass(frozen=True)
class NetworkSpec:
    """The chain's values; a perfect analyser has its errors 0, one with ``noise=False`` neither noise nor drift.

    Attributes
    ----------
    resistance_ohm, contact_ohm : float
        Strip between its contacts, and both contacts together [ohm].
    inductance_H, pad_F : float
        Of the strip in series [H], of each pad to ground [F].
    strip_ends_line : bool
        True: the strip's far side is ground, as under a ground-signal-ground probe. False: it is port 2.
    skin_loss_dB, delay_s : float
        Of each cable: loss at 1 GHz, growing as sqrt(f) [dB], and delay [s].
    arm_fixed_loss_dB, arm_skin_loss_dB, arm_delay_s : float
        Of each arm: loss at any frequency, loss at 1 GHz that grows as sqrt(f) [dB], and delay [s].
    repeatability_H : float
        Standard deviation of the inductance in series that a connector has each time it is made [H].
    directivity_dB, match_dB, tracking_dB : float
        Errors of both ports: leak and match as levels [dB], inf for none; deviation of the tracking from 0 dB [dB].
    floor_dBm_per_Hz, trace_noise_dB : float
        Receiver noise in 1 Hz [dBm], and rms noise in proportion to the signal in 1 kHz [dB].
    drift_dB_per_h, drift_s_per_h : float
        Standard deviations of the rates at which each cable's loss and delay drift, drawn once [dB/h, s/h].
    """

    resistance_ohm: float = 100.0
    contact_ohm: float = 2.0
    inductance_H: float = 30e-12
    pad_F: float = 20e-15
    strip_ends_line: bool = True
    skin_loss_dB: float = 0.6
    delay_s: float = 4e-9
    arm_fixed_loss_dB: float = 0.0
    arm_skin_loss_dB: float = 0.0
    arm_delay_s: float = 0.0
    repeatability_H: float = 2e-12
    directivity_dB: float = 22.0
    match_dB: float = 18.0
    tracking_dB: float = 0.5
    floor_dBm_per_Hz: float = -130.0
    trace_noise_dB: float = 0.003
    drift_dB_per_h: float = 0.01
    drift_s_per_h: float = 20e-15

    def __post_init__(self) -> None:
        if not self.resistance_ohm + self.contact_ohm >= 0.0:
            raise StationError(
                f"network: strip of {self.resistance_ohm:g} ohm with {self.contact_ohm:g} ohm of contacts asked, "
                "allowed is 0 ohm or above; mend the lab section of the bench file"
            )


class Network:
    """The chain between the analyser's receivers and the device.

    Parameters
    ----------
    spec : NetworkSpec
        Its values.
    stream : numpy.random.Generator or None
        Draws noise, connectors and drift; None for a chain without any of them.

    Attributes
    ----------
    routed : bool
        Whether the analyser's cable leads to the arm; otherwise it ends open, at plane A.
    contact_open : bool
        Whether the strip's contact has opened.
    loose_H, loose_dB : float
        Inductance in series and loss that a loose connector at the arm's entry adds [H], [dB].
    """

    def __init__(self, spec: NetworkSpec, stream: np.random.Generator | None = None):
        self.spec, self._stream = spec, stream
        rates = np.zeros((2, 2)) if stream is None else stream.normal(size=(2, 2))
        self._drift_dB_per_s, self._drift_s_per_s = (
            rates * np.array([spec.drift_dB_per_h, spec.drift_s_per_h])[:, np.newaxis] / 3600
        )
        self.routed, self.contact_open = True, False
        self.loose_H = self.loose_dB = 0.0
        self.connect("strip")

    def connect(self, device: str, plane: str = "tip") -> None:
        """Put a device at the end of the cables; its connectors are made anew, so that they differ a little.

        Parameters
        ----------
        device : {"strip", "open", "short", "load", "thru"}
        plane : {"tip", "A"}
            Where a standard goes; the strip is always at the tip.

        Raises
        ------
        StationError
            If there is no such device or plane.
        """
        if device not in DEVICES:
            raise StationError(f"network: device '{device}' asked, allowed are {', '.join(DEVICES)}")
        if plane not in PLANES or (device == "strip" and plane != "tip"):
            raise StationError(f"network: {device} at plane '{plane}' asked, allowed are tip, and A for a standard")
        self.device, self.plane = device, plane
        self.reconnect()

    def reconnect(self) -> None:
        """Make the connectors anew: each time their inductance is another."""
        spread_H = self.spec.repeatability_H
        self._connectors_H = np.zeros(2) if self._stream is None else self._stream.normal(0.0, spread_H, 2)

    def device_parameters(self, frequency_Hz: NDArray[np.float64]) -> TwoPort:
        """Return the S-parameters of what is at the end of the cables: what a calibrated analyser shows."""
        spec, omega = self.spec, 2j * np.pi * np.asarray(frequency_Hz, dtype=float)
        nothing = np.zeros_like(omega)
        ends = {"open": 1.0, "short": -1.0, "load": 0.0}
        if self.device in ends:
            return TwoPort(nothing + ends[self.device], nothing, nothing, nothing + ends[self.device])
        if self.device == "thru":
            return TwoPort(nothing, nothing + 1, nothing + 1, nothing)
        pad, strip = shunt(omega * spec.pad_F), series(self._strip_ohm(omega))
        if spec.strip_ends_line:
            ground = TwoPort(nothing - 1, nothing, nothing, nothing)
            return cascade(cascade(pad, strip), ground)
        return cascade(cascade(pad, strip), pad)

    def _strip_ohm(self, omega: Complex) -> Complex:
        """Return the impedance of strip and contacts at ``omega`` = j w [ohm]."""
        spec = self.spec
        resistance_ohm = spec.resistance_ohm + spec.contact_ohm + (OPEN_OHM if self.contact_open else 0.0)
        return resistance_ohm + omega * spec.inductance_H

    def arm(self, frequency_Hz: NDArray[np.float64], number: int = 0) -> TwoPort:
        """Return the two-port from plane A to the device, with the connector before it."""
        spec, omega = self.spec, 2j * np.pi * frequency_Hz
        loss_dB = spec.arm_fixed_loss_dB + spec.arm_skin_loss_dB * np.sqrt(frequency_Hz / 1e9)
        line = _line(frequency_Hz, loss_dB + (self.loose_dB if number == 0 else 0.0), spec.arm_delay_s)
        connector = series(omega * float(self._connectors_H[number]))
        if number == 0 and self.loose_H:
            line = cascade(series(omega * self.loose_H), line)
        return cascade(line, connector)

    def current_A_per_rtW(self, frequency_Hz: float) -> float:
        """Return the rms current in the strip for a wave of 1 W that arrives at plane A from a matched source.

        The wave that arrives at the device is ``s21/(1 - s22 Gamma)`` of it, its voltage ``sqrt(Z0) (1 + Gamma)``
        times that, and the strip carries that voltage over its impedance: for a strip that ends a lossless line
        ``I = 2 sqrt(P Z0)/(R + Z0)``.
        """
        if self.device != "strip":
            return 0.0
        frequency = np.array([frequency_Hz])
        arm, gamma = self.arm(frequency), self.device_parameters(frequency).s11
        voltage_V = np.sqrt(Z0_OHM) * (1 + gamma) * arm.s21 / (1 - arm.s22 * gamma)
        omega = 2j * np.pi * frequency
        far_ohm = 0.0 if self.spec.strip_ends_line else 1 / (1 / Z0_OHM + omega * self.spec.pad_F)
        return float(np.abs(voltage_V / (self._strip_ohm(omega) + far_ohm))[0])

    def raw_parameters(self, frequency_Hz: NDArray[np.float64], time_s: float) -> TwoPort:
        """Return what the uncalibrated analyser shows at a bench time [s], without noise."""
        frequency_Hz = np.asarray(frequency_Hz, dtype=float)
        near = cascade(self._error_box(frequency_Hz), self._cable(frequency_Hz, time_s, 0))
        far = cascade(self._error_box(frequency_Hz), self._cable(frequency_Hz, time_s, 1))
        if self.plane == "A":
            omega = 2j * np.pi * frequency_Hz
            near, far = (
                cascade(side, series(omega * inductance_H))
                for side, inductance_H in zip((near, far), self._connectors_H.tolist(), strict=True)
            )
        elif not self.routed:
            nothing = np.zeros_like(near.s11)
            open_end = TwoPort(nothing + 1, nothing, nothing, nothing)
            return TwoPort(cascade(near, open_end).s11, nothing, nothing, cascade(far, open_end).s11)
        else:
            near, far = cascade(near, self.arm(frequency_Hz, 0)), cascade(far, self.arm(frequency_Hz, 1))
        far = TwoPort(far.s22, far.s21, far.s12, far.s11)  # seen from the device
        return cascade(cascade(near, self.device_parameters(frequency_Hz)), far)

    def measure(
        self,
        frequency_Hz: NDArray[np.float64],
        time_s: float,
        *,
        power_dBm: float,
        bandwidth_Hz: float,
        averages: int = 1,
        on: bool = True,
    ) -> Complex:
        """Return one sweep of an uncalibrated analyser.

        The noise of each quadrature has the variance
        ``(10^((floor - power)/10) B + |S|^2 t^2 B/1 kHz) / 2 n`` for ``B`` the IF bandwidth and ``n`` the averages.

        Parameters
        ----------
        frequency_Hz : (N,) float
            Frequencies [Hz].
        time_s : float
            Bench time [s], for the drift.
        power_dBm, bandwidth_Hz : float
            Source power at the port [dBm] and IF bandwidth [Hz].
        averages : int
            Sweeps averaged.
        on : bool
            Whether the source is on; without it there is noise alone.

        Returns
        -------
        (2, 2, N) complex
            S11, S12; S21, S22.
        """
        raw = np.stack(self.raw_parameters(frequency_Hz, time_s)) * on
        if self._stream is not None:
            relative = (10 ** (self.spec.trace_noise_dB / 20) - 1) ** 2 * bandwidth_Hz / 1e3
            floor = 10 ** ((self.spec.floor_dBm_per_Hz - power_dBm) / 10) * bandwidth_Hz
            sigma = np.sqrt((floor + np.abs(raw) ** 2 * relative) / (2 * averages))
            quadratures = self._stream.normal(size=(2, *raw.shape))
            raw = raw + sigma * (quadratures[0] + 1j * quadratures[1])
        return raw.reshape(2, 2, -1)

    def _cable(self, frequency_Hz: NDArray[np.float64], time_s: float, number: int) -> TwoPort:
        """Return a matched line with skin-effect loss and delay, both drifting."""
        loss_dB = self.spec.skin_loss_dB * np.sqrt(frequency_Hz / 1e9) + self._drift_dB_per_s[number] * time_s
        return _line(frequency_Hz, loss_dB, self.spec.delay_s + self._drift_s_per_s[number] * time_s)

    def _error_box(self, frequency_Hz: NDArray[np.float64]) -> TwoPort:
        """Return directivity (S11), tracking (S12 S21) and match (S22) of a port, each with a delay of its own."""
        spec = self.spec

        def turning(level_dB: float | NDArray[np.float64], delay_s: float) -> Complex:
            return np.asarray(10 ** (-level_dB / 20) * np.exp(-2j * np.pi * frequency_Hz * delay_s), dtype=complex)

        tracking_dB = spec.tracking_dB * np.sin(2 * np.pi * frequency_Hz * 0.11e-9)
        through = turning(tracking_dB / 2, 60e-12)
        return TwoPort(turning(spec.directivity_dB, 0.2e-9), through, through, turning(spec.match_dB, 0.15e-9))


def _line(frequency_Hz: NDArray[np.float64], loss_dB: NDArray[np.float64], delay_s: float) -> TwoPort:
    """Return the two-port of a matched line."""
    through = np.asarray(10 ** (-loss_dB / 20) * np.exp(-2j * np.pi * frequency_Hz * delay_s), dtype=complex)
    nothing = np.zeros_like(through)
    return TwoPort(nothing, through, through, nothing)
