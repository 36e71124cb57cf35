"""Roles: what a procedure asks for, in SI units; any driver of that kind can fill one.

A role has no more in it than procedures need. Times that have to be waited are reported by the instrument, never
guessed by who calls it. All times are seconds of the station's clock.

The file is long because it is one flat list: who writes a driver or a procedure finds every role, and can compare
them, in one place. It holds Protocols and no code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from sotlab.instruments.levels import StripCurrent

__all__ = [
    "READINGS",
    "ROLES",
    "VNA",
    "ACSource",
    "Actuator",
    "Chopper",
    "Delay",
    "DrivenField",
    "Field",
    "Gaussmeter",
    "Humidity",
    "Interlock",
    "Lockin",
    "Microwave",
    "PowerMeter",
    "PumpAttenuator",
    "RFPowerMeter",
    "RFSwitch",
    "Role",
    "Rotator",
    "Shutter",
    "SourceMeter",
    "Switch",
    "Temperature",
    "VoltageOut",
    "Voltmeter",
]


@runtime_checkable
class Role(Protocol):
    """What every instrument on a station can do."""

    def identify(self) -> str:
        """Return the instrument's identity as it gives it itself."""
        ...

    @property
    def harmless(self) -> frozenset[str]:
        """Names of methods that may be called while a run measures: they change nothing and disturb no reading."""
        ...


@runtime_checkable
class Actuator(Role, Protocol):
    """A role that drives something and therefore has a safe state."""

    @property
    def safe_state(self) -> str:
        """What :meth:`make_safe` brings about, in a few words."""
        ...

    def make_safe(self) -> None:
        """Reach the safe state; may be called at any time, twice, and returns in bounded time."""
        ...


@runtime_checkable
class Field(Actuator, Protocol):
    """A magnet: the applied field mu0*H along its axis."""

    def ramp_to(self, field_T: float, should_stop: Callable[[], bool] | None = None) -> None:
        """Ramp to ``field_T`` at the station's rate and return when it has been reached and has settled.

        Returns early, holding the field reached, once ``should_stop()`` is true.

        Raises
        ------
        LimitError
            If the station does not allow that field; nothing is sent then.
        """
        ...

    def check(self, field_T: float) -> None:
        """Raise LimitError if the station does not allow ``field_T``."""
        ...

    def ramp_time_s(self, from_T: float, to_T: float) -> float:
        """Return how long :meth:`ramp_to` takes between two fields [s]."""
        ...


@runtime_checkable
class DrivenField(Field, Protocol):
    """A magnet whose field follows from a drive, by a calibration: a current [A] or a control voltage [V]."""

    @property
    def drive_unit(self) -> str:
        """Unit of the drive: "A" or "V"."""
        ...

    @property
    def drive(self) -> float:
        """The set point that was sent last."""
        ...

    def check_drive(self, drive: float) -> None:
        """Raise LimitError if the station does not allow a drive, or the field that it makes."""
        ...

    def ramp_drive_to(self, drive: float, should_stop: Callable[[], bool] | None = None) -> None:
        """Ramp to a drive at the station's rate of the field, as :meth:`ramp_to` does."""
        ...

    def drive_time_s(self, from_drive: float, to_drive: float) -> float:
        """Return how long :meth:`ramp_drive_to` takes between two drives [s]."""
        ...


@runtime_checkable
class Gaussmeter(Role, Protocol):
    """A field probe."""

    @property
    def zero_sigma_T(self) -> float:
        """Standard uncertainty of the probe's zero [T], common to all readings."""
        ...

    @property
    def reading_time_s(self) -> float:
        """How long one reading takes [s]."""
        ...

    def read_probe(self) -> float:
        """Return what the instrument says, whatever zero is calibrated [T]."""
        ...

    def read_field(self) -> float:
        """Return mu0*H at the probe, its zero subtracted if it is calibrated [T]."""
        ...

    def sample_field(self, probe_T: float) -> tuple[float, float]:
        """Return mu0*H at the sample that belongs to one at the probe, with its standard uncertainty [T]."""
        ...


