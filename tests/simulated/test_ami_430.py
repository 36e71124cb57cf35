"""The simulated AMI 430 over the wire."""

import math

import pytest
import pyvisa

BENCH_CLASS = """
from sotlab.simulated.physics.superconducting import SuperconductingMagnet


class Bench:
    def __init__(self, lab, streams, noise):
        self.sc_magnet = SuperconductingMagnet(
            coil_T_per_A=0.1, current_limit_A=60.0, inductance_H=10.0, heat_s=15.0, cool_s=20.0,
            readings=streams("sc_magnet.reading") if noise else None,
        )
"""
BENCH = """
spec: "1.1"
devices:
  magnet: {class: "ami_430:AMI430", role: field}
resources:
  TCPIP0::192.0.2.1::7180::SOCKET: {device: magnet}
  ASRL1::INSTR: {device: magnet}
lab: {bench: "bench.py:Bench"}
"""
SOCKET, SERIAL = "TCPIP0::192.0.2.1::7180::SOCKET", "ASRL1::INSTR"


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
def magnet(manager):
    return manager.open_resource(SERIAL, read_termination="\r\n", write_termination="\r\n", timeout=500)


@pytest.fixture
def clock(manager):
    return manager.visalib.clock


def warm_up(magnet, clock):
    magnet.write("PS 1")
    clock.sleep(21.0)


def ramp_to(magnet, clock, current_A):
    warm_up(magnet, clock)
    magnet.write("CONF:RAMP:RATE:CURR 1,0.5,60")
    magnet.write(f"CONF:CURR:TARG {current_A}")
    magnet.write("RAMP")
    clock.sleep(abs(current_A) / 0.5 + 1.0)


def test_greeting_comes_over_sockets_only(manager, magnet):
    socket = manager.open_resource(SOCKET, read_termination="\r\n", write_termination="\r\n")
    assert [socket.read(), socket.read()] == ["American Magnetics Model 430 IP Interface", "Hello."]
    assert socket.query("*IDN?").split(",")[2].startswith("SIM")
    assert magnet.query("*IDN?").split(",")[1] == "MODEL 430"  # the serial line's first reply is that of the query


def test_replies_end_with_carriage_return_and_line_feed(magnet):
    magnet.write("STATE?")
    assert magnet.read_raw() == b"3\r\n"


def test_states_follow_a_ramp_from_pause_to_hold(magnet, clock):
    assert magnet.query("STATE?") == "3"
    magnet.write("PS 1")
    assert magnet.query("STATE?") == "9"
    clock.sleep(20.5)
    assert magnet.query("STATE?") == "3"
    magnet.write("CONF:RAMP:RATE:CURR 1,0.5,60")
    magnet.write("CONF:CURR:TARG 10")
    magnet.write("RAMP")
    clock.sleep(10.0)
    assert magnet.query("STATE?") == "1"
    assert float(magnet.query("CURR:MAG?")) == pytest.approx(5.0, abs=0.02)
    assert float(magnet.query("VOLT:MAG?")) == pytest.approx(5.0, abs=0.01)
    magnet.write("PAUSE")
    clock.sleep(100.0)
    assert magnet.query("STATE?") == "3"
    assert float(magnet.query("CURR:SUPP?")) == pytest.approx(5.0, abs=0.1)
    magnet.write("RAMP")
    clock.sleep(11.0)
    assert magnet.query("STATE?") == "2"
    assert magnet.query("FIELD:MAG?") == "10.00000"  # kG


def test_manual_ramps_and_zero_have_their_states(magnet, clock):
    warm_up(magnet, clock)
    magnet.write("CONF:RAMP:RATE:CURR 1,0.5,60")
    magnet.write("INCR")
    assert magnet.query("STATE?") == "4"
    clock.sleep(10.0)
    magnet.write("DECR")
    assert magnet.query("STATE?") == "5"
    clock.sleep(1.0)
    magnet.write("ZERO")
    assert magnet.query("STATE?") == "6"
    clock.sleep(20.0)
    assert magnet.query("STATE?") == "8"


