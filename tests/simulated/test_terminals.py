"""The stub bench that drivers are tried on: what is physically together is together."""

from __future__ import annotations

import math

import pytest
import pyvisa

from sotlab.errors import StationError
from sotlab.simulated.physics.transport import Waveform

from .driver_suite import TERMINALS
from .terminals import Terminals, harmonic_rms

GENERATOR = "USB0::0x0957::0x2807::SIM33500::0::INSTR"


@pytest.fixture
def terminals():
    manager = pyvisa.ResourceManager(f"{TERMINALS}?clock=virtual&noise=off@sotlab")
    yield manager
    left = {name: list(device.errors) for name, device in manager.visalib.lab.devices.items() if device.errors}
    manager.close()
    assert not left


def opened(manager, resource):
    return manager.open_resource(resource, read_termination="\n", write_termination="\n", timeout=100_000)


def test_the_power_meter_sees_the_beam_behind_shutter_and_attenuator(terminals):
    meter, shutter, wheel = (
        opened(terminals, name) for name in ("USB0::0x1313::0x8078::SIMP0001::0::INSTR", "ASRL4::INSTR", "ASRL5::INSTR")
    )
    meter.write("SENS:CORR:WAV 800")
    assert float(meter.query("MEAS:POW?")) == pytest.approx(1e-6)  # in the dark
    shutter.write("SHUT 1")
    wheel.write("ATT 10")
    assert wheel.query("*OPC?") == "1"
    assert float(meter.query("MEAS:POW?")) == pytest.approx(0.04, rel=1e-3)
    wheel.write("ATT 0")
    terminals.visalib.clock.sleep(0.5)  # at 10 dB/s it is half way
    assert float(meter.query("MEAS:POW?")) == pytest.approx(0.4 * 10**-0.5, rel=0.03)


def test_the_lock_in_reads_the_generator_at_its_reference(terminals):
    generator, lockin = opened(terminals, GENERATOR), opened(terminals, "GPIB0::8::INSTR")
    for message in ("FREQ 85", "OUTP:LOAD INF", "VOLT 0.32 VPP", "OUTP 1"):
        generator.write(message)
    lockin.write("FMOD 0;OFLT 8")
    terminals.visalib.clock.sleep(5.0)
    rms_V = 0.16 / math.sqrt(2.0) * 100.0 / 160.0  # 100 of 110 ohm with contacts and 50 ohm of the generator
    assert float(lockin.query("OUTP? 3")) == pytest.approx(rms_V, rel=1e-3)
    lockin.write("HARM 2")
    terminals.visalib.clock.sleep(5.0)
    assert float(lockin.query("OUTP? 3")) == pytest.approx(0.0, abs=1e-6)
    lockin.write("HARM 1;FMOD 1;FREQ 1000")  # its own oscillator has another frequency
    terminals.visalib.clock.sleep(5.0)
    assert float(lockin.query("OUTP? 3")) == pytest.approx(0.0, abs=1e-6)


def test_an_auxiliary_output_is_connected_to_the_input_of_its_number(terminals):
    lockin = opened(terminals, "GPIB0::9::INSTR")
    lockin.write("AUXV 2,1.5")
    assert float(lockin.query("OAUX? 2")) == pytest.approx(1.5, abs=1e-3)
    assert float(lockin.query("OAUX? 1")) == 0.0


def test_harmonics_are_those_of_fourier():
    sine = Waveform("sine", 1.0, 85.0)
    assert harmonic_rms(sine, 1) == pytest.approx(math.sqrt(0.5), rel=1e-5)
    assert abs(harmonic_rms(sine, 3)) < 1e-12
    square = Waveform("square", 1.0, 85.0)
    for number in (1, 3, 5):
        assert abs(harmonic_rms(square, number)) == pytest.approx(4 / (math.pi * number) / math.sqrt(2.0), rel=1e-4)
    assert abs(harmonic_rms(square, 2)) < 1e-12
    shifted = Waveform("sine", 1.0, 85.0, phase_deg=90.0)
    assert harmonic_rms(shifted, 1) == pytest.approx(1j * math.sqrt(0.5), rel=1e-5)


def test_an_unknown_section_is_named():
    with pytest.raises(StationError, match="unknown key 'magnets'; known are resistor, magnet, beam, rf"):
        Terminals({"magnets": {}}, lambda name: None, False)
    with pytest.raises(StationError, match="lab section, beam: unknown key 'colour'"):
        Terminals({"beam": {"colour": "red"}}, lambda name: None, False)
