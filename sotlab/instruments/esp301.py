"""A delay stage or a rotation axis on one of the three axes of a Newport ESP301.

Stages must have been homed at the front panel (or with ``axis.home()``): after power-on the controller counts from
wherever they stand.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar, Literal

from pydantic import Field as Option

from sotlab.errors import InstrumentError, LimitError
from sotlab.instruments.delay_line import DelayLine
from sotlab.instruments.driver import Driver, Options
from sotlab.instruments.esp301_controller import ESP301, ESP301Axis
from sotlab.units import as_typed

__all__ = ["Delay", "Rotator"]


class _AxisDriver(Driver):
    """One axis; what delay stage and rotation axis have in common. ``u`` is the unit of the role, m or deg.

    The motor goes on with the first move; nothing is switched when the station opens. Each move waits until the
    controller says that the axis has settled, then for the ring-down; it asks for errors afterwards.
    """

    instrument_class = ESP301
    identity = r"ESP30[01]"
    connection: ClassVar[dict[str, Any]] = {
        "read_termination": "\r\n",
        "write_termination": "\r",
        "asrl": {"baud_rate": 921600},  # of the USB port; the RS-232 port has 19200
    }
    safe_state = "stopped, motor stays on"

    #: Quantity that the station limits, and its unit.
    quantity: ClassVar[str]
    unit: ClassVar[str]
    #: Units of the axis over u, and what the controller calls them.
    per_unit: ClassVar[float]
    axis_unit: ClassVar[str]

    #: Time between two questions whether the axis moves, near the expected end and far from it [s].
    POLL_S, LONG_POLL_S = 0.02, 0.5
    #: How much longer than expected a move, or a stop, may take [s].
    PATIENCE_S = 10.0

    # what the options say, in u

    @property
    def _offset(self) -> float:
        """Where the role's zero lies on the axis."""
        return 0.0

    @property
    def _overshoot(self) -> float:
        """How far before a target a move must come from; negative from above, 0 from either side."""
        raise NotImplementedError

    @property
    def _asked_rates(self) -> tuple[float | None, float | None]:
        """Velocity and acceleration of the options."""
        raise NotImplementedError

    @property
    def _axis(self) -> ESP301Axis:
        return self.instrument.axes[self.options.axis - 1]

    def identify(self) -> str:
        """Return maker, model and version: the controller has no ``*IDN?``."""
        version = self.instrument.version
        model, _, rest = version.partition(" Version ")
        return f"Newport,{model},{rest}" if rest else version

    def raise_errors(self) -> None:
        """Raise InstrumentError with what is in the controller's queue, whichever axis it is about."""
        errors = self.answered(lambda: self.instrument.errors, "TB?")
        if errors:
            raise InstrumentError(f"{self.limits.role}: the controller reports {'; '.join(map(str, errors))}")

    def configure(self) -> None:
        """Check the axis' unit, program soft limits and rates; nothing moves and no motor is switched."""
        self._known: float | None = None  # where the last complete move ended
        self.answered(self.instrument.clear_errors, "TB?")
        axis = self._axis
        units = self.answered(lambda: axis.units, self._question("SN?"))
        if units != self.axis_unit:
            raise InstrumentError(
                f"{self.limits.role}: axis {axis.axis} counts in {units}, not in {self.axis_unit}; check the option"
                f" 'axis', or set the unit at the controller"
            )
        low, high = self.limits.ranges[self.quantity]
        axis.left_limit, axis.right_limit = self._wire(low), self._wire(high)
        velocity, acceleration = self._asked_rates
        if velocity is not None:
            axis.velocity = velocity * self.per_unit
        if acceleration is not None:
            axis.acceleration = axis.deceleration = acceleration * self.per_unit
        self._velocity = self._number(lambda: axis.velocity, "VA?")
        self._acceleration = self._number(lambda: axis.acceleration, "AC?")
        self._deceleration = self._number(lambda: axis.deceleration, "AG?")
        self._most_velocity = self._number(lambda: axis.velocity_maximum, "VU?")
        self._flying = False
        self.raise_errors()

    def _wire(self, value: float) -> float:
        return (value + self._offset) * self.per_unit

    def _number(self, ask: Callable[[], Any], what: str) -> float:
        """Return an answer in u, u/s or u/s^2."""
        return self.measured(ask, self._question(what)) / self.per_unit

    def _question(self, what: str) -> str:
        return f"{self.options.axis}{what}"

    # moving

    def _check(self, target: float) -> None:
        self.limits.check(self.quantity, target)
        low, high = self.limits.ranges[self.quantity]
        if not low <= target - self._overshoot <= high:
            raise LimitError(
                f"{self.limits.role}: {as_typed(target, self.unit)} asked, which is approached from"
                f" {as_typed(round(target - self._overshoot, 9), self.unit)}, allowed {as_typed(low, self.unit)} to"
                f" {as_typed(high, self.unit)} ({self.limits.station}, [roles.{self.limits.role}.limits]"
                f" {self.quantity}); nothing was sent. Stay further inside, or shorten the overshoot"
            )

    def _position(self) -> float:
        return self._number(lambda: self._axis.position, "TP?") - self._offset

    def _way(self, start: float, target: float, taken_up: bool) -> list[float]:
        """Return where to go in turn, so that the last stretch leads the right way."""
        if not self._overshoot:
            return [target]
        ahead = (target - start) / self._overshoot  # in overshoots, in the direction of the approach
        if ahead >= 1.0 or (taken_up and ahead >= 0.0):
            return [target]
        return [target - self._overshoot, target]

    def _move_to(self, target: float, should_stop: Callable[[], bool] | None) -> None:
        self._check(target)
        if should_stop is not None and should_stop():
            return
        self.raise_errors()  # what went wrong before is not blamed on this move
        axis = self._axis
        if not self.answered(lambda: axis.enabled, self._question("MO?")):
            axis.enable()
        if self._flying:
            axis.velocity = self._velocity * self.per_unit
            self._flying = False
        here = self._position()
        near = max(1e-3 * abs(self._overshoot), 1e-9)
        taken_up = False
        if self._known is not None and abs(here - self._known) <= near:  # else somebody moved it meanwhile
            here, taken_up = self._known, True
        for target_now in self._way(here, target, taken_up):
            if target_now == here:
                continue
            self._known = None
            axis.position = self._wire(target_now)
            arrived = self._wait(self._profile_s(abs(target_now - here), self._velocity), should_stop)
            self.raise_errors()
            if not arrived:
                return
            here = target_now
            self.clock.sleep(self.options.ring_down_s, should_stop)
        self._known = target

    def _wait(self, expected_s: float, should_stop: Callable[[], bool] | None) -> bool:
        """Wait until the axis has settled; return False if it was stopped on its way."""
        end_s = self.clock.now() + expected_s
        latest_s, stopped = end_s + self.PATIENCE_S, False
        while not self.answered(lambda: self._axis.motion_done, self._question("MD?")):
            now_s = self.clock.now()
            if now_s > latest_s:
                self._axis.stop()
                raise InstrumentError(
                    f"{self.limits.role}: axis {self.options.axis} has not settled {self.PATIENCE_S:g} s after the"
                    f" move should have ended; it was told to stop. Is something in its way?"
                )
            if not stopped and should_stop is not None and should_stop():
                self._axis.stop()
                stopped, end_s = True, now_s
                latest_s = now_s + self._velocity / self._deceleration + self.PATIENCE_S
                should_stop = None  # the stop itself is waited for
            self.clock.sleep(min(max(end_s - now_s, self.POLL_S), self.LONG_POLL_S), should_stop)
        return not stopped

    def _profile_s(self, way: float, velocity: float) -> float:
        """Return the time of a trapezoidal profile: accelerate, cruise, decelerate [s]."""
        ramps = 1.0 / self._acceleration + 1.0 / self._deceleration
        peak = min(velocity, math.sqrt(2.0 * way / ramps))
        return 0.0 if way == 0.0 else peak * ramps + (way - peak**2 * ramps / 2.0) / peak

    def _move_time_s(self, start: float, target: float) -> float:
        total_s = 0.0
        for target_now in self._way(start, target, taken_up=True):
            if target_now != start:
                total_s += self._profile_s(abs(target_now - start), self._velocity) + self._settling_s
                start = target_now
        return total_s

    @property
    def _settling_s(self) -> float:
        """Time from the profile's end until the move returns: the servo's settling, looked for in steps, ring-down."""
        return self.options.servo_s + self.options.ring_down_s

    def make_safe(self) -> None:
        """Stop the axis and see that it stands; the motor stays on, so that it holds its position."""
        self._axis.stop()
        latest_s = self.clock.now() + self._velocity / self._deceleration + self.PATIENCE_S
        while not self.answered(lambda: self._axis.motion_done, self._question("MD?")):
            if self.clock.now() > latest_s:
                raise InstrumentError(f"{self.limits.role}: axis {self.options.axis} was told to stop and still moves")
            self.clock.sleep(self.POLL_S)


