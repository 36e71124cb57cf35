"""A sine whose amplitude is ramped: what generators have in common that fill the role ``ac_source``."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field as Option

from sotlab.errors import InstrumentError
from sotlab.instruments.driver import Driver, Options

__all__ = ["RampedWave", "RampedWaveOptions"]


class RampedWaveOptions(Options):
    """Options of every source of this kind."""

    #: How long the amplitude takes from one value to another [s], and in how many steps.
    ramp_s: float = Option(default=0.2, ge=0.0, le=20.0)
    ramp_steps: int = Option(default=10, ge=1, le=200)
    #: Time for the output to settle after its last step [s]; one period of the wave comes on top.
    settling_s: float = Option(default=0.05, ge=0.0)


class RampedWave(Driver):
    """A source of alternating current; amplitudes are peak. Its output goes on and off at the smallest amplitude.

    A subclass says how frequency and amplitude are set, how the wave is started and stopped, and what can be wrong.
    """

    role = "ac_source"
    through_sample = "amplitude_A_peak"
    harmless: ClassVar[frozenset[str]] = frozenset({"check"})

    options: RampedWaveOptions

    _prepared = False  # what somebody else left running is not touched before this role drives
    _wave: tuple[float, float] | None = None
    _amplitude_A = 0.0  # what the output makes now
    _on = False

    # -- what a subclass says

    @property
    def least_A(self) -> float:
        """The smallest amplitude that can be set [A]."""
        raise NotImplementedError

    def prepare(self) -> None:
        """Bring everything but frequency and amplitude into the state that is relied on; the output is off."""
        raise NotImplementedError

    def send_frequency(self, frequency_Hz: float) -> None:
        """Set the frequency [Hz]."""
        raise NotImplementedError

    def send_amplitude(self, amplitude_A_peak: float) -> None:
        """Set the amplitude of a wave that runs [A]."""
        raise NotImplementedError

    def start(self, frequency_Hz: float, amplitude_A_peak: float) -> None:
        """Start the wave at the smallest amplitude, so that it can be raised to the one given [Hz, A]."""
        raise NotImplementedError

    def stop(self) -> None:
        """Stop a wave of the smallest amplitude, and switch the output off."""
        raise NotImplementedError

    def raise_problems(self) -> None:
        """Raise InstrumentError for what has gone wrong since the last question."""
        raise NotImplementedError

    def make_safe(self) -> None:
        """Ramp down what the instrument makes, and switch off."""
        raise NotImplementedError

    def can_reach(self, amplitude_A_peak: float) -> bool:
        """Return whether the wave that runs can be set to an amplitude without being started anew."""
        return True

    # -- the role

    @property
    def settling_s(self) -> float:
        """How long the output needs after a change [s]: its own settling, and one period of the wave."""
        return self.options.settling_s + (1.0 / self._wave[0] if self._wave else 0.0)

    def check(self, *, amplitude_A_peak: float | None = None, frequency_Hz: float | None = None) -> None:
        """Raise LimitError if the station does not allow a setting."""
        if frequency_Hz is not None:
            self.limits.check("frequency_Hz", frequency_Hz)
        if amplitude_A_peak is not None:
            self.limits.check("amplitude_A_peak", amplitude_A_peak)

    def set_wave(self, frequency_Hz: float, amplitude_A_peak: float) -> None:
        """Set frequency [Hz] and peak amplitude [A]; a wave that runs is ramped there, one that does not is set later.

        Below the instrument's smallest amplitude, that one is meant: so 0 A is allowed.
        """
        self.check(amplitude_A_peak=amplitude_A_peak, frequency_Hz=frequency_Hz)
        self._take_over()
        before, self._wave = self._wave, (frequency_Hz, amplitude_A_peak)
        if not self._on:
            return
        if not self.can_reach(amplitude_A_peak):
            self.ramp(self.least_A)
            self.stop()
            self._switch_on()
        else:
            if amplitude_A_peak < self._amplitude_A:
                self.ramp(amplitude_A_peak)
            if before is None or frequency_Hz != before[0]:
                self.send_frequency(frequency_Hz)
            self.ramp(amplitude_A_peak)
        self.raise_problems()

    def set_output(self, on: bool) -> None:
        """Start the wave, and with it the reference; or ramp it down, stop it and switch the output off."""
        self._take_over()
        if on and self._wave is None:
            raise InstrumentError(
                f"{self.limits.role}: the output was to go on before frequency and amplitude were set; set_wave() first"
            )
        if on and not self._on and self._wave is not None:
            self.check(frequency_Hz=self._wave[0], amplitude_A_peak=self._wave[1])  # another sample may be in since
            self._switch_on()
        elif self._on and not on:
            self.ramp(self.least_A)
            self.stop()
            self._on = False
        self.raise_problems()

    def ramp(self, amplitude_A_peak: float) -> None:
        """Bring the amplitude of the running wave to a value by steps [A]."""
        start_A, stop_A = self._amplitude_A, max(amplitude_A_peak, self.least_A)
        if start_A == stop_A:
            return
        steps = self.options.ramp_steps
        for k in range(1, steps + 1):
            self._amplitude_A = stop_A if k == steps else start_A + (stop_A - start_A) * k / steps
            self.send_amplitude(self._amplitude_A)
            self.clock.sleep(self.options.ramp_s / steps)

    def set_up(self) -> None:
        """Do what :meth:`prepare` says, and know that it is done."""
        self.prepare()
        self._prepared = True

    def _take_over(self) -> None:
        """Stop what somebody else left running, and set up, before this role's first command."""
        if not self._prepared:
            self.make_safe()
            self.set_up()

    def _switch_on(self) -> None:
        frequency_Hz, amplitude_A = self._wave or (0.0, 0.0)
        self._on = True  # from the first command on: what fails half way must be ramped down, too
        self._amplitude_A = self.least_A
        self.start(frequency_Hz, max(amplitude_A, self.least_A))
        self.ramp(amplitude_A)
