"""A bench whose lock-ins, source and outputs the tests wire together, opened through a station file."""

from __future__ import annotations

import pytest

from sotlab.instruments.station import Station

BENCH_CODE = '''
import numpy as np


class RF:
    """Takes what the source puts out."""

    def set(self, **changes):
        self.__dict__.update(changes)


class Bench:
    """What the test sets; the voltage may be a function of time, or what the source's envelope makes of it."""

    def __init__(self, lab, streams, noise):
        self.signal, self.aux, self.reference_Hz, self.density = 0j, 0.0, 1234.5, float(lab.get("density", 0.0))
        self.told, self.rf, self.source, self.dc_V = {}, RF(), None, 0.0
        self._watching = []

    def watch(self, catch_up):
        self._watching.append(catch_up)

    def before_change(self, t_s):
        for catch_up in self._watching:
            catch_up(t_s)

    def change(self, t_s, signal):
        self.before_change(t_s)
        self.signal = signal

    def envelope_power(self, phase_rad):
        """The power over the carrier's, through one period of the modulation."""
        source = self.source
        envelope = np.ones_like(phase_rad)
        if source.modulation and source.am:
            shape = {"SINE": np.cos, "SQU": lambda x: np.sign(np.cos(x))}[source.am_shape]
            envelope = 1 + source.am_depth / 100 * shape(phase_rad)
        if source.modulation and source.pulse:
            envelope = envelope * (np.cos(phase_rad) > 0)
        return envelope**2 if source.output else 0 * envelope

    def lockin_input(self, name, t_s, harmonic):
        if self.source is not None:  # the Fourier coefficient of the rectified voltage, by summation
            phase_rad = 2 * np.pi * (np.arange(20000) + 0.5) / 20000
            voltage_V = self.dc_V * self.envelope_power(phase_rad)
            return complex(2 * np.mean(voltage_V * np.exp(-1j * harmonic * phase_rad)) / np.sqrt(2))
        signal = self.signal(t_s) if callable(self.signal) else self.signal
        return complex(signal) / harmonic

    def lockin_noise(self, name):
        return self.density

    def aux_in(self, name, t_s, channel):
        return self.aux(t_s) if callable(self.aux) else self.aux

    def lockin_reference(self, name, t_s):
        return self.reference_Hz

    def sine_out(self, name, t_s, frequency_Hz, amplitude_V_rms):
        self.told["sine"] = (frequency_Hz, amplitude_V_rms)

    def aux_out(self, name, t_s, channel, volts):
        self.told.setdefault(channel, []).append((t_s, volts))
'''

BENCH = """
spec: "1.1"
devices:
  lockin: {class: "%MODEL%", options: {input: hall, input_noise_V_per_rtHz: "0"}}
  source: {class: "e8257d:E8257D"}
resources:
  GPIB0::8::INSTR: {device: lockin}
  GPIB0::19::INSTR: {device: source}
lab: {bench: "wiring.py:Bench", density: %DENSITY%}
"""

MODELS = {"SR830": "sr830:SR830", "SR865A": "sr865a:SR865A"}
ADDRESS = "GPIB0::8::INSTR"


@pytest.fixture
def open_station(tmp_path, monkeypatch):
    """Opens a station with these roles; at the end no device may have been sent what it does not understand."""
    monkeypatch.delenv("SOTLAB_CLOCK", raising=False)
    stations = []

    def open_one(roles, model="SR830", density=0.0, only=None, query="clock=virtual"):
        (tmp_path / "wiring.py").write_text(BENCH_CODE, encoding="utf-8")
        text = BENCH.replace("%MODEL%", MODELS[model]).replace("%DENSITY%", str(density))
        (tmp_path / "bench.yaml").write_text(text, encoding="utf-8")
        library = f"{(tmp_path / 'bench.yaml').as_posix()}?{query}@sotlab"
        station = tmp_path / "station.toml"
        station.write_text(f'[station]\nname = "lock-in"\nvisa_library = "{library}"\n{roles}', encoding="utf-8")
        stations.append(Station.open(str(station), roles=only))
        return stations[-1]

    yield open_one
    for station in stations:
        devices = station.visa_library.lab.devices if station.drivers else {}
        left = {name: list(device.errors) for name, device in devices.items() if device.errors}
        station.close()
        assert not left


@pytest.fixture
def bench_of():
    """The bench behind a station."""
    return lambda station: station.visa_library.lab.bench


@pytest.fixture
def device_of():
    """The simulated device behind a station, by its address."""
    return lambda station, address=ADDRESS: station.visa_library.lab.devices[address]
