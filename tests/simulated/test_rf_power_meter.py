"""The simulated RF power meter over the wire."""

import pytest

BENCH_CLASS = """
class Bench:
    sensor_frequency_Hz = 10e9

    def __init__(self, lab, streams, noise):
        self.power_W = 0.0

    def sensor_power_W(self, time_s):
        return self.power_W
"""
BENCH_OPTIONS = "clock=virtual&noise=on"
BENCH = """
spec: "1.1"
devices:
  box: {class: "rf_power_meter:RFPowerMeter"}
resources:
  TCPIP0::box.example::INSTR: {device: box}
lab: {bench: "bench.py:Bench"}
"""


def test_identity_says_simulated(box):
    assert box.query("*IDN?").split(",")[2].startswith("SIM")


def test_power_is_right_with_zero_and_the_factor_of_its_frequency(box, lab):
    box.write("CAL:ZERO;:FREQ 10 GHZ;:UNIT:POW W;:AVER:COUN 64")
    box.query("*OPC?")
    lab.bench.power_W = 1e-5
    assert float(box.query("READ?")) == pytest.approx(1e-5, abs=1e-9)  # 64 averages leave 0.06 nW, the zero 0.05
    box.write("UNIT:POW DBM")
    assert float(box.query("MEAS:POW?")) == pytest.approx(-20.0, abs=1e-3)


def test_factor_of_another_frequency_is_wrong_by_its_ratio_and_one_can_be_given(box, lab):
    lab.bench.power_W = 1e-2
    box.write("UNIT:POW W;:FREQ 20 GHZ")
    assert float(box.query("READ?")) == pytest.approx(1e-2 * 97 / 94, rel=1e-4)
    box.write("CORR:CFAC 97")
    assert box.query("CORR:CFAC:AUTO?") == "0"
    assert float(box.query("READ?")) == pytest.approx(1e-2, rel=1e-4)


def test_zero_with_the_power_on_is_a_wrong_zero(box, lab):
    lab.bench.power_W = 1e-5
    box.write("UNIT:POW W;:CAL:ZERO")
    box.query("*OPC?")
    assert abs(float(box.query("READ?"))) < 1e-8


def test_averaging_takes_time(box, lab):
    box.write("AVER:COUN 100")
    start_s = lab.clock.now()
    box.query("READ?")
    assert lab.clock.now() - start_s >= 5.0


def test_overload_is_an_error_and_no_reading(box, lab):
    lab.bench.power_W = 1.0
    box.write("READ?")
    assert box.query("SYST:ERR?") == '-222,"Data out of range;sensor overloaded"'


@pytest.mark.parametrize(
    ("header", "values", "beyond"),
    [("FREQ", (10e6, 40e9), 41e9), ("CORR:CFAC", (1, 150), 151), ("AVER:COUN", (1, 1024), 1025)],
)
def test_settings_reach_the_ends_of_their_ranges_only(box, header, values, beyond):
    for value in values:
        box.write(f"{header} {value!r}")
        assert float(box.query(f"{header}?")) == value
    box.write(f"{header} {beyond!r}")
    assert box.query("SYST:ERR?").startswith("-222,")
    assert float(box.query(f"{header}?")) == values[-1]
