"""The simulated Lake Shore 336 over the wire."""

import math

import pytest
import pyvisa

BENCH_CLASS = """
from sotlab.simulated.physics.cryostat import Cryostat, HeatedStage, Sensor


class Bench:
    def __init__(self, lab, streams, noise):
        stages = {1: HeatedStage(4.0, 0.1, 10.0), 2: HeatedStage(20.0, 0.5, 100.0, start_K=20.0)}
        sensors = {"A": Sensor(1), "B": Sensor(1, lag_s=5.0), "C": Sensor(2)}
        self.cryostat = Cryostat(stages, sensors, readings=streams("cryostat.reading") if noise else None)
"""
BENCH = """
spec: "1.1"
devices:
  temperature: {class: "lakeshore_336:LakeShore336", role: temperature}
resources:
  GPIB0::15::INSTR: {device: temperature}
lab: {bench: "bench.py:Bench"}
"""


@pytest.fixture
def manager(tmp_path):
    (tmp_path / "bench.py").write_text(BENCH_CLASS, encoding="utf-8")
    path = tmp_path / "bench.yaml"
    path.write_text(BENCH, encoding="utf-8")
    manager = pyvisa.ResourceManager(f"{path}?clock=virtual&noise=off@sotlab")
    yield manager
    left = [list(device.errors) for device in manager.visalib.lab.devices.values() if device.errors]
    manager.close()
    assert not left


@pytest.fixture
def controller(manager):
    return manager.open_resource("GPIB0::15::INSTR", read_termination="\r\n", write_termination="\r\n")


@pytest.fixture
def clock(manager):
    return manager.visalib.clock


def kelvin(controller, letter="A"):
    return float(controller.query(f"KRDG? {letter}"))


def test_identity_says_simulated(controller):
    assert controller.query("*IDN?").split(",")[:2] == ["LSCI", "MODEL336"]
    assert controller.query("*IDN?").split(",")[2].startswith("SIM")


def test_command_with_a_status_query_answers_both(controller):
    controller.query("*ESR?")
    assert controller.query("KRDG? A;*ESR?") == "+4;0"
    controller.write("SETP 1,10")
    assert controller.query("SETP? 1;*ESR?") == "+10.0000;0"


def test_setpoint_is_reached_with_the_heater_on_only(controller, clock):
    controller.write("SETP 1,20")
    clock.sleep(300.0)
    assert kelvin(controller) == pytest.approx(4.0)
    controller.write("RANGE 1,3")
    clock.sleep(300.0)
    assert kelvin(controller) == pytest.approx(20.0, abs=1e-3)
    assert float(controller.query("HTR? 1")) == pytest.approx(100 * 0.1 * 16 / 50, abs=0.1)
    assert kelvin(controller, "C") == pytest.approx(20.0)


def test_low_range_does_not_get_there(controller, clock):
    controller.write("SETP 1,20;RANGE 1,1")
    clock.sleep(5000.0)
    assert kelvin(controller) == pytest.approx(4.0 + 0.5 / 0.1)
    assert controller.query("HTR? 1") == "+100.0"


def test_larger_gain_approaches_faster(controller, clock):
    def remaining_K(gain):
        controller.write(f"RANGE 1,0;PID 1,{gain},20,0")
        clock.sleep(3000.0)
        controller.write("SETP 1,8;RANGE 1,3")
        clock.sleep(20.0)
        return 8.0 - kelvin(controller)

    assert remaining_K(50) == pytest.approx(4.0 * math.exp(-20.0 / (100 / 11)), abs=0.01)
    assert remaining_K(10) == pytest.approx(4.0 * math.exp(-20.0 / (100 / 3)), abs=0.01)


def test_setpoint_ramps_at_the_programmed_rate(controller, clock):
    controller.write("RANGE 1,3;SETP 1,10")
    clock.sleep(300.0)
    controller.write("RAMP 1,1,6")
    assert controller.query("RAMP? 1") == "1,+6.000"
    controller.write("SETP 1,20")
    clock.sleep(50.0)
    assert controller.query("RAMPST? 1") == "1"
    assert float(controller.query("SETP? 1")) == pytest.approx(15.0, abs=0.01)
    clock.sleep(60.0)
    assert controller.query("RAMPST? 1") == "0"
    assert controller.query("SETP? 1") == "+20.0000"


