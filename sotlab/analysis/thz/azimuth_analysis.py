"""The analysis ``thz-azimuth``: odd and even part of the emission against an angle, by harmonics.

The harmonics are fitted at each delay, so that parts of different shapes in time are told apart; their size is that of
the band's power, the bias of noise removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from sotlab.analysis.harmonic_hall import not_determined
from sotlab.analysis.thz.average import align
from sotlab.analysis.thz.averaged import Averaged, averaged
from sotlab.analysis.thz.delay_scans import DelayScan, THzSettings, at_one_power, common_grid
from sotlab.analysis.thz.emission import THzEmission
from sotlab.analysis.thz.passes import fit_passes
from sotlab.analysis.thz.ratio import band_power
from sotlab.analysis.thz.traces import Trace, autocorrelation, slope_of
from sotlab.analysis.values import Reduction, Value
from sotlab.errors import DataError, UsageError

__all__ = ["THzAzimuth"]

#: Harmonics that are looked for.
ORDERS = 3
#: A signal that is smaller than this part of the largest is left at its delay.
ALIGNED = 0.2
#: A signal whose power in the band is so many times what chance makes is strong enough to align scans by.
STRONG = 1000.0


class THzAzimuth(THzEmission):
    """The analysis ``thz-azimuth``; ``angle`` is the sample's azimuth, or that of the field."""

    kind: ClassVar[str] = "thz-azimuth"
    title: ClassVar[str] = "THz emission against an angle"
    axes: ClassVar[dict[str, str]] = {**THzEmission.axes, "angle": "deg"}
    also_reads: ClassVar[tuple[str, ...]] = ("thz",)

    def reduce(self, datasets: Sequence[DelayScan], settings: THzSettings | None = None) -> Reduction:
        """Separate odd and even at each angle, and fit c0 + sum a_n cos(n phi) + b_n sin(n phi) to both.

        Returns
        -------
        Reduction
            ``odd_0`` [V] (the mean odd part at its largest), and, over the size of the largest odd component within
            the band, ``odd_1`` to ``odd_3`` and ``even_0`` to ``even_3``: sizes of the harmonics of n phi. Of an
            isotropic film that is turned all odd ones are 0 but the mean; as the field turns ``odd_1`` is all there is.
            ``scans``: each angle with ``odd``, ``even`` (over the largest odd component).

        Raises
        ------
        DataError
            If a scan has no angle.
        UsageError
            If there are fewer than two scans of each polarity at an angle.
        """
        settings = settings or THzSettings()
        band = (settings.band_start, settings.band_stop)
        scans = at_one_power(datasets)
        lacking = [scan.name for scan in scans if "angle" not in scan.axes]
        if lacking:
            raise DataError(f"{lacking[0]}: no angle is known; give --column angle=NAME:UNIT")
        grid_s = common_grid(scans, settings)
        angles_deg = list(dict.fromkeys(scan.axes["angle"] for scan in scans))
        at = {angle: [scan for scan in scans if scan.axes["angle"] == angle] for angle in angles_deg}
        passes = None
        if any(scan.rate is not None for scan in scans):  # by the angle with the largest signal: others may have none
            strongest = max(angles_deg, key=lambda angle: _size_V(at[angle]))
            passes = fit_passes(at[strongest], grid_s, settings)
        groups = [averaged(f"{angle:g} deg", at[angle], grid_s, settings, band, passes) for angle in angles_deg]
        pairs = _aligned([_parity(group, at[angle], band) for group, angle in zip(groups, angles_deg, strict=True)])
        flags = [] if passes is None else list(passes.flags)
        results = {"odd_0": Value(None, None, "V")}
        results |= {f"odd_{n}": Value(None, None, "") for n in range(1, ORDERS + 1)}
        results |= {f"even_{n}": Value(None, None, "") for n in range(ORDERS + 1)}
        weights = _weights(np.radians(angles_deg))
        if weights is None:
            why = f"{len(angles_deg)} angles; measure over the whole turn, at {2 * ORDERS + 2} angles or more"
            flags.append(not_determined(", ".join(results), why))
            largest = None
        else:
            largest = self._harmonics(results, flags, weights, pairs, band)
        rows = [
            _row(angle, group, pair, largest, band)
            for angle, group, pair in zip(angles_deg, groups, pairs, strict=True)
        ]
        return Reduction.of(
            self,
            scans,
            settings,
            results,
            rows,
            flags,
            rows_are="scans",
            parts=(),
        )

    def _harmonics(
        self,
        results: dict[str, Value],
        flags: list[str],
        weights: np.ndarray,
        pairs: Sequence[tuple[Trace, Trace]],
        band: tuple[float, float],
    ) -> float | None:
        """Fill in the sizes of all harmonics; return the power of the largest odd one."""
        odd, even = (
            [_combined(weights, [pair[part] for pair in pairs], k) for k in range(len(weights))] for part in (0, 1)
        )
        powers = {f"odd_{n}": _power(odd, n, band) for n in range(ORDERS + 1)}
        powers |= {f"even_{n}": _power(even, n, band) for n in range(ORDERS + 1)}
        top = max((f"odd_{n}" for n in range(ORDERS + 1)), key=lambda name: powers[name][0])
        strong, strong_sigma, noise = powers[top]
        if strong < 5 * noise:
            flags.append(not_determined(", ".join(results), "nothing odd stands out; is the beam open?"))
            return None
        if powers["odd_0"][0] > 4 * powers["odd_0"][2]:
            mean = odd[0]
            peak = int(np.argmax(np.abs(mean.signal_V)))
            unit = np.zeros(len(mean.signal_V))
            unit[peak] = 1.0
            results["odd_0"] = Value.of(float(mean.signal_V[peak]), float(np.sqrt(mean.variance_of(unit))), "V")
        else:
            flags.append(not_determined("odd_0", f"the odd part has no mean over the angles; {top} is the largest"))
        for name, (power, sigma, noise) in powers.items():
            if name == "odd_0":
                continue
            if power < 4 * noise:
                limit = float(np.sqrt((max(power, 0) + 1.645 * noise) / strong))
                flags.append(not_determined(name, f"nothing stands out: below {limit:.2g} (95 %)"))
                continue
            share = float(np.sqrt(power / strong))
            relative = 0.0 if name == top else np.hypot(sigma / power, strong_sigma / strong) / 2
            results[name] = Value.of(share, share * float(relative), "")
        return strong


