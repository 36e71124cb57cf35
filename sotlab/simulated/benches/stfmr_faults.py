"""What can go wrong in the physics of an ST-FMR bench, and what a person may do to it by hand."""

from __future__ import annotations

import math
from collections.abc import Callable

from sotlab.errors import StationError
from sotlab.simulated.benches.bench import Bench
from sotlab.simulated.physics.biased import BiasedStrip
from sotlab.simulated.physics.network import Network
from sotlab.simulated.physics.rf import Microwave

__all__ = ["STFMRFaults"]

#: Lines of the interlock.
_LINES = (1, 2, 3, 4)


class STFMRFaults(Bench):
    """The faults of the bench; each is called at its bench time, after the detectors have caught up."""

    network: Network
    rf: Microwave
    strip: BiasedStrip
    _magnet_values: dict[str, float]
    _biased_by: str
    _changed_s: float

    def __init__(self) -> None:
        super().__init__()
        self._drift = (0.0, 0.0, 0.0)  # field that has crept in [T] until a bench time [s], and its rate [T/s]
        self._opened: list[tuple[int, float, float]] = []  # interlock: line, from, until [s]

    def physical_faults(self) -> dict[str, Callable[..., None]]:
        """Return the faults by name."""
        return {
            "field_drift": self.field_drift,
            "probe_moved": self.probe_moved,
            "contact_opens": self.contact_opens,
            "contact_closes": self.contact_closes,
            "connector_loosened": self.connector_loosened,
            "unlevelled": self.unlevelled,
            "interlock_opens": self.interlock_opens,
            "interlock_closes": self.interlock_closes,
            "vna_connects": self.vna_connects,
        }

    def field_drift(self, t_s: float, T_per_s: float = 1e-7) -> None:
        """Let the field creep from now on, as a yoke that warms up does; 0 stops it where it has come to."""
        crept_T, since_s, rate_T_per_s = self._drift
        self._drift = crept_T + rate_T_per_s * (t_s - since_s), t_s, float(T_per_s)

    def probe_moved(self, t_s: float, ratio: float = 0.97, angle_deg: float = 15.0) -> None:
        """Knock the gaussmeter's probe to a place of another ratio, at an angle to the field."""
        self._magnet_values |= {"probe_ratio": float(ratio), "probe_angle_deg": float(angle_deg)}

    def contact_opens(self, t_s: float) -> None:
        """Lift the probe from the strip: no microwave, no direct current, and the meters' input is open."""
        self.network.contact_open = True
        self.strip.opened = True
        self._after_fault(t_s)

    def contact_closes(self, t_s: float) -> None:
        """Put the probe down again; a strip that has died stays open."""
        self.strip.opened = False
        self.network.contact_open = self.strip.died_s is not None
        self.network.reconnect()
        self._after_fault(t_s)

    def connector_loosened(self, t_s: float, inductance_H: float = 300e-12, loss_dB: float = 1.0) -> None:
        """Loosen the connector at the arm's entry, for the source as for the analyser; with zeros it is tight again."""
        self.network.loose_H, self.network.loose_dB = float(inductance_H), float(loss_dB)
        self._after_fault(t_s)

    def unlevelled(self, t_s: float, short_dB: float = 3.0) -> None:
        """Let the source fall short of its level, and say so in its status; 0 mends it."""
        self.rf.path.short_dB = float(short_dB)
        self._after_fault(t_s)

    def interlock_opens(self, t_s: float, line: int = 1) -> None:
        """Open a contact."""
        if line not in _LINES:
            raise StationError(f"fault interlock_opens: line {line} asked, allowed are 1 to 4")
        self._opened.append((line, t_s, math.inf))

    def interlock_closes(self, t_s: float, line: int = 1) -> None:
        """Close a contact again."""
        self._opened = [
            (one, since_s, t_s if one == line and until_s == math.inf else until_s)
            for one, since_s, until_s in self._opened
        ]

    def vna_connects(self, t_s: float, device: str = "strip", plane: str = "tip") -> None:
        """Put a standard at the end of the analyser's cable or under the probe, or the strip again, by hand."""
        self.network.connect(device, plane)
        self._after_fault(t_s)

    def _after_fault(self, t_s: float) -> None:
        self._changed_s = t_s
        self.rf.refresh()
        if self._biased_by:
            self._bias_changed(t_s)

    def _bias_changed(self, t_s: float) -> None:
        raise NotImplementedError