def test_open_loop_heats_with_the_manual_output(controller, clock):
    controller.write("OUTMODE 1,3,1,0;MOUT 1,50;RANGE 1,2")
    assert controller.query("OUTMODE? 1") == "3,1,0"
    clock.sleep(5000.0)
    assert kelvin(controller) == pytest.approx(4.0 + 2.5 / 0.1)
    controller.write("OUTMODE 1,0,0,0")
    clock.sleep(5000.0)
    assert kelvin(controller) == pytest.approx(4.0)


def test_lagging_sensor_reads_behind(controller, clock):
    controller.write("SETP 1,20;RANGE 1,3")
    clock.sleep(5.0)
    assert kelvin(controller, "B") < kelvin(controller, "A") - 1.0


def test_units_agree_with_each_other(controller):
    assert float(controller.query("CRDG? C")) == pytest.approx(20.0 - 273.15, abs=1e-3)
    assert float(controller.query("SRDG? A")) == pytest.approx(1.58, abs=0.01)
    assert controller.query("KRDG? 0") == "+4,+4,+20,+0"


def test_input_without_a_sensor_is_an_invalid_reading(controller):
    assert [controller.query(f"RDGST? {letter}") for letter in "ABCD"] == ["000", "000", "000", "001"]


def test_temperature_limit_switches_the_heaters_off(controller, clock):
    controller.write("TLIMIT A,15;SETP 1,20;RANGE 1,3")
    assert controller.query("TLIMIT? A") == "15.000"
    clock.sleep(100.0)
    assert controller.query("RANGE? 1") == "0"
    clock.sleep(2000.0)
    assert kelvin(controller) == pytest.approx(4.0)


def test_reset_switches_the_heaters_off(controller, clock):
    controller.write("SETP 1,20;RANGE 1,3")
    clock.sleep(100.0)
    controller.write("*RST")
    assert controller.query("RANGE? 1;HTR? 1") == "0;+000.0"
    clock.sleep(2000.0)
    assert kelvin(controller) == pytest.approx(4.0)


@pytest.mark.parametrize(
    ("sent", "bit"),
    [
        ("NOSUCH", 32),
        ("SETP 1", 32),
        ("SETP 5,10", 16),
        ("SETP 1,501", 16),
        ("SETP 1,warm", 32),
        ("RANGE 1,4", 16),
        ("MOUT 1,101", 16),
        ("OUTMODE 1,2,1,0", 16),
        ("KRDG? E", 16),
        ("PID 1,0,0,0", 16),
        ("HTR? 3", 16),
    ],
)
def test_bad_input_sets_its_bit_and_changes_nothing(controller, sent, bit):
    settings = "SETP? 1;RANGE? 1;MOUT? 1;OUTMODE? 1;PID? 1"
    before = controller.query(settings)
    controller.query("*ESR?")
    controller.write(sent)
    assert int(controller.query("*ESR?")) == bit
    assert controller.query(settings) == before
    controller.write("*CLS")


def test_stock_pymeasure_driver_works(manager, clock):
    from pymeasure.instruments.lakeshore import LakeShore3xx

    driver = LakeShore3xx("GPIB0::15::INSTR", visa_library=str(manager.visalib.library_path) + "@sotlab")
    for output in (driver.output_1, driver.output_2):
        for name, values in {
            "setpoint": (0, 77.35, 500),
            "mout": (0, 12.5, 100),
            "range": ("low", "medium", "high", "off"),
        }.items():
            for value in values:
                setattr(output, name, value)
                assert getattr(output, name) == value
        assert output.output == 0.0
    driver.output_1.setpoint = 10
    driver.output_1.range = "high"
    start_s = clock.now()
    driver.input_A.wait_for_temperature(10, accuracy=0.1)
    assert 30.0 < clock.now() - start_s < 100.0
    assert driver.input_A.kelvin == pytest.approx(10.0, abs=0.02)
    assert driver.input_A.celsius == pytest.approx(10.0 - 273.15, abs=0.02)
    assert driver.input_A.sensor == pytest.approx(1.42, abs=0.01)
    assert driver.output_1.output > 0.5