def _size_V(scans: Sequence[DelayScan]) -> float:
    """Return the rms of scans at one angle [V]."""
    return float(np.sqrt(np.mean([np.var(scan.signal_V) for scan in scans])))


def _parity(group: Averaged, scans: Sequence[DelayScan], band: tuple[float, float]) -> tuple[Trace, Trace]:
    """Return odd and even part at one angle: of aligned scans, or, where a signal is too weak to align by, as they are.

    Raises
    ------
    UsageError
        If there are fewer than two scans of each polarity.
    """
    if group.parity is not None:
        power, _, noise = band_power(group.parity.odd, band)
        if power > STRONG * noise:
            return group.parity.odd, group.parity.even
    sign = np.sign([scan.field_T or 0.0 for scan in scans])
    rows = group.scans_V
    whole = np.isfinite(rows).all(axis=1)
    up, down = rows[whole & (sign > 0)], rows[whole & (sign < 0)]
    if min(len(up), len(down)) < 2:
        raise UsageError(f"{group.trace.name}: two scans at +B and two at -B are needed at each angle; give the field")
    residual = np.concatenate([side - side.mean(axis=0) for side in (up, down)])
    variance = float((residual**2).sum() / (len(residual) - 2) / residual.shape[1])
    sigma = np.full(residual.shape[1], np.sqrt(variance * (1 / len(up) + 1 / len(down))) / 2)
    correlation = autocorrelation(residual / np.sqrt(variance)) if variance > 0 else np.ones(1)
    parts = (up.mean(axis=0) - down.mean(axis=0)) / 2, (up.mean(axis=0) + down.mean(axis=0)) / 2
    odd, even = (Trace(group.grid_s, part, sigma, correlation, scans=len(residual)) for part in parts)
    return odd, even


