"""The simulated motorised attenuator over the wire."""

import pytest

BENCH_CLASS = """
class Bench:
    def __init__(self, lab, streams, noise):
        self.log = []

    def set_attenuation(self, *told):
        self.log.append(told)
"""
BENCH = """
spec: "1.1"
devices:
  box: {class: "attenuator:Attenuator"}
resources:
  TCPIP0::box.example::INSTR: {device: box}
lab: {bench: "bench.py:Bench"}
"""


def test_identity_says_simulated(box):
    assert box.query("*IDN?").split(",")[2].startswith("SIM")


def test_wheel_moves_at_finite_speed(box, lab):
    box.write("ATT 20")
    assert float(box.query("ATT?")) == 20.0
    lab.clock.sleep(1.0)
    assert float(box.query("ATT:POS?")) == pytest.approx(30.0, abs=0.2)
    assert box.query("ATT:MOV?") == "1"
    box.query("*OPC?")
    assert float(box.query("ATT:POS?")) == pytest.approx(20.0, abs=1e-6)
    assert box.query("ATT:MOV?") == "0"
    name, start_dB, stop_dB, _, speed = lab.bench.log[-1]
    assert (name, start_dB, stop_dB, speed) == ("box", 40.0, 20.0, 10.0)


def test_stop_leaves_the_wheel_where_it_is(box, lab):
    box.write("ATT 0")
    lab.clock.sleep(2.0)
    box.write("ATT:STOP")
    stopped_dB = float(box.query("ATT:POS?"))
    lab.clock.sleep(5.0)
    assert 19 < stopped_dB < 21
    assert float(box.query("ATT:POS?")) == stopped_dB == float(box.query("ATT?"))


@pytest.mark.parametrize("end", ["MIN", "MAX"])
def test_ends_of_the_range_are_reached_and_nothing_beyond(box, end):
    box.write(f"ATT {end}")
    assert float(box.query("ATT?")) == {"MIN": 0.0, "MAX": 40.0}[end]
    box.write("ATT 41")
    assert box.query("SYST:ERR?").startswith("-222,")
    assert float(box.query("ATT?")) == {"MIN": 0.0, "MAX": 40.0}[end]


def test_reset_goes_back_to_the_most_attenuation(box):
    box.write("ATT 3")
    box.query("*OPC?")
    box.write("*RST")
    box.query("*OPC?")
    assert float(box.query("ATT:POS?")) == pytest.approx(40.0, abs=1e-6)
