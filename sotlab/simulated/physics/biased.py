"""A strip that carries a microwave besides the current of a source: it is heated by both.

With J the microwave's rms current, ``R = R_cold/(1 - b (I^2 + J^2))`` is what a strip of resistance
``R_cold/(1 - b J^2)`` shows at I alone: the microwave makes another strip of it, all else follows. So
``R(I) - R(0)`` and ``R(P) - R(0)`` are one function of the mean square of the current: a direct current I and a
microwave of peak amplitude ``sqrt(2) I`` heat alike.
"""

from __future__ import annotations

from dataclasses import replace

from sotlab.simulated.physics.transport import OPEN_OHM, SourcedStrip, Strip

__all__ = ["BiasedStrip"]


class BiasedStrip(SourcedStrip):
    """A sourced strip with a microwave through it.

    Parameters
    ----------
    strip : Strip
        As it is without a microwave.

    Attributes
    ----------
    opened : bool
        Whether a contact is open.
    """

    def __init__(self, strip: Strip) -> None:
        super().__init__(strip)
        self.unheated = strip
        self.opened = False

    def heat(self, t_s: float, current_A_peak: float, mean_square: float) -> None:
        """Let a microwave flow from now on; with the source's current it may be too much.

        Parameters
        ----------
        t_s : float
            Bench time [s].
        current_A_peak : float
            Peak current without modulation [A].
        mean_square : float
            Mean square of the modulation's envelope.
        """
        bare = self.unheated
        left_A = bare.most_A - current_A_peak * max(mean_square, 1.0)
        if left_A <= 0.0:
            self.died_s = t_s if self.died_s is None else self.died_s
            return
        swell = 1.0 / (1.0 - self._feedback_per_A2 * mean_square * current_A_peak**2 / 2.0)
        self.strip = replace(
            bare,
            resistance_ohm=bare.resistance_ohm * swell,
            amr_ohm=bare.amr_ohm * swell,
            most_A_per_m2=bare.most_A_per_m2 * left_A / bare.most_A,
        )
        self._suffer(t_s)

    def resistance_ohm(self, rms_A: float = 0.0) -> float:
        """Return the resistance between the sense contacts [ohm]; with an open contact that of the leakage."""
        return OPEN_OHM if self.opened else super().resistance_ohm(rms_A)

    def heating_ohm(self, current_A_peak: float) -> float:
        """Return by how much a microwave of this peak current, without modulation, raises the resistance [ohm]."""
        cold_ohm = self.unheated.cold_ohm(self.angle_deg, self.bath_K)
        return cold_ohm / (1.0 - self._feedback_per_A2 * current_A_peak**2 / 2.0) - cold_ohm

    def bias_A(self) -> float:
        """Return the mean of the current that its source drives now [A]."""
        wave = self._current()
        return 0.0 if self.opened or self.died_s is not None else wave.offset

    def _allowed_A(self, voltage_V: float, series_ohm: float) -> float:
        return voltage_V / OPEN_OHM if self.opened else super()._allowed_A(voltage_V, series_ohm)

    @property
    def _feedback_per_A2(self) -> float:
        bare = self.unheated
        return bare.coefficient_per_K * bare.resistance_ohm * bare.heating_K_per_W