def _aligned(pairs: Sequence[tuple[Trace, Trace]]) -> list[tuple[Trace, Trace]]:
    """Return the pairs at the delay of the strongest odd part: pump and probe drift against each other meanwhile."""
    odd = np.stack([pair[0].signal_V for pair in pairs])
    strongest = int(np.argmax(np.sum(odd**2, axis=1)))
    found = align(odd, pairs[0][0].step_s, odd[strongest])
    aligned = []
    for k, pair in enumerate(pairs):
        if abs(found.amplitude[k]) < ALIGNED or not np.isfinite(found.delay_s[k]):
            aligned.append(pair)
            continue
        moved = [replace(trace, signal_V=_earlier(trace, float(found.delay_s[k]))) for trace in pair]
        aligned.append((replace(moved[0], delay_sigma_s=0.0), moved[1]))
    return aligned


def _earlier(trace: Trace, by_s: float) -> np.ndarray:
    n = len(trace.signal_V)
    turned = np.fft.rfft(trace.signal_V) * np.exp(2j * np.pi * np.fft.rfftfreq(n, trace.step_s) * by_s)
    return np.fft.irfft(turned, n)


def _weights(angle_rad: np.ndarray) -> np.ndarray | None:
    """Return what makes coefficients (2 n + 1, M) of values at angles: mean, cosines, sines; None if undetermined."""
    n = np.arange(1, ORDERS + 1)[:, None]
    design = np.concatenate([np.ones((1, len(angle_rad))), np.cos(n * angle_rad), np.sin(n * angle_rad)])
    if len(angle_rad) < len(design) + 1 or np.linalg.cond(design) > 1e3:
        return None
    return np.linalg.pinv(design.T)


def _combined(weights: np.ndarray, traces: Sequence[Trace], k: int) -> Trace:
    """Return coefficient k as a trace, with the noise of all traces that it is made of."""
    w = weights[k]
    modes = []
    for factor, trace in zip(w, traces, strict=True):
        modes += [factor * mode for mode in trace.modes]
        if trace.amplitude_sigma:
            modes.append(factor * trace.amplitude_sigma * trace.signal_V)
        if trace.delay_sigma_s:
            modes.append(factor * trace.delay_sigma_s * slope_of(trace.signal_V, trace.step_s))
    sigma = np.sqrt(sum((factor * trace.sigma_V) ** 2 for factor, trace in zip(w, traces, strict=True)))
    length = max(len(trace.correlation) for trace in traces)
    padded = [np.pad(trace.correlation, (0, length - len(trace.correlation))) for trace in traces]
    return Trace(
        traces[0].delay_s,
        sum(factor * trace.signal_V for factor, trace in zip(w, traces, strict=True)),  # type: ignore[arg-type]
        sigma,
        np.mean(padded, axis=0),
        modes=np.array(modes) if modes else np.zeros((0, 0)),
    )


def _power(coefficients: Sequence[Trace], n: int, band: tuple[float, float]) -> tuple[float, float, float]:
    """Return power, sigma and sigma without a signal of harmonic n."""
    parts = [band_power(coefficients[k], band) for k in ([0] if n == 0 else [n, ORDERS + n])]
    power, sigma, noise = (np.array(column) for column in zip(*parts, strict=True))
    return float(power.sum()), float(np.hypot.reduce(sigma)), float(np.hypot.reduce(noise))


def _row(
    angle_deg: float,
    group: Averaged,
    pair: tuple[Trace, Trace],
    largest: float | None,
    band: tuple[float, float],
) -> dict[str, Any]:
    """Return what one angle's scans say."""
    row: dict[str, Any] = {"name": f"{angle_deg:g} deg", "angle": angle_deg, "scans": group.trace.scans}
    for part, trace in zip(("odd", "even"), pair, strict=True):
        power, sigma, noise = band_power(trace, band)
        value = Value(None, None, "")
        if largest is not None and power > 4 * noise:
            share = float(np.sqrt(power / largest))
            value = Value.of(share, share * sigma / power / 2, "")
        row[part] = value
    own = (flag.removeprefix(f"{group.trace.name}: ") for flag in group.flags)
    return row | {"flags": [flag for flag in own if not flag.startswith(("noise_", "even"))]}
