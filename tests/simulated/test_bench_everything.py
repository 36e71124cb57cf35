"""The bench ``everything``: one of each instrument, each on the bench of the experiment that it is for."""

from __future__ import annotations

import pytest
import pyvisa

from sotlab.simulated.lab import Lab, LabSpec, shipped_benches

from .command_exchanges import TERMINATORS

#: What is asked of those that do not know *IDN?.
WHO = {"ASRL1::INSTR": "VE?", "ASRL2::INSTR": "id?"}
INVENTORY = Lab(LabSpec(shipped_benches()["everything"])).inventory


@pytest.fixture
def everything():
    manager = pyvisa.ResourceManager("everything?clock=virtual&noise=off@sotlab")
    yield manager
    left = {name: list(device.errors) for name, device in manager.visalib.lab.devices.items() if device.errors}
    manager.close()
    assert not left


def opened(manager, resource):
    reading, writing = TERMINATORS.get(resource, ("\n", "\n"))
    reading = reading.rstrip(" ")  # of the chopper's prompt: there are spaces in what it says of itself
    session = manager.open_resource(resource, read_termination=reading, write_termination=writing, timeout=100_000)
    if "ami430" in resource:
        session.read(), session.read()  # its greeting
    return session


def test_it_has_every_model_that_is_shipped():
    folder = shipped_benches()["everything"].parents[1] / "instruments"
    says = "\n    model: ClassVar"  # helpers have no model
    shipped = {path.stem for path in folder.glob("*.py") if says in path.read_text(encoding="utf-8")}
    assert {type(one).__module__.split(".")[-1] for one in INVENTORY.values()} == shipped
    listed = Lab(LabSpec(shipped_benches()["everything"])).list_devices()
    assert len({entry["resource"] for entry in listed}) == len(listed)


def test_it_joins_every_other_bench_that_is_shipped():
    assert set(Lab(LabSpec(shipped_benches()["everything"])).benches) == set(shipped_benches()) - {"everything"}


def test_each_address_is_the_one_that_its_model_has_on_the_other_benches():
    for name, path in shipped_benches().items():
        for resource, device in Lab(LabSpec(path)).inventory.items():
            assert type(INVENTORY[resource]) is type(device), f"{resource} on {name}"


@pytest.mark.parametrize("resource", INVENTORY)
def test_every_instrument_says_who_it_is(everything, resource):
    assert "SIM" in opened(everything, resource).query(WHO.get(resource, "*IDN?"))


def test_the_strip_rectifies_what_the_microwave_source_gives(everything):
    microwave, voltmeter = opened(everything, "GPIB0::19::INSTR"), opened(everything, "GPIB0::7::INSTR")
    supply = opened(everything, "GPIB0::6::INSTR")
    supply.write("FUNC:MODE CURR;:VOLT 50;:CURR 4;:OUTP ON")
    everything.visalib.clock.sleep(5.0)
    voltmeter.write("*RST;:SENS:VOLT:NPLC 1")
    off_V = float(voltmeter.query("READ?"))
    microwave.write("FREQ 7E9;:POW 15;:OUTP 1")
    assert abs(float(voltmeter.query("READ?")) - off_V) > 1e-7


def test_the_hall_cross_answers_the_current_source(everything):
    source, lockin = opened(everything, "GPIB0::14::INSTR"), opened(everything, "GPIB0::8::INSTR")
    source.write("SOUR:WAVE:FUNC SIN;FREQ 85;AMPL 1E-3;PMAR:STAT 1;:SOUR:WAVE:ARM;INIT")
    lockin.write("FMOD 0;RSLP 1;OFLT 8;SENS 23")
    everything.visalib.clock.sleep(5.0)
    assert float(lockin.query("OUTP? 3")) > 1e-5
    source.write("SOUR:WAVE:ABOR")
    everything.visalib.clock.sleep(10.0)
    assert float(lockin.query("OUTP? 3")) < 1e-7


def test_the_pump_beam_is_behind_its_shutter(everything):
    meter, shutter = opened(everything, "USB0::0x1313::0x8078::SIMP0001::0::INSTR"), opened(everything, "ASRL4::INSTR")
    meter.write("SENS:CORR:WAV 810")
    shutter.write("SHUT 0")
    everything.visalib.clock.sleep(1.0)
    dark_W = float(meter.query("MEAS:POW?"))
    shutter.write("SHUT 1")
    everything.visalib.clock.sleep(1.0)
    assert float(meter.query("MEAS:POW?")) > 100.0 * abs(dark_W)


def test_the_source_meter_drives_the_hall_bar(everything):
    meter = opened(everything, "GPIB0::24::INSTR")
    meter.write("SOUR:FUNC CURR;:SOUR:CURR 1E-5;:SENS:FUNC 'VOLT';:SYST:RSEN 1;:FORM:ELEM VOLT,CURR;:OUTP ON")
    voltage_V, current_A = map(float, meter.query("READ?").split(","))
    assert current_A == pytest.approx(1e-5)
    truth_ohm = everything.visalib.lab.benches["transport"].truth()["resistance"]["value"]
    assert voltage_V / current_A == pytest.approx(truth_ohm, rel=0.01)
