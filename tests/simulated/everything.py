"""A bench that every shipped model can be wired to, with the real physics, for the fuzz tests."""

from __future__ import annotations

from typing import Any

from sotlab.simulated.benches.stfmr import STFMR
from sotlab.simulated.physics.cryostat import Cryostat, HeatedStage, Sensor
from sotlab.simulated.physics.motion import Axis
from sotlab.simulated.physics.network import Network, NetworkSpec
from sotlab.simulated.physics.optics import Chopper, PowerSensor, PumpLaser
from sotlab.simulated.physics.superconducting import SuperconductingMagnet
from sotlab.simulated.physics.transport import SourcedStrip, Strip


class Everything(STFMR):
    """The ST-FMR bench, with a strip that is driven, a cryostat, stages, optics and a network beside it."""

    def __init__(self, lab: Any, streams: Any, noise: bool) -> None:
        super().__init__(lab, streams, noise)
        self.load = SourcedStrip(Strip(resistance_ohm=100.0, contact_ohm=5.0, most_A_per_m2=1e14))
        self.sc_magnet = SuperconductingMagnet(
            coil_T_per_A=0.1, current_limit_A=60.0, inductance_H=10.0, heat_s=15.0, cool_s=20.0
        )
        stages = {1: HeatedStage(4.0, 0.1, 10.0), 2: HeatedStage(20.0, 0.5, 100.0, start_K=20.0)}
        self.cryostat = Cryostat(stages, {"A": Sensor(1), "B": Sensor(1, lag_s=5.0), "C": Sensor(2)})
        turning = {"window": 1e-3, "resolution": 1e-4}
        self.stage = {
            1: Axis(-0.1, 0.1, window=2e-7, resolution=1e-7, backlash=4e-6),
            2: Axis(-180.0, 180.0, **turning),
            3: Axis(-180.0, 180.0, **turning),
        }
        self.chopper = Chopper(spin_s=1.0)
        self.pump = PumpLaser(0.4, 800e-9)
        self.pump_sensor = PowerSensor(self.pump, dark_W=1e-6)
        self.network = Network(NetworkSpec())
        self.told: dict[str, Any] = {}

    # what sources do

    def drive_current(self, name: str, *told: float) -> None:
        self.load.drive_current(*told)

    def drive_voltage(self, name: str, *told: float) -> None:
        self.load.drive_voltage(*told)

    def drive_current_wave(self, name: str, *told: Any) -> None:
        self.load.drive_current_wave(*told)

    def drive_voltage_wave(self, name: str, *told: Any) -> None:
        self.load.drive_voltage_wave(*told)

    def mark_phase(self, name: str, t_s: float, wave: Any, phase_deg: float, line: int) -> None:
        self.told["phase"] = phase_deg

    def sine_out(self, name: str, t_s: float, frequency_Hz: float, amplitude_V_rms: float) -> None:
        self.told["sine"] = (frequency_Hz, amplitude_V_rms)

    def aux_out(self, name: str, t_s: float, channel: int, volts: float) -> None:
        self.told[f"aux {channel}"] = volts

    def set_attenuation(self, name: str, *told: float) -> None:
        self.told["attenuation"] = told

    # what meters see

    def terminal_voltage_V(self, name: str, start_s: float, stop_s: float, *, four_wires: bool) -> float:
        return self.load.voltage_V(start_s, stop_s, four_wires=four_wires)

    def terminal_current_A(self, name: str, start_s: float, stop_s: float) -> float:
        return self.load.current_A(start_s, stop_s)

    def in_compliance(self, name: str, t_s: float) -> bool:
        return self.load.in_compliance(t_s)

    def lockin_input(self, name: str, t_s: float, harmonic: int) -> complex:
        return complex(1e-3 * self.field_T(t_s) / harmonic, self.voltage_V(name, t_s))

    def lockin_noise(self, name: str) -> float:
        return 5e-9

    def aux_in(self, name: str, t_s: float, channel: int) -> float:
        return 0.1 * channel

    def sensor_power_W(self, t_s: float) -> float:
        return 1e-4

    def interlock_closed(self, line: int) -> bool:
        return line != 2

    def actuators(self, t_s: float) -> dict[str, Any]:
        """Return what every actuator does now, as the server's LAB:STATe? would show it."""
        return super().actuators(t_s) | {
            "strip": {"current_A": self.load.current_A(t_s, t_s + 1e-6)},
            "sc_magnet": {"current_A": self.sc_magnet.current_A(t_s), "field_T": self.sc_magnet.field_T(t_s)},
            "heaters": {str(number): stage.power_W(t_s) for number, stage in self.cryostat.stages.items()},
            "stages": {str(number): axis.carriage(t_s) for number, axis in self.stage.items()},
            "chopper": {"frequency_Hz": self.chopper.frequency_Hz(t_s)},
            "told": self.told,
        }
