"""Keithley 6221 ac and dc current source: a sine with a phase marker for lock-ins.

Reference: Model 6220/6221 Reference Manual, 622X-901-01, section 7 (wave functions) and figure 11-6 (status).
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field as Option
from pydantic import model_validator
from pymeasure.instruments import Instrument
from pymeasure.instruments import keithley as pymeasure_keithley
from pymeasure.instruments.validators import strict_discrete_set, strict_range

from sotlab.errors import ComplianceError, LimitError
from sotlab.instruments.in_turn import in_turn
from sotlab.instruments.ramped_wave import RampedWave, RampedWaveOptions
from sotlab.units import as_typed

__all__ = ["CurrentSource", "Keithley6221"]

#: Ranges of the source by their names [A]; each reaches 5 % further.
RANGES_A = (2e-9, 2e-8, 2e-7, 2e-6, 2e-5, 2e-4, 2e-3, 2e-2, 0.1)
OVERRANGE = 1.05
#: Bit of the measurement events that tells that the source was at its voltage limit (figure 11-6).
COMPLIANCE = 8
LEAST_A, MOST_A = 2e-12, 0.105


def best_range(current_A: float) -> float:
    """Return the lowest range that takes a current [A]."""
    return next((one for one in RANGES_A if abs(current_A) <= OVERRANGE * one * (1 + 1e-9)), RANGES_A[-1])


class Keithley6221(pymeasure_keithley.Keithley6221):
    """PyMeasure's Keithley6221 with all digits, which refuses what is out of range rather than clip it in silence."""

    source_current = Instrument.control(
        ":SOUR:CURR?",
        ":SOUR:CURR %.7g",
        """Control the dc current in A (float, strictly from -0.105 to 0.105).""",
        validator=strict_range,
        values=[-MOST_A, MOST_A],
    )

    source_compliance = Instrument.control(
        ":SOUR:CURR:COMP?",
        ":SOUR:CURR:COMP %g",
        """Control the voltage limit of the source in V (float, strictly from 0.1 to 105).""",
        validator=strict_range,
        values=[0.1, 105],
    )

    source_filter_enabled = Instrument.control(
        ":SOUR:CURR:FILT?",
        ":SOUR:CURR:FILT %d",
        """Control the analog filter of the source (bool).""",
        validator=strict_discrete_set,
        values={True: 1, False: 0},
        map_values=True,
    )

    waveform_frequency = Instrument.control(
        ":SOUR:WAVE:FREQ?",
        ":SOUR:WAVE:FREQ %.9g",
        """Control the frequency of the wave in Hz (float, strictly from 1e-3 to 1e5).""",
        validator=strict_range,
        values=[1e-3, 1e5],
    )

    waveform_amplitude = Instrument.control(
        ":SOUR:WAVE:AMPL?",
        ":SOUR:WAVE:AMPL %.7g",
        """Control the peak amplitude of the wave in A (float, strictly from 2e-12 to 0.105).""",
        validator=strict_range,
        values=[LEAST_A, MOST_A],
    )

    waveform_phasemarker_phase = Instrument.control(
        ":SOUR:WAVE:PMAR?",
        ":SOUR:WAVE:PMAR %g",
        """Control the phase of the wave at which the marker comes in degrees (float, strictly from 0 to 360).""",
        validator=strict_range,
        values=[0, 360],
    )

    waveform_phasemarker_line = Instrument.control(
        ":SOUR:WAVE:PMAR:OLIN?",
        ":SOUR:WAVE:PMAR:OLIN %d",
        """Control the trigger line of the phase marker (int, strictly from 1 to 6).""",
        validator=strict_discrete_set,
        values=range(1, 7),
        cast=int,
    )

    measurement_condition = Instrument.measurement(
        ":STAT:MEAS:COND?",
        """Get what holds now of the measurement conditions, as a bit pattern (int).""",
        cast=int,
    )


class CurrentSourceOptions(RampedWaveOptions):
    """Options of the 6221 as ``ac_source``."""

    #: Voltage limit [V]: what sample and leads need at the largest amplitude, and no more.
    compliance_V: float = Option(default=10.0, ge=0.1, le=105.0)
    #: "best" takes the lowest range for each amplitude: to change it, the wave is stopped for a moment. "fixed" keeps
    #: range_A, so that the wave and the reference run on.
    ranging: Literal["best", "fixed"] = "best"
    #: The range [A], for fixed ranging.
    range_A: float | None = Option(default=None, gt=0.0, le=MOST_A)
    #: Trigger line that the reference's cable is on.
    marker_line: int = Option(default=3, ge=1, le=6)
    #: Where in the wave the marker comes [deg]; at 0, X of the first harmonic is positive for a positive resistance.
    marker_deg: float = Option(default=0.0, ge=0.0, le=360.0)

    @model_validator(mode="after")
    def _has_range(self) -> CurrentSourceOptions:
        if self.ranging == "fixed" and self.range_A is None:
            raise ValueError("fixed ranging needs range_A")
        return self