class DelayOptions(Options):
    """Options of an axis of the ESP301 as ``delay``."""

    #: Number of the axis.
    axis: int = Option(default=1, ge=1, le=3)
    #: Velocity of moves [m/s]; what the controller has if not given.
    velocity_m_per_s: float | None = Option(default=None, gt=0.0, le=1.0)
    #: Acceleration and deceleration [m/s^2]; what the controller has if not given.
    acceleration_m_per_s2: float | None = Option(default=None, gt=0.0, le=100.0)
    #: From where every target is approached: takes up the backlash of the spindle.
    approach: Literal["either", "below", "above"] = "either"
    #: How far before the target the approach begins [m]; more than the backlash.
    overshoot_m: float = Option(default=50e-6, gt=0.0, le=0.01)
    #: What the servo needs after the profile has ended [s]; only for estimates, a move asks the controller.
    servo_s: float = Option(default=0.1, ge=0.0, le=10.0)
    #: How long the carriage rings after the controller calls it settled [s].
    ring_down_s: float = Option(default=0.0, ge=0.0, le=10.0)


class Delay(_AxisDriver):
    """An axis of an ESP301 that fills the role ``delay``. Safe state: stopped; the motor stays on.

    Positions are the stage's own, whatever is calibrated. How many times the light passes the stage, the sign of the
    delay and where it is zero belong to the calibration ``stage_zero``: ``delay_line`` has them.
    """

    role = "delay"
    calibrated_by = frozenset({"stage_zero"})
    harmless = frozenset({"check", "move_time_s", "read_position", "run_up_m"})
    hardware_limits: ClassVar[dict[str, tuple[float, float]]] = {
        "position_m": (-math.inf, math.inf),
        "velocity_m_per_s": (0.0, 1.0),
    }
    options_model = DelayOptions
    quantity, unit, per_unit, axis_unit = "position_m", "m", 1e3, "millimeter"

    def use_calibrations(self) -> None:
        """Take what leads from position to delay."""
        known = self.calibrations.get("stage_zero")
        self.delay_line = None if known is None else DelayLine.from_calibration(known)

    @property
    def _overshoot(self) -> float:
        return {"either": 0.0, "below": 1.0, "above": -1.0}[self.options.approach] * self.options.overshoot_m

    @property
    def _asked_rates(self) -> tuple[float | None, float | None]:
        velocity = self.options.velocity_m_per_s
        if velocity is not None:
            self.limits.check("velocity_m_per_s", velocity)
        return velocity, self.options.acceleration_m_per_s2

    def check(self, position_m: float) -> None:
        """Raise LimitError if the station does not allow a position, or what it is approached from."""
        self._check(position_m)

    def move_to(self, position_m: float, should_stop: Callable[[], bool] | None = None) -> None:
        """Move and return when the stage has settled; early, stopped, once ``should_stop()`` is true [m]."""
        self._move_to(position_m, should_stop)

    def start_move(self, position_m: float, velocity_m_per_s: float) -> float:
        """Begin a move at constant velocity, for a scan on the fly; return when it will have ended, from now [s].

        The stage accelerates at the beginning and decelerates before ``position_m``: begin before the window and go
        beyond it. The next :meth:`move_to` goes at the usual velocity again.
        """
        self.limits.check("position_m", position_m)
        self._check_velocity(velocity_m_per_s)
        self.raise_errors()
        axis = self._axis
        if not self.answered(lambda: axis.enabled, self._question("MO?")):
            axis.enable()
        here_m = self._position()
        self._known, self._flying = None, True
        axis.velocity = velocity_m_per_s * self.per_unit
        axis.position = self._wire(position_m)
        self.raise_errors()
        return self._profile_s(abs(position_m - here_m), velocity_m_per_s) + self._settling_s

    def _check_velocity(self, velocity_m_per_s: float) -> None:
        self.limits.check("velocity_m_per_s", velocity_m_per_s)
        if not 0.0 < velocity_m_per_s <= self._most_velocity:
            raise LimitError(
                f"{self.limits.role}: {as_typed(velocity_m_per_s, '')} m/s asked, the stage does more than 0 to"
                f" {as_typed(self._most_velocity, '')} m/s (VU? of the controller); nothing was sent. Ask for less"
            )

    def run_up_m(self, velocity_m_per_s: float) -> float:
        """Return the way of the slower ramp, and of the servo's settling, at a velocity [m]."""
        self._check_velocity(velocity_m_per_s)
        ramp_m = velocity_m_per_s**2 / (2.0 * min(self._acceleration, self._deceleration))
        return ramp_m + velocity_m_per_s * self.options.servo_s

    def move_time_s(self, from_m: float, to_m: float) -> float:
        """Return how long :meth:`move_to` takes between two positions [s]."""
        return self._move_time_s(from_m, to_m)

    def read_position(self) -> float:
        """Return where the encoder sees the stage [m]."""
        return self._position()


