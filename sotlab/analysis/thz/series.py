"""The analysis ``thz-series``: several samples against one reference that was measured in between.

Efficiencies of all samples, with the errors that they share, and the constant against the bulk's dependence on the
thickness.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from sotlab.analysis.harmonic_hall import not_determined
from sotlab.analysis.protocol import setting
from sotlab.analysis.thz.averaged import averaged
from sotlab.analysis.thz.delay_scans import DelayScan, THzSettings, at_one_power, common_grid
from sotlab.analysis.thz.emission import THzEmission
from sotlab.analysis.thz.eta import emitter_of, has_optics
from sotlab.analysis.thz.passes import fit_passes
from sotlab.analysis.thz.ratio import field_ratio
from sotlab.analysis.thz.stack import Efficiency, efficiency
from sotlab.analysis.thz.thickness import ThicknessFit, compare_thickness
from sotlab.analysis.values import Reduction, Value
from sotlab.errors import DataError, FitError, UsageError

__all__ = ["THzSeries", "THzSeriesSettings"]

#: The content of antimony in a material's name, "Bi0.85Sb0.15".
_CONTENT = re.compile(r"Sb(0?\.\d+)")


class THzSeriesSettings(THzSettings):
    """What the analysis must be told."""

    reference_sample: str = setting("", "Name of the reference's sample, where its runs are among the files")
    material: str = setting("Bi", "How the material begins whose thickness counts")
    bulk_length: float = setting(8e-9, "Spin diffusion length that a constant is tested against", "m", gt=0)


@dataclass
class _Block:
    """Scans of one sample that were measured one after the other."""

    name: str
    sample: Mapping[str, Any] | None
    scans: list[DelayScan]


class THzSeries(THzEmission):
    """The analysis ``thz-series``: files in the order of measurement; each sample is compared with its neighbours."""

    kind: ClassVar[str] = "thz-series"
    title: ClassVar[str] = "THz emission of a series of samples"
    also_reads: ClassVar[tuple[str, ...]] = ("thz",)
    settings: ClassVar[type[THzSettings]] = THzSeriesSettings

    def reduce(self, datasets: Sequence[DelayScan], settings: THzSettings | None = None) -> Reduction:
        """Compare every sample with the reference runs before and after it.

        Returns
        -------
        Reduction
            ``eta`` (of a constant over the samples of the material), ``length`` [m] (of tanh(t/l) tanh(t/2l)),
            ``delta_chi2`` (of the bulk with ``bulk_length`` minus the constant). ``scans``: each sample with ``ratio``,
            ``delay`` [s], ``power_ratio``, ``eta``, ``absorptance``, ``impedance`` [ohm], ``thickness`` [m],
            ``content``, and ``upper_limit`` of |ratio| where no signal stands out.

        Raises
        ------
        DataError
            If no sample is known, or there is none beside the reference.
        UsageError
            If the reference is not said.
        """
        told = settings if isinstance(settings, THzSeriesSettings) else THzSeriesSettings()
        band = (told.band_start, told.band_stop)
        blocks, external = _blocks(datasets, told)
        everything = at_one_power([*(scan for block in blocks for scan in block.scans), *external])
        grid_s = common_grid(everything, told)
        again = iter(everything)
        for block in blocks:
            block.scans = [next(again) for _ in block.scans]
        external = list(again)
        references = [k for k, block in enumerate(blocks) if block.name == told.reference_sample]
        passes = None
        if any(scan.rate is not None for scan in everything):
            known = external or [scan for k in references for scan in blocks[k].scans]
            passes = fit_passes(known, grid_s, told)
        flags = [] if passes is None else list(passes.flags)
        rows: list[dict[str, Any]] = []
        described: list[Mapping[str, Any] | None] = []
        for k, block in enumerate(blocks):
            if block.name == told.reference_sample:
                continue
            near = external or [scan for j in _neighbours(k, references) for scan in blocks[j].scans]
            reference = averaged("reference", near, grid_s, told, band, passes)
            sample = averaged(block.name, block.scans, grid_s, told, band, passes)
            row: dict[str, Any] = {"name": block.name, "scans": sample.trace.scans}
            own = (flag.removeprefix(f"{block.name}: ") for flag in sample.flags)
            said = [flag for flag in own if not flag.startswith("noise_")]  # of single samples: analyse thz says that
            try:
                found = field_ratio(
                    sample.trace, reference.trace, band_Hz=band, max_delay_s=told.max_delay, same_delay=told.same_delay
                )
                row |= {"ratio": found.ratio, "delay": found.delay, "power_ratio": found.power_ratio}
                row["upper_limit"] = Value(found.upper_limit, None, "")
                said += found.flags
            except FitError as error:
                row |= {
                    name: Value(None, None, unit) for name, unit in (("ratio", ""), ("delay", "s"), ("power_ratio", ""))
                }
                row["upper_limit"] = Value(None, None, "")
                said.append(str(error))
            rows.append(row | {"flags": said})
            described.append(block.sample)
        reference_sample = told.reference_stack or next(
            (one.sample for one in (*(blocks[k].scans[0] for k in references), *external) if one.sample), None
        )
        results = self._efficiencies(rows, described, reference_sample, told, flags)
        return Reduction.of(self, datasets, told, results, rows, flags, beside=everything, rows_are="scans")

    def _efficiencies(
        self,
        rows: list[dict[str, Any]],
        described: Sequence[Mapping[str, Any] | None],
        reference: Mapping[str, Any] | None,
        told: THzSeriesSettings,
        flags: list[str],
    ) -> dict[str, Value]:
        """Fill in the samples' efficiencies, and return what they say together."""
        results = {"eta": Value(None, None, ""), "length": Value(None, None, "m"), "delta_chi2": Value(None, None, "")}
        for row, sample in zip(rows, described, strict=True):
            row["eta"], row["thickness"] = Value(None, None, ""), Value(_thickness_m(sample, told.material), None, "m")
            row["content"] = Value(_content(sample, told.material), None, "")
        known = [k for k, sample in enumerate(described) if sample is not None and has_optics(sample)]
        if reference is None or not has_optics(reference) or not known:
            why = "n, k and substrate must stand in the sample files of the reference and of a sample"
            flags.append(not_determined("eta", why))
            return results
        emitters = [emitter_of(described[k], rows[k]["ratio"]) for k in known]  # type: ignore[arg-type]
        band_Hz = (told.band_start + told.band_stop) / 2
        try:
            found = efficiency(emitters, emitter_of(reference), wavelength_m=told.wavelength, frequency_Hz=band_Hz)
        except FitError as error:
            flags.append(not_determined("eta", str(error)))
            return results
        for j, k in enumerate(known):
            rows[k]["eta"] = found.eta[j]
            rows[k]["absorptance"] = Value(float(found.absorbed[j]), None, "")
            rows[k]["impedance"] = Value(float(found.impedance_ohm[j]), None, "ohm")
            limit = rows[k]["upper_limit"].value
            if limit is not None:
                scale = found.absorbed_reference * found.impedance_reference_ohm
                scale /= float(found.absorbed[j] * found.impedance_ohm[j])
                rows[k]["flags"].append(f"eta: not determined, |eta| < {limit * scale:.2g} (95 %)")
        stacks = [tuple(layer["material"] for layer in (described[k] or {})["stack"]) for k in known]
        compared = _one_stack([rows[k] for k in known], stacks)
        if not compared:
            why = f"there are no two thicknesses of {told.material}... in stacks that are else the same, with signals"
            flags.append(not_determined("eta, length, delta_chi2", why))
            return results
        fit = _thickness_fit([rows[k] for k in known], compared, found, told)
        flags += fit.flags
        names = ", ".join(rows[known[k]]["name"] for k in compared)
        flags.append(
            f"thickness: of {names}: {fit.preferred} is preferred (chi2 {fit.chi2_constant:.3g} of a constant,"
            f" {fit.chi2_bulk:.3g} of the bulk with {1e9 * told.bulk_length:.3g} nm, {fit.freedom} degrees of freedom)"
        )
        return {"eta": fit.constant, "length": fit.length_m, "delta_chi2": Value(fit.delta_chi2, 0.0, "")}