def test_segments_ramp_at_their_own_rates(magnet, clock):
    warm_up(magnet, clock)
    magnet.write("CONF:RAMP:RATE:SEG 2")
    magnet.write("CONF:RAMP:RATE:CURR 1,0.5,10")
    magnet.write("CONF:RAMP:RATE:CURR 2,0.1,60")
    assert magnet.query("RAMP:RATE:SEG?") == "2"
    assert magnet.query("RAMP:RATE:CURR:2?") == "0.1,60"
    magnet.write("CONF:CURR:TARG 12")
    magnet.write("RAMP")
    clock.sleep(20.0 + 10.0)
    assert float(magnet.query("CURR:MAG?")) == pytest.approx(11.0, abs=0.01)


def test_units_change_what_is_sent_not_what_is_meant(magnet):
    magnet.write("CONF:FIELD:TARG 20")
    magnet.write("CONF:RAMP:RATE:CURR 1,0.2,50")
    assert magnet.query("COIL?") == "1"
    magnet.write("CONF:FIELD:UNITS 1")
    magnet.write("CONF:RAMP:RATE:UNITS 1")
    assert [magnet.query(q) for q in ("FIELD:UNITS?", "RAMP:RATE:UNITS?")] == ["1", "1"]
    assert [magnet.query(q) for q in ("COIL?", "FIELD:TARG?", "CURR:TARG?")] == ["0.1", "2", "20"]
    assert magnet.query("RAMP:RATE:CURR:1?") == "12,50"
    assert magnet.query("RAMP:RATE:FIELD:1?") == "1.2,5"
    magnet.write("CONF:RAMP:RATE:FIELD 1,0.6,4")
    assert magnet.query("RAMP:RATE:CURR:1?") == "6,40"


def test_wrong_coil_constant_shows_a_wrong_field(manager, magnet, clock):
    ramp_to(magnet, clock, 10)
    magnet.write("CONF:COIL 2")
    assert float(magnet.query("FIELD:MAG?")) == pytest.approx(20.0)
    assert manager.visalib.lab.bench.sc_magnet.field_T(clock.now()) == pytest.approx(1.0)


def test_persistent_mode_keeps_the_field_while_the_supply_goes_to_zero(magnet, clock):
    ramp_to(magnet, clock, 10)
    assert magnet.query("PERS?") == "0"
    magnet.write("PS 0")
    assert magnet.query("STATE?") == "10"
    clock.sleep(31.0)
    assert magnet.query("PERS?") == "1"
    magnet.write("ZERO")
    clock.sleep(5.0)
    assert magnet.query("STATE?") == "8"
    assert [magnet.query(q) for q in ("CURR:SUPP?", "CURR:MAG?", "PS?")] == ["0.0000", "10.0000", "0"]


def test_heating_the_switch_on_unequal_currents_quenches(magnet, clock):
    ramp_to(magnet, clock, 10)
    magnet.write("PS 0")
    clock.sleep(31.0)
    magnet.write("ZERO")
    clock.sleep(5.0)
    magnet.write("PS 1")
    clock.sleep(21.0)
    assert [magnet.query(q) for q in ("STATE?", "QU?", "QU:COUNT?")] == ["7", "1", "1"]
    assert float(magnet.query("CURR:MAG?")) == pytest.approx(10 * math.exp(-3.0), rel=0.1)


def test_quench_refuses_to_ramp_until_it_is_cleared(magnet, clock):
    ramp_to(magnet, clock, 10)
    magnet.write("QU 1")
    magnet.write("RAMP")
    assert magnet.query("SYST:ERR?") == '-302,"Quench condition"'
    clock.sleep(60.0)
    assert float(magnet.query("CURR:MAG?")) == 0.0
    magnet.write("QU 0")
    assert [magnet.query(q) for q in ("QU?", "STATE?", "QU:COUNT?")] == ["0", "3", "1"]
    magnet.write("RAMP")
    clock.sleep(21.0)
    assert float(magnet.query("CURR:MAG?")) == pytest.approx(10.0)


def test_nothing_ramps_while_the_switch_warms(magnet):
    magnet.write("PS 1")
    magnet.write("RAMP")
    assert magnet.query("SYST:ERR?") == '-301,"Heating switch"'


def test_heating_time_that_is_too_short_leaves_the_switch_cold(manager, magnet, clock):
    magnet.write("CONF:PS:HTIME 5")
    assert magnet.query("PS:HTIME?") == "5"
    magnet.write("PS 1")
    clock.sleep(6.0)
    assert magnet.query("STATE?") == "3"
    assert manager.visalib.lab.bench.sc_magnet.is_cold(clock.now())


