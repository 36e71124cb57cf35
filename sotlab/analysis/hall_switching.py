"""The analyses ``planar-hall`` and ``current-switching``: R_xy against the field's azimuth, and against pulses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import numpy as np
from pydantic import BaseModel

from sotlab.analysis.datasets import Dataset
from sotlab.analysis.harmonic_hall import not_determined
from sotlab.analysis.joint import fit_joint, spread
from sotlab.analysis.protocol import setting
from sotlab.analysis.transport_analyses import STRICT, TransportAnalysis
from sotlab.analysis.values import Reduction, Value
from sotlab.errors import FitError

__all__ = ["CurrentSwitching", "PlanarHall"]

#: A swing must stand out of the readings' noise by so much.
STANDS_OUT = 6.0
#: Readings within this part of the swing from an end count as switched whole.
NEAR_END = 0.2


class PlanarHallSettings(BaseModel):
    """What the analysis ``planar-hall`` must be told: nothing."""

    model_config = STRICT


class PlanarHall(TransportAnalysis):
    """The analysis ``planar-hall``: R_xy = R_P sin 2(phi + phi0) with what a tilted field adds in cos and sin of phi.

    R_P is half of the full swing. What misaligned arms pick up of R_xx, cos 2 phi, is in phi0.
    """

    kind: ClassVar[str] = "planar-hall"
    title: ClassVar[str] = "Planar Hall effect"
    columns: ClassVar[dict[str, str]] = {"angle": "deg", "resistance": "ohm"}
    axes: ClassVar[dict[str, str]] = {"temperature": "K", "field": "T"}
    required: ClassVar[tuple[tuple[str, ...], ...]] = (("angle", "resistance"),)
    settings: ClassVar[type[PlanarHallSettings]] = PlanarHallSettings
    units: ClassVar[dict[str, str]] = {"r_p": "ohm", "angle_offset": "deg", "r_offset": "ohm", "tilt": "ohm"}

    def curve(
        self, rows: Dataset, found: Mapping[str, float], settings: PlanarHallSettings
    ) -> tuple[str, Callable[[np.ndarray], np.ndarray]] | None:
        """Return the fit: all of its waves."""

        def waves(angle_deg: np.ndarray) -> np.ndarray:
            return np.stack(list(_waves(np.radians(angle_deg)).values()))

        weights = np.linalg.lstsq(waves(rows["angle"]).T, rows["resistance"], rcond=None)[0]
        return "angle", lambda angle_deg: weights @ waves(angle_deg)

    def reduce(self, datasets: Sequence[Dataset], settings: PlanarHallSettings | None = None) -> Reduction:
        """Fit each turn.

        Returns
        -------
        Reduction
            ``r_p`` (half swing) [ohm], ``angle_offset`` [deg], ``r_offset`` and ``tilt`` (of cos and sin phi) [ohm].
        """
        return self.reduced(
            datasets,
            settings or PlanarHallSettings(),
            lambda turn: _planar_hall(np.radians(turn["angle"]), turn["resistance"]),
        )


def _waves(angle_rad: np.ndarray) -> dict[str, np.ndarray]:
    return {
        "s2": np.sin(2 * angle_rad),
        "c2": np.cos(2 * angle_rad),
        "c1": np.cos(angle_rad),
        "s1": np.sin(angle_rad),
        "offset": np.ones_like(angle_rad),
    }


def _planar_hall(angle_rad: np.ndarray, resistance_ohm: np.ndarray) -> tuple[dict[str, Value], list[str]]:
    fit = fit_joint(_waves(angle_rad), resistance_ohm, who="planar Hall effect")
    if min(fit.unique_part(name) for name in ("s2", "c2")) < 0.1:
        raise FitError("planar Hall effect: the angles do not show sin(2 phi); turn by half a turn at least")
    s2, c2 = fit["s2"], fit["c2"]
    size, sign = float(np.hypot(s2, c2)), 1.0 if s2 >= 0 else -1.0
    along, across = np.array([s2, c2]) / size, np.array([-c2, s2]) / size
    its = fit.covariance[:2, :2]
    r_p = Value.of(sign * size, float(np.sqrt(along @ its @ along)), "ohm")
    offset_sigma = 0.5 * float(np.sqrt(across @ its @ across)) / size
    tilt = float(np.hypot(fit["c1"], fit["s1"]))
    values = {
        "r_p": r_p,
        "angle_offset": Value.of(
            float(np.degrees(0.5 * np.arctan2(sign * c2, sign * s2))), float(np.degrees(offset_sigma)), "deg"
        ),
        "r_offset": fit.value("offset", "ohm"),
        "tilt": Value.of(tilt, float(max(fit.sigma("c1"), fit.sigma("s1"))), "ohm"),
    }
    flags = []
    if size < STANDS_OUT * spread(r_p):
        values |= {name: Value(None, None, PlanarHall.units[name]) for name in ("r_p", "angle_offset")}
        flags.append(not_determined("r_p, angle_offset", f"R_xy has no sin(2 phi) that stands out ({size:.2g} ohm)"))
    if tilt > max(0.1 * size, STANDS_OUT * spread(values["tilt"])):
        flags.append(
            f"tilt: R_xy has {tilt:.2g} ohm in cos phi and sin phi: the field leaves the plane, or does not saturate"
        )
    return values, flags


class CurrentSwitchingSettings(BaseModel):
    """What the analysis ``current-switching`` must be told."""

    model_config = STRICT

    r_a: Value | None = setting(
        None, "Anomalous Hall resistance, half swing, of a loop: for the share that switches", "ohm"
    )


class CurrentSwitching(TransportAnalysis):
    """The analysis ``current-switching``: R_xy after each pulse, of a loop from +I to -I and back.

    Switching currents are where R_xy crosses the middle of its swing, between two pulses; sigma is half their distance
    as a uniform one. ``sense`` is +1 if a positive pulse leaves the larger R_xy.
    """

    kind: ClassVar[str] = "current-switching"
    title: ClassVar[str] = "Current-induced switching"
    columns: ClassVar[dict[str, str]] = {"pulse": "A", "resistance": "ohm"}
    axes: ClassVar[dict[str, str]] = {"temperature": "K", "field": "T"}
    required: ClassVar[tuple[tuple[str, ...], ...]] = (("pulse", "resistance"),)
    settings: ClassVar[type[CurrentSwitchingSettings]] = CurrentSwitchingSettings
    units: ClassVar[dict[str, str]] = {
        "current_positive": "A",
        "current_negative": "A",
        "swing": "ohm",
        "sense": "",
        "share": "",
    }

    def reduce(self, datasets: Sequence[Dataset], settings: CurrentSwitchingSettings | None = None) -> Reduction:
        """Find where each loop switches.

        Returns
        -------
        Reduction
            ``current_positive``, ``current_negative`` [A], ``swing`` (whole) [ohm], ``sense`` (+1 or -1), ``share`` of
            the anomalous Hall effect.
        """
        settings = settings or CurrentSwitchingSettings()
        return self.reduced(
            datasets, settings, lambda loop: _switching(loop["pulse"], loop["resistance"], settings.r_a)
        )


def _switching(
    pulse_A: np.ndarray, resistance_ohm: np.ndarray, r_a: Value | None
) -> tuple[dict[str, Value], list[str]]:
    good = np.isfinite(pulse_A) & np.isfinite(resistance_ohm)
    pulse, reading = pulse_A[good], resistance_ohm[good]
    if len(pulse) < 8:
        raise FitError(f"current-induced switching: {len(pulse)} readings; eight are needed")
    middle = 0.5 * (reading.max() + reading.min())
    high, low = reading[reading > middle], reading[reading <= middle]
    if not len(high) or not len(low):
        raise FitError("current-induced switching: R_xy is the same after all pulses")
    swing = float(high.mean() - low.mean())
    scatter = float(np.sqrt((high.var() * len(high) + low.var() * len(low)) / max(len(reading) - 2, 1)))
    if swing < STANDS_OUT * scatter:
        raise FitError(
            f"current-induced switching: R_xy does not have two states: it scatters by {scatter:.2g} ohm about means"
            f" {swing:.2g} ohm apart; larger pulses, or a field along the current"
        )
    is_high = reading > middle
    values: dict[str, Value] = {
        "swing": Value.of(swing, scatter * float(np.sqrt(1 / len(high) + 1 / len(low))), "ohm"),
        "current_positive": Value(None, None, "A"),
        "current_negative": Value(None, None, "A"),
        "sense": Value(None, None, ""),
        "share": Value(None, None, ""),
    }
    flags, senses = [], []
    for name, sign in (("current_positive", 1.0), ("current_negative", -1.0)):
        at = [k for k in np.flatnonzero(is_high[1:] != is_high[:-1]) + 1 if sign * pulse[k] > 0]
        if not at:
            flags.append(not_determined(name, "no pulse of this sign has switched"))
            continue
        k = at[0]
        senses.append(sign * (1.0 if is_high[k] else -1.0))
        values[name] = Value.of(
            float(pulse[k - 1] + pulse[k]) / 2, abs(float(pulse[k] - pulse[k - 1])) / np.sqrt(12), "A"
        )
        if len(at) > 1:
            flags.append(f"{name}: R_xy switches {len(at)} times at this sign; the first is given")
    if senses and len(set(senses)) == 1:
        values["sense"] = Value(senses[0], 0.0, "")
    elif senses:
        flags.append(not_determined("sense", "pulses of both signs leave the same state: is it heat?"))
    between = np.mean((reading > low.mean() + NEAR_END * swing) & (reading < high.mean() - NEAR_END * swing))
    if between > NEAR_END:
        flags.append(f"swing: {100 * between:.0f} % of the readings lie between the states: it switches in parts")
    if r_a is not None and r_a.value:
        share = swing / abs(2 * r_a.value)
        relative = np.hypot((values["swing"].sigma or 0.0) / swing, spread(r_a) / r_a.value)
        values["share"] = Value.of(share, float(share * relative), "")
    return values, flags