class RotatorOptions(Options):
    """Options of an axis of the ESP301 as ``rotator`` or ``azimuth``."""

    #: Number of the axis.
    axis: int = Option(default=2, ge=1, le=3)
    #: Reading of the stage where the angle is zero [deg]; a calibration ``rotator_zero`` takes its place.
    zero_deg: float = Option(default=0.0, ge=-360.0, le=360.0)
    #: Velocity of moves [deg/s]; what the controller has if not given.
    velocity_deg_per_s: float | None = Option(default=None, gt=0.0, le=1000.0)
    #: Acceleration and deceleration [deg/s^2]; what the controller has if not given.
    acceleration_deg_per_s2: float | None = Option(default=None, gt=0.0, le=10_000.0)
    #: How far below the target the last stretch begins [deg]; more than the backlash of the worm.
    overshoot_deg: float = Option(default=0.5, ge=0.0, le=20.0)
    #: What the servo needs after the profile has ended [s]; only for estimates, a move asks the controller.
    servo_s: float = Option(default=0.1, ge=0.0, le=10.0)
    #: How long what is turned rings after the controller calls it settled [s].
    ring_down_s: float = Option(default=0.0, ge=0.0, le=10.0)


class Rotator(_AxisDriver):
    """An axis of an ESP301 that fills ``rotator`` or ``azimuth``. Safe state: stopped; the motor stays on.

    Every angle is arrived at from below.
    """

    role = "rotator"
    calibrated_by = frozenset({"rotator_zero"})
    harmless = frozenset({"check", "move_time_s", "read_angle"})
    hardware_limits: ClassVar[dict[str, tuple[float, float]]] = {"angle_deg": (-math.inf, math.inf)}
    options_model = RotatorOptions
    quantity, unit, per_unit, axis_unit = "angle_deg", "deg", 1.0, "degree"

    def use_calibrations(self) -> None:
        """Take the zero."""
        known = self.calibrations.get("rotator_zero")
        self._zero_deg = self.options.zero_deg if known is None else known.value("zero", "deg")[0]

    @property
    def zero_deg(self) -> float:
        """Reading of the stage where the angle is zero [deg]."""
        return self._zero_deg

    @property
    def _offset(self) -> float:
        return self._zero_deg

    @property
    def _overshoot(self) -> float:
        return self.options.overshoot_deg

    @property
    def _asked_rates(self) -> tuple[float | None, float | None]:
        return self.options.velocity_deg_per_s, self.options.acceleration_deg_per_s2

    def check(self, angle_deg: float) -> None:
        """Raise LimitError if the station does not allow an angle, or what it is approached from."""
        self._check(angle_deg)

    def move_to(self, angle_deg: float, should_stop: Callable[[], bool] | None = None) -> None:
        """Turn to an angle, arriving from below, and return when settled; early, stopped, if told so [deg]."""
        self._move_to(angle_deg, should_stop)

    def move_time_s(self, from_deg: float, to_deg: float) -> float:
        """Return how long :meth:`move_to` takes [s]."""
        return self._move_time_s(from_deg, to_deg)

    def read_angle(self) -> float:
        """Return the angle by the encoder [deg]."""
        return self._position()
