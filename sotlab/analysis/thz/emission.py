"""The analysis ``thz``: emission by delay scan, of a sample against a reference.

All scans of the sample are averaged, and all of the reference; scans at +B and -B are separated into their odd and even
part first, and the odd part is what is compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from sotlab.analysis.harmonic_hall import not_determined
from sotlab.analysis.joint import number, spread
from sotlab.analysis.protocol import from_files, setting
from sotlab.analysis.thz.average import FEWEST, average_scans
from sotlab.analysis.thz.delay import delay_s as delay_of
from sotlab.analysis.thz.noise import noise_of_average
from sotlab.analysis.thz.parity import OddEven, odd_even
from sotlab.analysis.thz.ratio import band_power, field_ratio
from sotlab.analysis.thz.spectrum import Spectrum, dynamic_range, signal_to_noise, spectrum
from sotlab.analysis.thz.stack import impedance_ohm
from sotlab.analysis.thz.traces import Trace, TraceGrid, noise_from_quiet
from sotlab.analysis.values import LiveFit, Reduction, Value
from sotlab.errors import DataError, FitError, UsageError

__all__ = ["DelayScan", "THzEmission", "THzSettings"]

UNITS = {
    "ratio": "",
    "delay": "s",
    "power_ratio": "",
    "dynamic_range": "",
    "snr": "",
    "noise_alpha": "V",
    "noise_beta": "",
    "noise_tau": "s",
    "odd": "V",
    "even": "",
    "eta": "",
}
#: Steps of a delay axis that differ by more than this part are irregular.
REGULAR = 1e-3
#: The part before the pulse that counts as quiet: it may rise slowly.
QUIET = 0.6
#: A detection's cut-off is taken to lie below this part of the highest frequency.
FLOOR = 0.8
#: Spectra are listed up to this frequency [Hz].
LISTED_HZ = 5e12


@dataclass(frozen=True, eq=False)
class DelayScan:
    """One scan of the delay.

    Parameters
    ----------
    axis : (N,) float
        Delay [s], or position of the stage [m].
    by_position : bool
        Which of the two.
    signal_V : (N,) float
        Signal.
    field_T : float or None
        Field at the sample, with its sign.
    reference : bool
        Whether the file calls it one of the reference.
    name : str
        Where it comes from.
    simulated : bool
        True if virtual instruments measured it.
    """

    axis: np.ndarray
    by_position: bool
    signal_V: np.ndarray
    field_T: float | None
    reference: bool
    name: str
    simulated: bool


class THzSettings(BaseModel):
    """What the analysis must be told."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    reference: tuple[Any, ...] = from_files("Scans of the reference, as Co/Pt")
    dark: tuple[Any, ...] = from_files("Scans with the beam blocked, for the dynamic range")
    passes: int = setting(1, "How often the beam goes to the stage and back", ge=1, le=8)
    sign: Literal[1, -1, "1", "+1", "-1"] = setting(1, "+1 if a larger position is a later part of the trace")
    zero_position: float = setting(0.0, "Position of the stage at delay 0", "m")
    band_start: float = setting(0.3e12, "Lowest frequency of ratios", "Hz", gt=0)
    band_stop: float = setting(2.5e12, "Highest frequency of ratios", "Hz", gt=0)
    start: float | None = setting(None, "First delay that is used", "s")
    stop: float | None = setting(None, "Last delay that is used, before the first echo", "s")
    step: float | None = setting(None, "Of the grid that irregular delays are brought to", "s", gt=0)
    max_delay: float = setting(3e-12, "Largest delay of the sample against the reference", "s", gt=0)
    same_delay: bool = setting(False, "Whether both traces have the same delay")
    floor_start: float | None = setting(None, "Frequency above which there is no signal", "Hz", gt=0)
    absorptance: Value | None = setting(None, "Share of the pump that the sample absorbs, for eta")
    reference_absorptance: Value | None = setting(None, "Likewise of the reference")
    sheet_conductance: Value | None = setting(None, "Of the sample's metals at the band's middle, for eta", "S")
    reference_sheet_conductance: Value | None = setting(None, "Likewise of the reference", "S")
    substrate_index: Value | None = setting(None, "Of the sample's substrate at THz frequencies, for eta")
    reference_substrate_index: Value | None = setting(None, "Likewise of the reference")
    fluence_ratio: Value = setting(Value(1.0, 0.0, ""), "Fluence at the sample over that at the reference")


