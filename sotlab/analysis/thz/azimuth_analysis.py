"""The analysis ``thz-azimuth``: odd and even part of the emission against an angle, by harmonics.

The harmonics are fitted at each delay, so that parts of different shapes in time are told apart; their size is that of
the band's power, the bias of noise removed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from sotlab.analysis.harmonic_hall import not_determined
from sotlab.analysis.thz.averaged import Averaged, averaged
from sotlab.analysis.thz.delay_scans import DelayScan, THzSettings, at_one_power, common_grid
from sotlab.analysis.thz.emission import THzEmission
from sotlab.analysis.thz.passes import fit_passes
from sotlab.analysis.thz.ratio import band_power
from sotlab.analysis.thz.traces import Trace
from sotlab.analysis.values import Reduction, Value
from sotlab.errors import DataError, UsageError

__all__ = ["THzAzimuth"]

#: Harmonics that are looked for.
ORDERS = 3


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
        passes = fit_passes(scans, grid_s, settings) if any(scan.rate is not None for scan in scans) else None
        angles_deg = list(dict.fromkeys(scan.axes["angle"] for scan in scans))
        groups = [
            averaged(f"{angle:g} deg", [s for s in scans if s.axes["angle"] == angle], grid_s, settings, band, passes)
            for angle in angles_deg
        ]
        flags = [] if passes is None else list(passes.flags)
        results = {"odd_0": Value(None, None, "V")}
        results |= {f"odd_{n}": Value(None, None, "") for n in range(1, ORDERS + 1)}
        results |= {f"even_{n}": Value(None, None, "") for n in range(ORDERS + 1)}
        without = [group.trace.name for group in groups if group.parity is None]
        if without:
            raise UsageError(f"{without[0]}: two scans at +B and two at -B are needed at each angle; give the field")
        weights = _weights(np.radians(angles_deg))
        if weights is None:
            why = f"{len(angles_deg)} angles; measure over the whole turn, at {2 * ORDERS + 2} angles or more"
            flags.append(not_determined(", ".join(results), why))
            largest = None
        else:
            largest = self._harmonics(results, flags, weights, groups, band)
        rows = [_row(angle, group, largest, band) for angle, group in zip(angles_deg, groups, strict=True)]
        return Reduction(
            self.kind,
            self.schema,
            results,
            rows,
            list(dict.fromkeys(flags)),
            any(scan.simulated for scan in scans),
            list(dict.fromkeys(scan.name for scan in scans)),
            settings.model_dump(),
            "scans",
            (),
        )

    def _harmonics(
        self,
        results: dict[str, Value],
        flags: list[str],
        weights: np.ndarray,
        groups: Sequence[Averaged],
        band: tuple[float, float],
    ) -> float | None:
        """Fill in the sizes of all harmonics; return the power of the largest odd one."""
        odd, even = (
            [_combined(weights, [getattr(group.parity, part) for group in groups], k) for k in range(len(weights))]
            for part in ("odd", "even")
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
            modes.append(factor * trace.delay_sigma_s * np.gradient(trace.signal_V, trace.step_s))
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


def _row(angle_deg: float, group: Averaged, largest: float | None, band: tuple[float, float]) -> dict[str, Any]:
    """Return what one angle's scans say."""
    row: dict[str, Any] = {"name": f"{angle_deg:g} deg", "angle": angle_deg, "scans": group.trace.scans}
    for part in ("odd", "even"):
        power, sigma, noise = band_power(getattr(group.parity, part), band)
        value = Value(None, None, "")
        if largest is not None and power > 4 * noise:
            share = float(np.sqrt(power / largest))
            value = Value.of(share, share * sigma / power / 2, "")
        row[part] = value
    return row | {"flags": list(group.flags)}