@runtime_checkable
class Microwave(Actuator, Protocol):
    """A microwave source."""

    @property
    def settling_s(self) -> float:
        """How long the output needs after a change of frequency, power or state [s]."""
        ...

    def set_frequency(self, frequency_Hz: float) -> None:
        """Set the frequency [Hz]; LimitError outside the station's limits."""
        ...

    def set_power(self, power_dBm: float) -> None:
        """Set the power at the source's connector [dBm]; LimitError outside the station's limits."""
        ...

    def set_output(self, on: bool) -> None:
        """Switch the output."""
        ...

    def calibrated_level(self, frequency_Hz: float, power_dBm: float) -> tuple[float, float] | None:
        """Return what arrives at the calibrated plane [dBm], with its sigma [dB]; None without a calibration."""
        ...

    def calibrated_current(self, frequency_Hz: float, power_dBm: float, sample: str) -> StripCurrent | None:
        """Return the peak current in a sample, with its sigmas; None if it is not calibrated there."""
        ...

    def check(self, *, frequency_Hz: float | None = None, power_dBm: float | None = None) -> None:
        """Raise LimitError if the station does not allow a setting."""
        ...


@runtime_checkable
class Voltmeter(Role, Protocol):
    """A dc voltmeter."""

    @property
    def reading_time_s(self) -> float:
        """How long one reading takes [s]."""
        ...

    def read_voltage(self) -> float:
        """Return the voltage [V], averaged over the instrument's integration time.

        Raises
        ------
        InstrumentError
            If the input is overloaded.
        """
        ...


@runtime_checkable
class Lockin(Role, Protocol):
    """A lock-in amplifier on one harmonic of its reference. Phasors are rms, X in phase with the reference."""

    @property
    def reading_time_s(self) -> float:
        """How long one reading takes, without settling [s]."""
        ...

    @property
    def settling_s(self) -> float:
        """How long after a step of the input the output is within 0.1 % of it [s]."""
        ...

    def set_harmonic(self, harmonic: int) -> None:
        """Detect at this multiple of the reference's frequency."""
        ...

    def set_phase(self, phase_deg: float) -> None:
        """Shift the reference [deg]."""
        ...

    def set_sensitivity(self, full_scale: float) -> None:
        """Set the full scale [V rms]; the next reading waits."""
        ...

    def known_resistor(self) -> Mapping[str, tuple[float, float]] | None:
        """Return what source and lock-ins made of a known resistor, by name with sigma; None without a calibration."""
        ...

    def reference_Hz(self) -> float:
        """Return the frequency of the reference [Hz]."""
        ...

    def settle(self) -> None:
        """Let the next reading wait until the output has settled.

        What has been latched before that, as a reference that was off with its source, does not count.
        """
        ...

    def read_phasor(self) -> complex:
        """Return X + iY [V rms].

        Raises
        ------
        InstrumentError
            If input, filter or output have overloaded since the last reading, or the reference is not locked.
        """
        ...

    @property
    def time_constant_s(self) -> float:
        """Time constant of each pole of the filter [s]."""
        ...

    @property
    def poles(self) -> int:
        """Poles of the filter: 1 to 4 for 6 to 24 dB/octave."""
        ...

    @property
    def time_constants_s(self) -> tuple[float, ...]:
        """The time constants that there are [s]."""
        ...

    def set_time_constant(self, time_constant_s: float) -> None:
        """Set the time constant [s], one of those that there are; the next reading waits."""
        ...

    def read_aux(self, number: int) -> float:
        """Return the dc voltage at an auxiliary input [V]."""
        ...

    @property
    def most_samples(self) -> int:
        """How many samples a recording can hold."""
        ...

    def recording_start_s(self) -> float:
        """Bench time of the first sample of the recording that was started last, by the computer's clock [s]."""
        ...

    def recording_rate_Hz(self, rate_Hz: float) -> float:
        """Return the rate that :meth:`start_recording` would use for this one; LimitError if it is too high [Hz]."""
        ...

    def start_recording(self, rate_Hz: float, samples: int, *, aux: int | None = None) -> float:
        """Start storing X (and Y, or an auxiliary input) by the instrument's own clock; return the rate used [Hz]."""
        ...

    def read_recording(self, should_stop: Callable[[], bool] | None = None) -> NDArray[np.float64]:
        """Wait for the recording's end and return it, one row a sample: X and Y, or X and the auxiliary input [V].

        Returns earlier, with what has been stored, once ``should_stop()`` is true.
        """
        ...


@runtime_checkable
class ACSource(Actuator, Protocol):
    """A source of alternating current. Amplitudes are peak."""

    def check(self, *, amplitude_A_peak: float | None = None, frequency_Hz: float | None = None) -> None:
        """Raise LimitError if the station does not allow a setting."""
        ...

    def set_wave(self, frequency_Hz: float, amplitude_A_peak: float) -> None:
        """Set frequency [Hz] and peak amplitude [A] of the sine; a running output follows without a jump to more."""
        ...

    def set_output(self, on: bool) -> None:
        """Start or stop the wave, together with the reference for the lock-ins."""
        ...

    @property
    def settling_s(self) -> float:
        """How long the output needs after a change [s]."""
        ...


