"""What the instruments of the contract tables are wired to: a bit of everything, at rest and without noise."""

from sotlab.simulated.benches.stfmr import STFMR
from sotlab.simulated.physics.cryostat import Cryostat, HeatedStage, Sensor
from sotlab.simulated.physics.motion import Axis
from sotlab.simulated.physics.network import Network, NetworkSpec
from sotlab.simulated.physics.optics import Chopper, PowerSensor, PumpLaser
from sotlab.simulated.physics.superconducting import SuperconductingMagnet
from sotlab.simulated.physics.transport import SourcedStrip, Strip

SAMPLE = {"sample": "nife_bisb_10nm.yaml"}


class Bench(STFMR):
    """The ST-FMR bench, and beside it what the other models ask for."""

    def __init__(self, lab, streams, noise):
        super().__init__(SAMPLE, streams, noise)
        self.sc_magnet = SuperconductingMagnet(coil_T_per_A=0.1, current_limit_A=60.0, heat_s=15.0, cool_s=20.0)
        self.stage = {1: Axis(-0.1, 0.1), 2: Axis(-180.0, 180.0), 3: Axis(-180.0, 180.0)}
        stages = {1: HeatedStage(4.0, 0.1, 10.0), 2: HeatedStage(20.0, 0.5, 100.0, start_K=20.0)}
        self.cryostat = Cryostat(stages, {"A": Sensor(1), "B": Sensor(1), "C": Sensor(2)})
        self.chopper = Chopper(spin_s=1.0)
        self.pump = PumpLaser(0.4, 800e-9)
        self.pump_sensor = PowerSensor(self.pump)
        self.network = Network(NetworkSpec(), None)
        self.load = SourcedStrip(Strip(resistance_ohm=100.0))

    # lock-ins: 3 + 4j mV at the fundamental

    def lockin_input(self, name, t_s, harmonic):
        return (3e-3 + 4e-3j) / harmonic

    def lockin_noise(self, name):
        return 0.0

    def lockin_reference(self, name, t_s):
        return 1234.5

    def aux_in(self, name, t_s, channel):
        return 0.5 * channel

    # sources on a strip of 100 ohm

    def drive_current(self, name, t_s, current_A, limit_V):
        self.load.drive_current(t_s, current_A, limit_V)

    def drive_voltage(self, name, t_s, voltage_V, limit_A):
        self.load.drive_voltage(t_s, voltage_V, limit_A)

    def drive_current_wave(self, name, t_s, wave, limit_V):
        self.load.drive_current_wave(t_s, wave, limit_V)

    def drive_voltage_wave(self, name, t_s, wave, output_ohm):
        self.load.drive_voltage_wave(t_s, wave, output_ohm)

    def terminal_voltage_V(self, name, start_s, stop_s, *, four_wires):
        return self.load.voltage_V(start_s, stop_s, four_wires=four_wires)

    def terminal_current_A(self, name, start_s, stop_s):
        return self.load.current_A(start_s, stop_s)

    def in_compliance(self, name, t_s):
        return self.load.in_compliance(t_s)

    # the small boxes

    def interlock_closed(self, line):
        return line != 3

    def sensor_power_W(self, time_s):
        return 1e-3