def _blocks(datasets: Sequence[DelayScan], told: THzSeriesSettings) -> tuple[list[_Block], list[DelayScan]]:
    """Return the scans of each sample in turn, and those of a reference that was given apart."""
    blocks: list[_Block] = []
    for scan in datasets:
        name = str(scan.sample["name"]) if scan.sample else scan.name.partition(",")[0]
        if not blocks or blocks[-1].name != name:
            blocks.append(_Block(name, scan.sample, []))
        blocks[-1].scans.append(scan)
    names = list(dict.fromkeys(block.name for block in blocks))
    external = list(told.reference)
    if not external and told.reference_sample not in names:
        raise UsageError(
            f"reference_sample '{told.reference_sample}' given, the files are of {', '.join(names)}; give"
            " --set reference_sample=NAME, or --set reference=FILE"
        )
    if not any(name != told.reference_sample for name in names):
        raise DataError(f"{datasets[0].name}: all files are of the reference {told.reference_sample}")
    return blocks, external


def _neighbours(k: int, references: Sequence[int]) -> list[int]:
    """Return the last reference before a block, and the first one after it."""
    before = [j for j in references if j < k][-1:]
    after = [j for j in references if j > k][:1]
    return before + after


def _layers(sample: Mapping[str, Any] | None, material: str) -> list[Mapping[str, Any]]:
    return [layer for layer in (sample or {}).get("stack", []) if str(layer["material"]).startswith(material)]


def _thickness_m(sample: Mapping[str, Any] | None, material: str) -> float | None:
    layers = _layers(sample, material)
    return float(sum(layer["thickness_m"] for layer in layers)) if layers else None


def _content(sample: Mapping[str, Any] | None, material: str) -> float | None:
    for layer in _layers(sample, material):
        if match := _CONTENT.search(str(layer["material"])):
            return float(match[1])
    return None


def _one_stack(rows: Sequence[Mapping[str, Any]], stacks: Sequence[tuple[str, ...]]) -> list[int]:
    """Return the most samples of one stack, with signals and more than one thickness of the material."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for k, (row, stack) in enumerate(zip(rows, stacks, strict=True)):
        if row["thickness"].value and row["eta"].value is not None:
            groups.setdefault(stack, []).append(k)
    several = [group for group in groups.values() if len({rows[k]["thickness"].value for k in group}) > 1]
    return max(several, key=len, default=[])


def _thickness_fit(
    rows: Sequence[Mapping[str, Any]], use: Sequence[int], found: Efficiency, told: THzSeriesSettings
) -> ThicknessFit:
    """Compare the models, with the errors that the samples share."""
    return compare_thickness(
        np.array([rows[k]["thickness"].value for k in use]),
        np.array([rows[k]["eta"].value for k in use]),
        found.signal_sigma[list(use)],
        found.covariance[np.ix_(use, use)],
        length_m=told.bulk_length,
    )