@runtime_checkable
class VoltageOut(Actuator, Protocol):
    """A settable dc voltage: an auxiliary output, a DAQ channel."""

    def check(self, voltage_V: float) -> None:
        """Raise LimitError if the station does not allow it."""
        ...

    def set_voltage(self, voltage_V: float) -> None:
        """Set the output [V]."""
        ...

    def read_setpoint(self) -> float:
        """Return the voltage that the output is set to [V]; who drives a magnet with it must not begin with a jump."""
        ...


@runtime_checkable
class SourceMeter(Actuator, Protocol):
    """A dc current source that measures the voltage across what it drives."""

    @property
    def reading_time_s(self) -> float:
        """How long one reading takes [s]."""
        ...

    def check(self, current_A: float) -> None:
        """Raise LimitError if the station does not allow it."""
        ...

    def set_current(self, current_A: float) -> None:
        """Source a current [A]; compliance was set before the output went on."""
        ...

    def set_output(self, on: bool) -> None:
        """Switch the output; it goes on and off at zero current."""
        ...

    def read_voltage(self) -> float:
        """Return the voltage [V].

        Raises
        ------
        InstrumentError
            If the source stands at its compliance.
        """
        ...

    def pulse(self, current_A: float, width_s: float) -> None:
        """Send one current pulse and return to zero [A, s]."""
        ...


@runtime_checkable
class VNA(Actuator, Protocol):
    """A vector network analyser."""

    def check(
        self,
        *,
        frequency_Hz: float | None = None,
        power_dBm: float | None = None,
        if_bandwidth_Hz: float | None = None,
    ) -> None:
        """Raise LimitError if the station does not allow a setting."""
        ...

    def set_sweep(
        self, start_Hz: float, stop_Hz: float, points: int, *, if_bandwidth_Hz: float, power_dBm: float
    ) -> None:
        """Set a linear frequency sweep; LimitError outside the station's limits."""
        ...

    @property
    def sweep_time_s(self) -> float:
        """How long one sweep takes [s]."""
        ...

    def measure(self, *parameters: str) -> tuple[NDArray[np.float64], dict[str, NDArray[np.complex128]]]:
        """Sweep once; return the frequencies [Hz] and the S-parameters asked for, as in ``measure("S11", "S21")``."""
        ...


@runtime_checkable
class RFPowerMeter(Role, Protocol):
    """A microwave power meter."""

    @property
    def reading_time_s(self) -> float:
        """How long one reading takes [s]."""
        ...

    def zero(self, should_stop: Callable[[], bool] | None = None) -> None:
        """Take what the sensor sees now for no power; the microwave must be off."""
        ...

    def set_frequency(self, frequency_Hz: float) -> None:
        """Tell the sensor's correction the carrier's frequency [Hz]."""
        ...

    def read_power(self) -> float:
        """Return the power [dBm]."""
        ...


@runtime_checkable
class RFSwitch(Actuator, Protocol):
    """A microwave switch with named positions."""

    @property
    def positions(self) -> tuple[str, ...]:
        """What the station calls its positions."""
        ...

    def select(self, position: str) -> None:
        """Connect the common port to a position."""
        ...


@runtime_checkable
class Switch(Actuator, Protocol):
    """A switch matrix."""

    def connect(self, routes: Mapping[str, str]) -> None:
        """Close exactly the named routes (``{"I+": "1", "V-": "3"}``), opening all others first."""
        ...


@runtime_checkable
class Delay(Actuator, Protocol):
    """A linear stage. Stopping it is its safe state."""

    def check(self, position_m: float) -> None:
        """Raise LimitError if the station does not allow it."""
        ...

    def move_to(self, position_m: float, should_stop: Callable[[], bool] | None = None) -> None:
        """Move and return when the stage has settled; early, stopped, once ``should_stop()`` is true [m]."""
        ...

    def start_move(self, position_m: float, velocity_m_per_s: float) -> float:
        """Begin a move at constant velocity and return when it will have ended, from now [s]."""
        ...

    def run_up_m(self, velocity_m_per_s: float) -> float:
        """Return the way that the stage needs until it goes evenly at a velocity [m]; LimitError if it cannot."""
        ...

    def move_time_s(self, from_m: float, to_m: float) -> float:
        """Return how long :meth:`move_to` takes between two positions [s]."""
        ...

    def read_position(self) -> float:
        """Return where the encoder sees the stage [m]."""
        ...