class CurrentSource(RampedWave):
    """A 6221 that fills the role ``ac_source``. Safe state: ramped down, wave aborted, output off.

    Frequency and amplitude are changed while the wave runs, which begins anew at its phase zero each time. What the
    manual wants an ABORt for (another shape, another range) is done with the output off.
    """

    instrument_class = Keithley6221
    identity = r"KEITHLEY.*MODEL 6221"
    connection: ClassVar[dict[str, Any]] = {"read_termination": "\n", "write_termination": "\n"}
    hardware_limits: ClassVar[dict[str, tuple[float, float]]] = {
        "amplitude_A_peak": (0.0, MOST_A),
        "frequency_Hz": (1e-3, 1e5),
    }
    options_model = CurrentSourceOptions
    safe_state = "wave ramped down and aborted, output off"

    options: CurrentSourceOptions

    _range_A = 0.0  # that the wave was armed on

    @property
    def least_A(self) -> float:
        """The smallest amplitude that can be set [A]."""
        return LEAST_A

    def configure(self) -> None:
        """Set the wave's parameters; what somebody else left running is left alone until this role drives."""
        self.instrument.clear()
        self._on = self._output_on()
        if self._on:
            self._amplitude_A = self.measured(lambda: self.instrument.waveform_amplitude, "SOUR:WAVE:AMPL?")
        else:
            self.set_up()
        self.raise_errors()

    def prepare(self) -> None:
        """Set compliance, shape, ranging and phase marker; the output is off."""
        source, options = self.instrument, self.options
        source.source_compliance = options.compliance_V
        source.source_current = 0.0
        source.source_filter_enabled = False  # it would take amplitude and turn the phase
        if options.ranging == "fixed":
            source.source_range = options.range_A
        else:
            source.source_auto_range = True
        source.waveform_function = "sine"
        source.waveform_offset = 0.0
        source.waveform_ranging = options.ranging
        source.waveform_duration_set_infinity()
        source.waveform_phasemarker_phase = options.marker_deg
        source.waveform_phasemarker_line = options.marker_line
        source.waveform_use_phasemarker = True
        self.number(source.measurement_events, "STAT:MEAS?")  # what was before is not ours

    def check(self, *, amplitude_A_peak: float | None = None, frequency_Hz: float | None = None) -> None:
        """Raise LimitError if the station, or the fixed range, does not allow a setting."""
        super().check(amplitude_A_peak=amplitude_A_peak, frequency_Hz=frequency_Hz)
        range_A = self.options.range_A
        if self.options.ranging == "fixed" and amplitude_A_peak is not None and range_A is not None:
            most_A = round(OVERRANGE * best_range(range_A), 15)
            if amplitude_A_peak > most_A:
                raise LimitError(
                    f"{self.limits.role}: peak amplitude of {as_typed(amplitude_A_peak, 'A')} asked, the fixed range"
                    f" takes {as_typed(most_A, 'A')}; raise [roles.{self.limits.role}.options] range_A in"
                    f" {self.limits.station}, or use ranging = 'best'"
                )

    def send_frequency(self, frequency_Hz: float) -> None:
        """Set the frequency [Hz]."""
        self.instrument.waveform_frequency = frequency_Hz

    def send_amplitude(self, amplitude_A_peak: float) -> None:
        """Set the amplitude [A]."""
        self.instrument.waveform_amplitude = amplitude_A_peak

    def can_reach(self, amplitude_A_peak: float) -> bool:
        """Return whether the range that the wave was armed on is the one for an amplitude."""
        return self.options.ranging == "fixed" or best_range(amplitude_A_peak) == self._range_A

    def start(self, frequency_Hz: float, amplitude_A_peak: float) -> None:
        """Arm on the range for the amplitude, then start at the smallest."""
        source = self.instrument
        source.waveform_frequency = frequency_Hz
        source.waveform_amplitude = amplitude_A_peak
        source.waveform_arm()  # the range is chosen here; the output goes on at the offset, 0 A
        self._range_A = best_range(amplitude_A_peak)
        source.waveform_amplitude = self.least_A
        source.waveform_start()

    def stop(self) -> None:
        """Abort the wave and switch the output off."""
        self.instrument.waveform_abort()
        self.instrument.source_enabled = False

    def raise_problems(self) -> None:
        """Raise InstrumentError if the source is at its voltage limit, or has been since it was asked last."""
        self.raise_errors()
        # The events tell of having got there, once; the condition of still being there.
        events = int(self.number(self.instrument.measurement_events, "STAT:MEAS?"))
        condition = int(self.measured(lambda: self.instrument.measurement_condition, "STAT:MEAS:COND?"))
        if (events | condition) & COMPLIANCE:
            raise ComplianceError(
                f"{self.limits.role}: the source has been at its voltage limit of {self.options.compliance_V:g} V, its"
                f" current was not what was set; check the contacts, lower the amplitude, or raise"
                f" [roles.{self.limits.role}.options] compliance_V in {self.limits.station}"
            )

    def make_safe(self) -> None:
        """Ramp down what the instrument makes, be it a wave or dc, and switch off; within twice ``ramp_s``."""
        in_turn(self._ramp_wave_down, self.instrument.waveform_abort, self._ramp_dc_down, self._switch_off)

    def _ramp_wave_down(self) -> None:
        if self._output_on():
            self._amplitude_A = self.measured(lambda: self.instrument.waveform_amplitude, "SOUR:WAVE:AMPL?")
            self.ramp(self.least_A)

    def _ramp_dc_down(self) -> None:
        """Ramp a direct current down: the output is still on after a wave's ABORt only if there is one."""
        if self._output_on():
            start_A = self.measured(lambda: self.instrument.source_current, "SOUR:CURR?")
            steps = self.options.ramp_steps if start_A else 1
            for k in range(1, steps + 1):
                self.instrument.source_current = start_A * (1.0 - k / steps)
                self.clock.sleep(self.options.ramp_s / steps)

    def _output_on(self) -> bool:
        return bool(self.answered(lambda: self.instrument.source_enabled, "OUTP?"))

    def _switch_off(self) -> None:
        self.instrument.source_enabled = False
        self._on = False
