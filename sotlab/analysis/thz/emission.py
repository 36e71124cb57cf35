"""The analysis ``thz``: emission by delay scan, of a sample against a reference.

All scans of the sample are averaged, and all of the reference; scans at +B and -B are separated into their odd and even
part first, and the odd part is what is compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from sotlab.analysis.harmonic_hall import not_determined
from sotlab.analysis.thz.average import FEWEST
from sotlab.analysis.thz.averaged import FLOOR, Averaged, averaged, with_quiet_noise
from sotlab.analysis.thz.delay_scans import DelayScan, THzSettings, at_one_power, common_grid, delay_scan, on_grid
from sotlab.analysis.thz.eta import eta_of
from sotlab.analysis.thz.live import LISTED_HZ, live_mean, spectra_of
from sotlab.analysis.thz.passes import fit_passes
from sotlab.analysis.thz.ratio import FieldRatio, band_power, field_ratio
from sotlab.analysis.thz.spectrum import Spectrum, dynamic_range, signal_to_noise, spectrum
from sotlab.analysis.thz.traces import Trace
from sotlab.analysis.values import Curve, LiveFit, Reduction, Value
from sotlab.errors import FitError, UsageError

__all__ = ["THzEmission"]

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


class THzEmission:
    """The analysis ``thz``.

    ``field`` is the magnetic field at the sample, of which the sign counts; ``reference`` is 1 where a trace of the
    file is one of the reference.
    """

    kind: ClassVar[str] = "thz"
    title: ClassVar[str] = "THz emission"
    schema: ClassVar[int] = 1
    columns: ClassVar[dict[str, str]] = {"delay": "s", "position": "m", "signal": "V", "power": "W"}
    axes: ClassVar[dict[str, str]] = {"scan": "1", "field": "T", "reference": "1", "rate": "1"}
    required: ClassVar[tuple[tuple[str, ...], ...]] = (("delay", "signal"), ("position", "signal"))
    takes_sample: ClassVar[bool] = True
    settings: ClassVar[type[THzSettings]] = THzSettings

    def dataset(
        self,
        columns: Mapping[str, np.ndarray],
        axes: Mapping[str, float],
        *,
        name: str = "",
        simulated: bool = False,
        sample: Mapping[str, Any] | None = None,
    ) -> DelayScan:
        """Return one scan, by delay if there is one.

        Raises
        ------
        DataError
            If there are fewer than 16 points with a number each.
        """
        return delay_scan(columns, axes, name=name, simulated=simulated, sample=sample)

    def live(self, columns: Mapping[str, np.ndarray], settings: THzSettings) -> LiveFit | None:
        """Return the mean over the scans so far, odd in the field, and its spectrum: :func:`live_mean`."""
        return live_mean(columns)

    def beside(self, rows: Sequence[Mapping[str, Any]]) -> Sequence[Curve]:
        """Return the spectra of sample and reference."""
        return spectra_of(rows)

    def reduce(self, datasets: Sequence[DelayScan], settings: THzSettings | None = None) -> Reduction:
        """Average, separate and compare.

        Returns
        -------
        Reduction
            ``ratio`` (field of the sample over that of the reference, with sign), ``delay`` [s] (positive: the sample
            is later), ``power_ratio``, ``dynamic_range``, ``snr`` of the sample, ``noise_alpha`` [V], ``noise_beta``,
            ``noise_tau`` [s] of a single scan, ``odd`` [V] (the odd part at its largest), ``even`` (||even||/||odd||
            within the band), ``eta`` (conversion relative to the reference); of passes on the fly ``lag`` [s],
            ``backlash`` [s] and ``overlap`` [s] (what is left between forwards and backwards). ``scans``: sample and
            reference with ``frequency`` [Hz], ``amplitude``, ``sigma`` [V/Hz] and ``phase`` [rad], and each scan
            against the average of the reference.
        """
        settings = settings or THzSettings()
        band = _band(settings)
        references = [scan for scan in settings.reference if scan.reference] or list(settings.reference)
        samples = [scan for scan in datasets if not scan.reference] or list(datasets)
        if not references and any(not scan.reference for scan in datasets):
            references = [scan for scan in datasets if scan.reference]
        both = at_one_power([*samples, *references])
        samples, references = both[: len(samples)], both[len(samples) :]
        grid = common_grid([*samples, *references], settings)
        results = {name: Value(None, None, unit) for name, unit in UNITS.items()}
        flags = []
        passes = None
        if any(scan.rate is not None for scan in [*samples, *references]):
            passes = fit_passes(references or samples, grid, settings)
            results |= {"lag": passes.lag, "backlash": passes.backlash, "overlap": passes.overlap}
            flags += list(passes.flags)
        sample = averaged("sample", samples, grid, settings, band, passes)
        flags += list(sample.flags)
        rows = [_row("sample", sample.trace)]
        parts: list[Any] = [sample.trace]
        if references:
            reference = averaged("reference", references, grid, settings, band, passes)
            flags += [flag for flag in reference.flags if flag not in flags]
            rows.append(_row("reference", reference.trace))
            parts.append(reference.trace)
            flags += _compare(results, sample.trace, reference.trace, settings, band)
            stacks = samples[0].sample, references[0].sample
            results["eta"], said, _ = eta_of(results["ratio"], settings, *stacks)
            flags += said
            rows += _each(sample, reference.trace, settings, band) + _each(reference, reference.trace, settings, band)
        else:
            why = "there is no reference; give --set reference=FILE"
            flags.append(not_determined("ratio, delay, power_ratio, eta", why))
        flags += self._own(results, sample, settings, band)
        beside = settings.reference
        made = Reduction.of(
            self, datasets, settings, results, rows, flags, beside=beside, rows_are="scans", parts=parts
        )
        return replace(made, settings=made.settings | {"reference": list(dict.fromkeys(s.name for s in references))})

    def _own(
        self, results: dict[str, Value], sample: Averaged, settings: THzSettings, band: tuple[float, float]
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
    return flags


def _ratio(sample: Trace, reference: Trace, settings: THzSettings, band: tuple[float, float]) -> FieldRatio:
    return field_ratio(sample, reference, band_Hz=band, max_delay_s=settings.max_delay, same_delay=settings.same_delay)


def _dynamic_range(trace: Trace, settings: THzSettings) -> Value:
    found = spectrum(trace)
    top_Hz = float(found.frequency_Hz[-1])
    floor = (settings.floor_start or FLOOR * top_Hz, top_Hz)
    if not settings.dark:
        return dynamic_range(found, floor)
    dark = np.mean([on_grid(scan, trace.delay_s, settings) for scan in settings.dark], axis=0)
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
    averaged: Averaged, reference: Trace, settings: THzSettings, band: tuple[float, float]
) -> list[dict[str, Any]]:
    """Return each scan against the reference's average: drift, and scans that do not belong."""
    rows = []
    for name, scan in zip(averaged.names, averaged.scans_V, strict=True):
        row: dict[str, Any] = {"name": name, "of": averaged.trace.name, "flags": []}
        row |= {key: Value(None, None, UNITS[key]) for key in ("ratio", "delay")}
        if len(averaged.names) > 1 and np.isfinite(scan).all():
            said: list[str] = []
            try:
                one = with_quiet_noise(Trace(averaged.grid_s, scan, np.zeros(len(scan)), name=name), said)
                found = _ratio(one, reference, settings, band)
                row |= {"ratio": found.ratio, "delay": found.delay}
            except FitError as error:
                said = [str(error)]
            row["flags"] = said
        if len(averaged.names) > 1:
            rows.append(row)
    return rows