@dataclass(frozen=True)
class _Averaged:
    """All scans of a sample as one trace, with what they say of noise and parity."""

    trace: Trace
    parity: OddEven | None
    grid_s: np.ndarray
    scans_V: np.ndarray
    names: tuple[str, ...]
    noise: dict[str, Value]
    flags: tuple[str, ...]


class THzEmission:
    """The analysis ``thz``.

    ``field`` is the magnetic field at the sample, of which the sign counts; ``reference`` is 1 where a trace of the
    file is one of the reference.
    """

    kind: ClassVar[str] = "thz"
    title: ClassVar[str] = "THz emission"
    schema: ClassVar[int] = 1
    columns: ClassVar[dict[str, str]] = {"delay": "s", "position": "m", "signal": "V"}
    axes: ClassVar[dict[str, str]] = {"scan": "1", "field": "T", "reference": "1"}
    required: ClassVar[tuple[tuple[str, ...], ...]] = (("delay", "signal"), ("position", "signal"))
    settings: ClassVar[type[THzSettings]] = THzSettings

    def dataset(
        self, columns: Mapping[str, np.ndarray], axes: Mapping[str, float], *, name: str = "", simulated: bool = False
    ) -> DelayScan:
        """Return one scan, by delay if there is one.

        Raises
        ------
        DataError
            If there are fewer than 16 points with a number each.
        """
        by_position = "delay" not in columns
        axis = np.asarray(columns["position" if by_position else "delay"], float)
        signal = np.asarray(columns["signal"], float)
        good = np.isfinite(axis) & np.isfinite(signal)
        if np.count_nonzero(good) < 16:
            raise DataError(f"{name}: {np.count_nonzero(good)} points of a delay scan; 16 are the least")
        told = f"{name}, scan {axes['scan']:g}" if "scan" in axes else name
        field_T = axes.get("field")
        reference = bool(axes.get("reference", 0.0))
        return DelayScan(axis[good], by_position, signal[good], field_T, reference, told, simulated)

    def live(self, columns: Mapping[str, np.ndarray], settings: THzSettings) -> LiveFit | None:
        """Return the mean over the scans so far, odd in the field, and its largest value."""
        axis = columns["delay"] if "delay" in columns else columns["position"]
        sign = np.sign(columns["field"]) if "field" in columns else np.ones_like(axis)
        at, member, counts = np.unique(axis, return_inverse=True, return_counts=True)
        if len(at) < 4:
            return None
        sign = np.where(sign == 0, 1.0, sign)
        mean = np.bincount(member, sign * columns["signal"]) / counts
        top = int(np.argmax(np.abs(mean)))
        values = {"peak": Value(float(mean[top]), None, "V")}
        return LiveFit(values, axis, sign * mean[member], at, mean)

    def reduce(self, datasets: Sequence[DelayScan], settings: THzSettings | None = None) -> Reduction:
        """Average, separate and compare.

        Returns
        -------
        Reduction
            ``ratio`` (field of the sample over that of the reference, with sign), ``delay`` [s] (positive: the sample
            is later), ``power_ratio``, ``dynamic_range``, ``snr`` of the sample, ``noise_alpha`` [V], ``noise_beta``,
            ``noise_tau`` [s] of a single scan, ``odd`` [V] (the odd part at its largest), ``even`` (||even||/||odd||
            within the band), ``eta`` (conversion relative to the reference). ``scans``: sample and reference with
            ``frequency`` [Hz], ``amplitude``, ``sigma`` [V/Hz] and ``phase`` [rad], and each scan against the average
            of the reference.
        """
        settings = settings or THzSettings()
        band = _band(settings)
        references = [scan for scan in settings.reference if scan.reference] or list(settings.reference)
        samples = [scan for scan in datasets if not scan.reference] or list(datasets)
        if not references and any(not scan.reference for scan in datasets):
            references = [scan for scan in datasets if scan.reference]
        grid = _common_grid([*samples, *references], settings)
        sample = _averaged("sample", samples, grid, settings, band)
        results = {name: Value(None, None, unit) for name, unit in UNITS.items()}
        flags = list(sample.flags)
        rows = [_row("sample", sample.trace)]
        parts: list[Any] = [sample.trace]
        if references:
            reference = _averaged("reference", references, grid, settings, band)
            flags += [flag for flag in reference.flags if flag not in flags]
            rows.append(_row("reference", reference.trace))
            parts.append(reference.trace)
            flags += _compare(results, sample.trace, reference.trace, settings, band)
            rows += _each(sample, reference.trace, settings, band) + _each(reference, reference.trace, settings, band)
        else:
            why = "there is no reference; give --set reference=FILE"
            flags.append(not_determined("ratio, delay, power_ratio, eta", why))
        flags += self._own(results, sample, settings, band)
        everything = [*datasets, *settings.reference]
        told = settings.model_dump() | {"reference": list(dict.fromkeys(scan.name for scan in references))}
        return Reduction(
            self.kind,
            self.schema,
            results,
            rows,
            list(dict.fromkeys(flags)),
            any(scan.simulated for scan in everything),
            list(dict.fromkeys(scan.name for scan in datasets)),
            told,
            "scans",
            parts,
        )

    def _own(
        self, results: dict[str, Value], sample: _Averaged, settings: THzSettings, band: tuple[float, float]
    ) -> list[str]:
        """Fill in what the sample's scans say by themselves, and return why the rest is not said."""
        flags = []
        trace = sample.trace
        power, _, chance = band_power(trace, band)
        if power < 4 * chance:
            why = "no signal stands out within the band; is the beam open, the film magnetised, the delay right?"
            return [not_determined("dynamic_range, snr, odd, even, noise_alpha, noise_beta, noise_tau", why)]
        try:
            results["dynamic_range"] = _dynamic_range(trace, settings)
        except FitError as error:
            flags.append(not_determined("dynamic_range", str(error)))
        results["snr"] = signal_to_noise(trace, band) if len(sample.names) >= FEWEST else Value(None, None, "")
        if results["snr"].value is None:
            flags.append(not_determined("snr", f"{len(sample.names)} scans; repeat the scan, {FEWEST} times at least"))
        results |= sample.noise
        if sample.parity is None:
            flags.append(not_determined("odd, even", "two scans at +B and two at -B are needed; give the field"))
            return flags
        top = int(np.argmax(np.abs(trace.signal_V)))
        sigma = float(np.hypot(trace.sigma_V[top], trace.amplitude_sigma * trace.signal_V[top]))
        results["odd"] = Value.of(float(trace.signal_V[top]), sigma, "V")
        results["even"] = sample.parity.even_share
        return flags