@runtime_checkable
class Rotator(Actuator, Protocol):
    """A rotation axis: of the field (``rotator``) or of the sample (``azimuth``)."""

    def check(self, angle_deg: float) -> None:
        """Raise LimitError if the station does not allow it."""
        ...

    def move_to(self, angle_deg: float, should_stop: Callable[[], bool] | None = None) -> None:
        """Turn to an angle, always arriving from below, and return when settled [deg]."""
        ...

    def move_time_s(self, from_deg: float, to_deg: float) -> float:
        """Return how long :meth:`move_to` takes [s]."""
        ...

    def read_angle(self) -> float:
        """Return the angle [deg]."""
        ...


@runtime_checkable
class Temperature(Actuator, Protocol):
    """A temperature controller. Safe state: heaters off."""

    def check(self, temperature_K: float) -> None:
        """Raise LimitError if the station does not allow it."""
        ...

    def settle_at(self, temperature_K: float, should_stop: Callable[[], bool] | None = None) -> None:
        """Go to a temperature and return when it has stayed within the station's tolerance for the asked time.

        Raises
        ------
        InstrumentError
            If it has not settled within the station's time limit; the message says how far it got.
        """
        ...

    def settle_time_s(self, from_K: float, to_K: float) -> float:
        """Return an estimate of how long :meth:`settle_at` takes [s]."""
        ...

    def read_temperature(self) -> float:
        """Return the sample's temperature [K]."""
        ...


@runtime_checkable
class Chopper(Actuator, Protocol):
    """An optical chopper."""

    def run_at(self, frequency_Hz: float, should_stop: Callable[[], bool] | None = None) -> None:
        """Spin up and return when the wheel is locked [Hz]."""
        ...

    def read_frequency(self) -> float:
        """Return the frequency at which it chops [Hz]."""
        ...


@runtime_checkable
class PowerMeter(Role, Protocol):
    """An optical power meter."""

    @property
    def reading_time_s(self) -> float:
        """How long one reading takes [s]."""
        ...

    def read_power(self) -> float:
        """Return the power [W]."""
        ...


@runtime_checkable
class Shutter(Actuator, Protocol):
    """A beam shutter. Safe state: beam blocked."""

    def set_open(self, is_open: bool) -> None:
        """Let the beam pass or block it, and return when the blade has moved."""
        ...


@runtime_checkable
class PumpAttenuator(Actuator, Protocol):
    """A variable attenuator of the pump. Safe state: lowest transmission."""

    def set_transmission(self, transmission: float) -> None:
        """Let this part of the power pass, 0 to 1, and return when the wheel has moved."""
        ...


@runtime_checkable
class Humidity(Role, Protocol):
    """A hygrometer in the purge box."""

    def read_humidity(self) -> float:
        """Return the relative humidity, 0 to 1."""
        ...


@runtime_checkable
class Interlock(Role, Protocol):
    """Contacts that forbid to go on when they open: doors, water, helium level."""

    def open_lines(self) -> list[str]:
        """Return the names of the contacts that are open now, or have been since they were asked last."""
        ...


#: What can be read of a role while nothing runs: method and unit. It is what the contact check shows.
READINGS: dict[str, tuple[str, str]] = {
    "gaussmeter": ("read_field", "T"),
    "voltmeter": ("read_voltage", "V"),
    "lockin": ("read_phasor", "V"),
    "rf_power_meter": ("read_power", "dBm"),
    "delay": ("read_position", "m"),
    "rotator": ("read_angle", "deg"),
    "temperature": ("read_temperature", "K"),
    "chopper": ("read_frequency", "Hz"),
    "power_meter": ("read_power", "W"),
    "humidity": ("read_humidity", ""),
    "interlock": ("open_lines", ""),
}

#: The roles that have a Protocol, by the name that a station file uses. Others may be added by a lab: ``role`` of a
#: driver may be any name.
ROLES: dict[str, type] = {
    "field": Field,
    "gaussmeter": Gaussmeter,
    "microwave": Microwave,
    "voltmeter": Voltmeter,
    "lockin": Lockin,
    "lockin_1w": Lockin,
    "lockin_2w": Lockin,
    "ac_source": ACSource,
    "voltage_out": VoltageOut,
    "source_meter": SourceMeter,
    "vna": VNA,
    "rf_power_meter": RFPowerMeter,
    "rf_switch": RFSwitch,
    "switch": Switch,
    "delay": Delay,
    "rotator": Rotator,
    "azimuth": Rotator,
    "temperature": Temperature,
    "chopper": Chopper,
    "power_meter": PowerMeter,
    "shutter": Shutter,
    "pump_attenuator": PumpAttenuator,
    "humidity": Humidity,
    "interlock": Interlock,
}
