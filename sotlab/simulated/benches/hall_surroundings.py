"""What surrounds the Hall cross: a superconducting magnet, two rotators and a cryostat."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from sotlab.errors import StationError
from sotlab.simulated.benches.bench import Streams
from sotlab.simulated.physics.cryostat import Cryostat, HeatedStage, Sensor
from sotlab.simulated.physics.equilibrium import Vector
from sotlab.simulated.physics.motion import Axis
from sotlab.simulated.physics.rotator import FieldDirection
from sotlab.simulated.physics.superconducting import SuperconductingMagnet

__all__ = ["Surroundings"]

#: A servo is within its window when its axis says that it stands; after this time nothing of that is left [s].
_SERVO_S = 0.2
#: A quench is over after so many of its time constants.
_QUENCH_TAUS = 40.0


class SweptMagnet(SuperconductingMagnet):
    """A superconducting magnet that says how long it will move."""

    _arrives_s = 0.0

    def ramp(self, *arguments: Any, **keywords: Any) -> float:
        """Send the supply somewhere, and note when it will be there [s]."""
        self._arrives_s = super().ramp(*arguments, **keywords)
        return self._arrives_s

    def settled_s(self) -> float:
        """Return from when on the field stands still, unless something is changed [s]."""
        quenched_s = self._quench_at_s + _QUENCH_TAUS * self._quench_tau_s
        return max(self._arrives_s, quenched_s if math.isfinite(quenched_s) else 0.0)


class CooledStage(HeatedStage):
    """A stage whose cooler is started together with the heater, so that a lab at rest stays where it is."""

    def __init__(self, cooled_K: float, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._cooled_K = cooled_K

    def control(self, t_s: float, setpoint_K: float, most_W: float, *arguments: Any, **keywords: Any) -> None:
        """Close the loop; from the first time on that the heater may heat, the cooler runs."""
        if most_W > 0.0:
            self.base_K = self._cooled_K
        super().control(t_s, setpoint_K, most_W, *arguments, **keywords)


class Surroundings:
    """Magnet, rotators and cryostat around one sample.

    Parameters
    ----------
    magnet, field, stage, cryostat : mapping
        The sections of a bench file, complete.
    streams : callable
        Gives the random stream of a name.
    noise : bool
        False leaves out all that is random.

    Raises
    ------
    StationError
        If the rotators are not two of the axes.
    """

    def __init__(
        self,
        magnet: Mapping[str, float],
        field: Mapping[str, float],
        stage: Mapping[str, float],
        cryostat: Mapping[str, float],
        streams: Streams,
        noise: bool,
    ) -> None:
        self.magnet = SweptMagnet(
            magnet["coil_T_per_A"],
            magnet["current_limit_A"],
            magnet["inductance_H"],
            noise_A=magnet["noise_A"],
            readings=streams("sc_magnet.reading") if noise else None,
            has_switch=bool(magnet["persistent_switch"]),
        )
        self._direction = FieldDirection(**field)
        self._polar, self._azimuth = int(stage["polar_axis"]), int(stage["azimuth_axis"])
        if {self._polar, self._azimuth} - {1, 2, 3} or self._polar == self._azimuth:
            raise StationError("lab section, stage: polar_axis and azimuth_axis must be two of the axes 1, 2 and 3")
        self.axes = {number: Axis(-25e-3, 25e-3) for number in (1, 2, 3)}
        for number in (self._polar, self._azimuth):
            self.axes[number] = Axis(
                -360.0,
                360.0,
                backlash=stage["backlash_deg"],
                window=1e-3,
                resolution=1e-4,
                noise=stage["noise_deg"],
                readings=streams(f"stage.{number}") if noise else None,
            )
        #: Where the stage is until the heater is used [K].
        self.start_K = cryostat["start_K"]
        self._sample_stage = CooledStage(
            cryostat["base_K"],
            self.start_K,
            cryostat["conductance_W_per_K"],
            cryostat["heat_capacity_J_per_K"],
            self.start_K,
        )
        self.cryostat = Cryostat(
            {1: self._sample_stage},
            {"A": Sensor(1), "B": Sensor(1, cryostat["sensor_lag_s"])},
            cryostat["noise_K"],
            streams("cryostat.reading") if noise else None,
        )
        self._drift = (0.0, 0.0, 0.0)  # of the polar angle: from, until [s], rate [deg/s]
        self._settled_s: float | None = None
        self._still_T: Vector | None = None

    def forget(self) -> None:
        """Drop what was worked out for the present motion: something is about to change."""
        self._settled_s = self._still_T = None

    def settled_s(self) -> float:
        """Return from when on the field stands still in the sample's frame [s]."""
        if self._settled_s is None:
            axes = (self.axes[number].settled_s() + _SERVO_S for number in (self._polar, self._azimuth))
            self._settled_s = max(self.magnet.settled_s(), self._drift[1], *axes)
        return self._settled_s

    def field_T(self, t_s: float) -> Vector:
        """Return the field in the frame of the sample: current, Hall arms, normal [T]."""
        if self._still_T is not None and t_s >= self.settled_s():
            return self._still_T
        polar_deg = self.axes[self._polar].carriage(t_s) + self._direction.polar_sense * self._drifted_deg(t_s)
        azimuth_deg = self.axes[self._azimuth].carriage(t_s)
        field_T = self._direction.field_T(self.magnet.field_T(t_s), polar_deg, azimuth_deg)
        if t_s >= self.settled_s():
            self._still_T = field_T
        return field_T

    def meant_field_T(self, size_T: float, polar_deg: float, azimuth_deg: float) -> Vector:
        """Return the field at the angles that the operator means, with nothing misaligned [T]."""
        return FieldDirection().field_T(size_T, polar_deg, azimuth_deg)

    def stage_K(self, t_s: float) -> float:
        """Return the temperature of the stage [K]."""
        return self._sample_stage.temperature_K(t_s)

    def slip(self, deg: float) -> None:
        """Turn the sample on its rotator: from now on the polar angle is so much larger."""
        self._direction.polar_error_deg += deg

    def drift(self, t_s: float, deg_per_h: float, for_s: float) -> None:
        """Let the polar angle grow from ``t_s`` on for some time, and stay there."""
        self._direction.polar_error_deg += self._drifted_deg(t_s)
        self._drift = t_s, t_s + for_s, deg_per_h / 3600.0

    def _drifted_deg(self, t_s: float) -> float:
        start_s, stop_s, rate = self._drift
        return rate * (min(max(t_s, start_s), stop_s) - start_s)

    def actuators(self, t_s: float) -> dict[str, Any]:
        """Return what magnet, rotators and heater do now."""
        return {
            "magnet": {
                "supply_A": self.magnet.supply_A(t_s),
                "current_A": self.magnet.current_A(t_s),
                "quenched": self.magnet.is_quenched(t_s),
            },
            "rotators": {str(number): self.axes[number].position(t_s) for number in (self._polar, self._azimuth)},
            "heater_W": self._sample_stage.power_W(t_s),
        }