def _band(settings: THzSettings) -> tuple[float, float]:
    if not settings.band_stop > settings.band_start:
        raise UsageError(
            f"band_stop {settings.band_stop / 1e12:g} THz must be above band_start {settings.band_start / 1e12:g} THz"
        )
    return settings.band_start, settings.band_stop


def _delays(scan: DelayScan, settings: THzSettings) -> np.ndarray:
    if not scan.by_position:
        return scan.axis
    return delay_of(scan.axis, passes=settings.passes, sign=int(settings.sign), zero_position_m=settings.zero_position)


def _common_grid(scans: Sequence[DelayScan], settings: THzSettings) -> np.ndarray:
    """Return the delays at which all scans are compared: their own where they are the same regular ones."""
    axes = [np.sort(_delays(scan, settings)) for scan in scans]
    first = axes[0]
    start = max(float(axis[0]) for axis in axes) if settings.start is None else settings.start
    stop = min(float(axis[-1]) for axis in axes) if settings.stop is None else settings.stop
    steps = [float(np.median(np.diff(axis)[np.diff(axis) > 0])) for axis in axes]
    step = settings.step or max(steps)
    if settings.step is None and all(_same(axis, first) for axis in axes) and _regular(first):
        inside = first[(first >= start - 1e-3 * step) & (first <= stop + 1e-3 * step)]
        if len(inside) >= 16:
            return inside
    count = int((stop - start) / step * (1 + 1e-9)) + 1
    if count < 16:
        raise DataError(
            f"{scans[0].name}: all scans together cover {max(stop - start, 0.0) * 1e12:.3g} ps in steps of"
            f" {step * 1e12:.3g} ps, {max(count, 0)} points; 16 are the least; are all delays in one unit?"
        )
    return start + step * np.arange(count)


def _same(axis: np.ndarray, other: np.ndarray) -> bool:
    return len(axis) == len(other) and bool(np.abs(axis - other).max() <= REGULAR * np.median(np.diff(other)))


def _regular(axis: np.ndarray) -> bool:
    steps = np.diff(axis)
    return bool((steps > 0).all() and np.ptp(steps) <= REGULAR * steps.mean())