def test_magnet_without_a_switch_refuses_its_heater(magnet):
    magnet.write("CONF:PS 0")
    assert magnet.query("PS:INST?") == "0"
    magnet.write("PS 1")
    assert magnet.query("SYST:ERR?") == '-107,"No switch installed"'


@pytest.mark.parametrize(
    ("sent", "error", "bit"),
    [
        ("NOSUCH 1", '-101,"Unrecognized command"', 32),
        ("NOSUCH?", '-201,"Unrecognized query"', 4),
        ("CONF:VOLT:LIM?", '-201,"Unrecognized query"', 4),
        ("*TRG", '-101,"Unrecognized command"', 32),
        ("1%3", '-101,"Unrecognized command"', 32),
        ("CONF:CURR:TARG abc", '-102,"Invalid argument"', 32),
        ("CONF:CURR:TARG 1 A", '-102,"Invalid argument"', 32),
        ("PS 2", '-103,"Non-boolean argument"', 32),
        ("CONF:CURR:TARG", '-104,"Missing parameter"', 32),
        ("CONF:CURR:TARG 60.1", '-105,"Out of range"', 32),
        ("CONF:FIELD:TARG -61", '-105,"Out of range"', 32),
        ("CONF:RAMP:RATE:CURR 1,0,60", '-105,"Out of range"', 32),
        ("CONF:RAMP:RATE:CURR 11,1,60", '-105,"Out of range"', 32),
        ("RAMP:RATE:CURR:11?", '-105,"Out of range"', 32),
        ("CONF:VOLT:LIM 11", '-105,"Out of range"', 32),
    ],
)
def test_bad_input_gives_the_error_of_the_manual_and_changes_nothing(magnet, sent, error, bit):
    settings = ("CURR:TARG?", "VOLT:LIM?", "RAMP:RATE:CURR:1?", "PS?", "STATE?")
    before = [magnet.query(q) for q in settings]
    magnet.query("*ESR?")
    magnet.write(sent)
    assert int(magnet.query("*ESR?")) == bit
    assert magnet.query("SYST:ERR?") == error
    assert magnet.query("SYST:ERR?") == '0,"No errors"'
    assert [magnet.query(q) for q in settings] == before


def test_field_without_a_coil_constant_is_an_error(magnet):
    magnet.write("CONF:COIL 0")
    magnet.write("CONF:FIELD:TARG 1")
    assert magnet.query("SYST:ERR?") == '-106,"Undefined coil const"'


def test_eleventh_error_is_replaced_by_the_overflow(magnet):
    for _ in range(12):
        magnet.write("NOSUCH")
    errors = [magnet.query("SYST:ERR?") for _ in range(11)]
    assert errors[:9] == ['-101,"Unrecognized command"'] * 9
    assert errors[9:] == ['-304,"Error buffer overflow"', '0,"No errors"']


def test_stock_pymeasure_driver_ramps_and_shuts_down(manager, clock):
    from pymeasure.instruments.ami import AMI430

    driver = AMI430(SOCKET, visa_library=str(manager.visalib.library_path) + "@sotlab")
    for name, values in {
        "coilconst": (1.0, 0.5, 1.182),
        "voltage_limit": (0.001, 2.5, 10),
        "target_current": (-60, 12.5, 60),
        "target_field": (-70, 7.5, 70),
    }.items():
        for value in values:
            setattr(driver, name, value)
            assert getattr(driver, name) == pytest.approx(value)
    driver.ramp_rate_field = 0.5
    assert driver.ramp_rate_field[:2] == pytest.approx([0.5, 1.0])
    driver.coilconst = 1.0
    driver.ramp_to_current(20, 0.5)
    assert driver.values("RAMP:RATE:CURR:1?")[0] == 0.5
    driver.wait_for_holding()
    assert driver.magnet_status == "HOLDING"
    assert (driver.magnet_current, driver.field) == pytest.approx((20.0, 20.0))
    assert driver.supply_current == pytest.approx(20.0, abs=1e-3)
    driver.pause()
    assert driver.magnet_status == "PAUSED"
    driver.shutdown(ramp_rate=0.5)
    assert driver.magnet_status in ("AT ZERO CURRENT", "Cooling Persistent Switch")
    assert abs(driver.magnet_current) < 60e-3  # AT ZERO is below 0.1 % of the rating
    assert driver.ask("SYST:ERR?").strip() == '0,"No errors"'
