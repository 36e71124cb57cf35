"""What a rehearsal warns of: a window without the line, results that are not determined or not well enough."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sotlab.analysis.kittel import resonance_field_T
from sotlab.analysis.values import rows_of
from sotlab.errors import UsageError
from sotlab.instruments.sample import Sample
from sotlab.procedures.runs.reader import RunRecord
from sotlab.procedures.runs.thinning import Shortened
from sotlab.units import parse_quantity, pretty

__all__ = ["missed_line", "not_determined", "said_once", "too_uncertain"]


def missed_line(record: RunRecord, sample: Sample) -> list[str]:
    """Warn if a field window does not hold the resonance that the sample file lets expect.

    The field at resonance solves f = (gamma/2pi) sqrt(B (B + mu0*M_eff)) with the file's g and ``expected_meff_T``.
    """
    used = record.opened.get("analysis") or {}
    field, frequency = used.get("columns", {}).get("field"), used.get("axes", {}).get("frequency")
    if sample.expected_meff_T is None or used.get("kind") != "stfmr" or not (field and frequency):
        return []
    warnings = []
    frequencies_Hz, fields_T = (record.rows[column].to_numpy(float) for column in (frequency, field))
    for frequency_Hz in np.unique(frequencies_Hz):
        fields = fields_T[frequencies_Hz == frequency_Hz]
        low_T, high_T = float(fields.min()), float(fields.max())
        expected_T = float(resonance_field_T(frequency_Hz, sample.expected_meff_T, g=sample.g))
        if not (low_T <= expected_T <= high_T or low_T <= -expected_T <= high_T):
            warnings.append(
                f"the window {pretty(low_T, None, 'T')} to {pretty(high_T, None, 'T')} does not hold the resonance"
                f" expected at {pretty(expected_T, None, 'T')} for {pretty(float(frequency_Hz), None, 'Hz')}"
                f" (sample file: expected_meff_T = {sample.expected_meff_T:g}, g = {sample.g:g})"
            )
    return warnings


def not_determined(reduction: Mapping[str, Any], shortened: Shortened) -> list[str]:
    """Return the flags of spectra of which something is not determined: on the bench's sample, as it is, each once."""
    few = "" if shortened.is_whole else f", with {shortened.rows_kept} of {shortened.rows} rows"
    flags = [
        f"on the bench's sample{few}: {flag}"
        for row in rows_of(reduction)
        if any(isinstance(value, Mapping) and value.get("value", 0) is None for value in row.values())
        for flag in row["flags"]
    ]
    return list(dict.fromkeys(flags))


def said_once(told: Sequence[Mapping[str, str]], key: str) -> list[tuple[str, str]]:
    """Return (whose, text) of a rehearsal's list ``[{"job", key}]``; what several jobs share stands once."""
    jobs: dict[str, list[str]] = {}
    for one in told:
        jobs.setdefault(one[key], []).append(one["job"])
    return [(f"{who[0]} and {len(who) - 1} more" if len(who) > 1 else who[0], text) for text, who in jobs.items()]


def too_uncertain(asked: Mapping[str, float | str], reduction: Mapping[str, Any], shortened: Shortened) -> list[str]:
    """Warn where the rehearsed run does not reach the uncertainty that was asked for.

    That of a shortened run is taken to fall with the square root of the rows, as for noise without memory.
    """
    warnings = []
    fewer = math.sqrt(shortened.rows_kept / shortened.rows)
    for name, text in asked.items():
        found = [row[name] for row in (reduction["results"], *rows_of(reduction)) if isinstance(row.get(name), Mapping)]
        if not found:
            known = {
                key
                for row in (reduction["results"], *rows_of(reduction))
                for key, v in row.items()
                if isinstance(v, Mapping)
            }
            warnings.append(f"uncertainty: there is no result '{name}'; there are: {', '.join(sorted(known))}")
            continue
        unit = found[0]["unit"]
        try:
            wanted = parse_quantity(str(text), unit or None)
        except UsageError as error:
            warnings.append(f"uncertainty: {name}: {error}")
            continue
        sigmas = [value["sigma"] for value in found if value["value"] is not None and value["sigma"] is not None]
        if not sigmas:
            warnings.append(f"{name} is not determined, but asked for within {pretty(wanted, None, unit)}")
            continue
        reached = max(sigmas) * fewer
        if reached > wanted:
            warnings.append(
                f"{name} is asked for within {pretty(wanted, None, unit)}; this run reaches"
                f" {pretty(reached, None, unit)} on the bench's sample: measure {(reached / wanted) ** 2:.2g} times as"
                " long, or change a setting"
            )
    return warnings