def _on_grid(scan: DelayScan, grid_s: np.ndarray, settings: THzSettings) -> np.ndarray:
    """Return the scan on the grid; NaN where it has a gap."""
    delay = _delays(scan, settings)
    order = np.argsort(delay)
    delay, signal = delay[order], scan.signal_V[order]
    step = float(grid_s[1] - grid_s[0])
    inside = (delay >= grid_s[0] - REGULAR * step) & (delay <= grid_s[-1] + REGULAR * step)
    if _same(delay[inside], grid_s):
        return signal[inside]
    grid = TraceGrid(float(grid_s[0]), float(grid_s[-1]), step)
    grid.add(delay, signal)
    return grid.result()[0][: len(grid_s)]


def _averaged(
    which: str, scans: Sequence[DelayScan], grid_s: np.ndarray, settings: THzSettings, band: tuple[float, float]
) -> _Averaged:
    rows = np.stack([_on_grid(scan, grid_s, settings) for scan in scans])
    names = tuple(scan.name for scan in scans)
    whole = np.isfinite(rows).all(axis=1)
    if not whole.any():
        raise DataError(f"{names[0]}: gaps in the delay of every scan of the {which}; give a larger step")
    sign = np.sign([np.nan if scan.field_T is None else scan.field_T for scan in scans])
    flags: list[str] = []
    parity = None
    if np.count_nonzero(sign > 0) >= 2 and np.count_nonzero(sign < 0) >= 2:
        try:
            parity = odd_even(grid_s, rows, sign, names, band_Hz=band)
        except FitError as error:
            flags.append(f"{which}: {error}")
    both = np.where(sign < 0, -1.0, 1.0)[:, None] * rows
    noise = {name: Value(None, None, UNITS[name]) for name in ("noise_alpha", "noise_beta", "noise_tau")}
    why = ""
    if parity is not None:
        trace = replace(parity.odd, name=which)
        flags += [f"{which}: {flag}" for flag in parity.flags]
    elif len(rows) == 1:
        trace = _with_quiet_noise(Trace(grid_s, rows[0], np.zeros(len(grid_s)), name=which), flags)
    else:
        average = average_scans(grid_s, both, names)
        trace = replace(average.trace, name=which)
        flags += [f"{which}: {flag}" for flag in average.flags]
        if len(rows) < FEWEST:  # their scatter says less of the noise than the part before the pulse
            trace = _with_quiet_noise(trace, flags)
    if len(rows) >= 3:
        try:
            found = noise_of_average(average_scans(grid_s, both, names))
            noise = {name: getattr(found, name) for name in noise}
            flags += [f"{which}: {flag}" for flag in found.flags]
        except FitError as error:
            why = str(error)
    else:
        why = f"{len(rows)} scans of the {which}; repeat the scan, three times at least"
    if why and which == "sample":
        flags.append(not_determined(", ".join(noise), why))
    return _Averaged(trace, parity, grid_s, rows, names, noise, tuple(flags))


def _with_quiet_noise(trace: Trace, flags: list[str]) -> Trace:
    """Return the trace with the noise of its part before the pulse, or, without one, of its highest frequencies."""
    peak_s = float(trace.delay_s[int(np.argmax(np.abs(trace.signal_V)))])
    until_s = float(trace.delay_s[0]) + QUIET * (peak_s - float(trace.delay_s[0]))
    try:
        return noise_from_quiet(trace, until_s)
    except FitError:
        f = np.fft.rfftfreq(len(trace.delay_s), trace.step_s)
        high = np.abs(np.fft.rfft(trace.signal_V - trace.signal_V.mean())[f >= FLOOR * f[-1]]) ** 2
        sigma = float(np.sqrt(high.mean() / len(trace.delay_s)))
        flags.append(
            f"{trace.name}: hardly anything before the pulse: its noise is taken from the highest frequencies, as if it"
            " were white; start the scan earlier, or repeat it"
        )
        return replace(trace, sigma_V=np.full(len(trace.delay_s), sigma), correlation=np.ones(1))


def _compare(
    results: dict[str, Value], sample: Trace, reference: Trace, settings: THzSettings, band: tuple[float, float]
) -> list[str]:
    """Fill in the ratios, and return their flags."""
    try:
        found = _ratio(sample, reference, settings, band)
    except FitError as error:
        return [not_determined("ratio, delay, power_ratio, eta", str(error))]
    results |= {"ratio": found.ratio, "delay": found.delay, "power_ratio": found.power_ratio}
    flags = list(found.flags)
    if settings.same_delay:
        flags.append(not_determined("delay", "it was told to be the same"))
    results["eta"], said = _eta(found.ratio, settings)
    return flags + said


def _ratio(sample: Trace, reference: Trace, settings: THzSettings, band: tuple[float, float]) -> Any:
    return field_ratio(sample, reference, band_Hz=band, max_delay_s=settings.max_delay, same_delay=settings.same_delay)


def _eta(ratio: Value, settings: THzSettings) -> tuple[Value, list[str]]:
    """Return eta = (S/S_ref) (A_ref F_ref/(A F)) (Z_ref/Z), with Z = Z_0/(1 + n + Z_0 G)."""
    names = ("absorptance", "sheet_conductance", "substrate_index")
    needed = [*names, *(f"reference_{name}" for name in names)]
    lacking = [name for name in needed if getattr(settings, name) is None]
    nothing = Value(None, None, "")
    if len(lacking) == len(needed):
        why = "absorptance, sheet_conductance and substrate_index of sample and reference are needed"
        return nothing, [not_determined("eta", why)]
    if lacking:
        return nothing, [not_determined("eta", f"{', '.join(lacking)} {'is' if len(lacking) == 1 else 'are'} needed")]
    if ratio.value is None or ratio.sigma is None:
        return nothing, [not_determined("eta", "the ratio is not")]
    inputs = [getattr(settings, name) for name in needed] + [settings.fluence_ratio]

    def log_scale(p: np.ndarray) -> float:
        a, g, n, a_r, g_r, n_r, fluence = p
        z, z_r = (float(abs(impedance_ohm(gg, substrate_thz_n=nn))) for gg, nn in ((g, n), (g_r, n_r)))
        return float(np.log(a_r / a / fluence * z_r / z))

    nominal = np.array([number(value) for value in inputs])
    if not (nominal > 0).all():
        raise UsageError(f"eta: {', '.join(needed)} and fluence_ratio must be above 0")
    changes = [log_scale(nominal + d) - log_scale(nominal - d) for d in np.diag([spread(v) / 2 for v in inputs])]
    eta = number(ratio) * float(np.exp(log_scale(nominal)))
    relative = float(np.hypot(spread(ratio) / number(ratio), np.linalg.norm(changes)))
    return Value.of(eta, abs(eta) * relative, ""), []


def _dynamic_range(trace: Trace, settings: THzSettings) -> Value:
    found = spectrum(trace)
    top_Hz = float(found.frequency_Hz[-1])
    floor = (settings.floor_start or FLOOR * top_Hz, top_Hz)
    if not settings.dark:
        return dynamic_range(found, floor)
    dark = np.mean([_on_grid(scan, trace.delay_s, settings) for scan in settings.dark], axis=0)
    level = np.sqrt(len(settings.dark) / trace.scans)  # as if averaged over as many scans
    silent = spectrum(Trace(trace.delay_s, dark * level, trace.sigma_V, name="dark"))
    return dynamic_range(found, (settings.band_start, top_Hz), silent)


def _row(name: str, trace: Trace) -> dict[str, Any]:
    """Return an averaged trace's spectrum."""
    found: Spectrum = spectrum(trace, max_Hz=LISTED_HZ)
    return {
        "name": name,
        "scans": trace.scans,
        "resolution": found.resolution_Hz,
        "frequency": found.frequency_Hz,
        "amplitude": found.amplitude,
        "sigma": found.amplitude_sigma,
        "phase": found.phase,
        "flags": list(found.flags),
    }


def _each(
    averaged: _Averaged, reference: Trace, settings: THzSettings, band: tuple[float, float]
) -> list[dict[str, Any]]:
    """Return each scan against the reference's average: drift, and scans that do not belong."""
    rows = []
    for name, scan in zip(averaged.names, averaged.scans_V, strict=True):
        row: dict[str, Any] = {"name": name, "of": averaged.trace.name, "flags": []}
        row |= {key: Value(None, None, UNITS[key]) for key in ("ratio", "delay")}
        if len(averaged.names) > 1 and np.isfinite(scan).all():
            said: list[str] = []
            try:
                one = _with_quiet_noise(Trace(averaged.grid_s, scan, np.zeros(len(scan)), name=name), said)
                found = _ratio(one, reference, settings, band)
                row |= {"ratio": found.ratio, "delay": found.delay}
            except FitError as error:
                said = [str(error)]
            row["flags"] = said
        if len(averaged.names) > 1:
            rows.append(row)
    return rows
