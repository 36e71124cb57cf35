"""The whole ST-FMR bench over the wire: rotator, lock-in, source meter, microwave switch, analyser, faults."""

from math import cos, pi, radians, sqrt

import numpy as np
import pytest
import pyvisa
from scipy.optimize import curve_fit

ADDRESSES = {
    "source": "GPIB0::19::INSTR", "voltmeter": "GPIB0::7::INSTR", "magnet": "GPIB0::6::INSTR",
    "gaussmeter": "GPIB0::12::INSTR", "lockin": "GPIB0::8::INSTR", "smu": "GPIB0::24::INSTR",
    "vna": "GPIB0::16::INSTR", "sensor": "GPIB0::13::INSTR", "switch": "GPIB0::21::INSTR", "interlock": "ASRL6::INSTR",
}  # fmt: skip


class Wire:
    """Every instrument of a lab, and its clock."""

    def __init__(self, options="noise=off", bench="stfmr"):
        self.manager = pyvisa.ResourceManager(f"{bench}?clock=virtual&{options}@sotlab")
        self.lab, self.clock = self.manager.visalib.lab, self.manager.visalib.clock
        for name, address in ADDRESSES.items():
            instrument = self.manager.open_resource(
                address, read_termination="\n", write_termination="\n", timeout=60_000
            )
            setattr(self, name, instrument)
        self.stage = self.manager.open_resource(
            "ASRL1::INSTR", read_termination="\r\n", write_termination="\r", timeout=60_000
        )
        self.gaussmeter.read_termination = "\r\n"

    def on(self, frequency_Hz=7e9, power_dBm=15.0):
        self.source.write(f"FREQ {frequency_Hz};:POW {power_dBm};:OUTP ON")

    def field(self, current_A, wait_s=5.0):
        self.magnet.write(f"FUNC:MODE CURR;:VOLT 50;:OUTP 1;:CURR {current_A:.6f}")
        self.clock.sleep(wait_s)

    def turn(self, angle_deg):
        self.stage.write(f"3MO;3PA{angle_deg};3WS")
        self.stage.query("3TP?")

    def truth(self, **settings):
        told = self.lab.truth(**({"frequency_Hz": 7e9, "power_dBm": 15.0} | settings))
        return {name: entry["value"] for name, entry in told.items()}

    def volts(self):
        return float(self.voltmeter.query("READ?"))


@pytest.fixture
def open_wire():
    opened = []

    def open_one(*arguments):
        wire = Wire(*arguments)
        wire.voltmeter.write("INIT:CONT OFF")
        opened.append(wire)
        return wire

    yield open_one
    for wire in opened:
        wire.manager.close()


@pytest.fixture
def wire(open_wire):
    wire = open_wire()
    yield wire
    left = {name: list(device.errors) for name, device in wire.lab.devices.items() if device.errors}
    assert not left


def line(b, sym, asym, field_res, width, offset, slope):
    x = b - field_res
    return (sym * width**2 + asym * width * x) / (x**2 + width**2) + offset + slope * x


def fitted(rows, start):
    field_T, voltage_V = np.array(rows).T
    guess = [1e6 * start["v_sym"], 1e6 * start["v_asym"], start["field_res"], start["width"], 0.0, 0.0]
    values, _ = curve_fit(line, field_T, 1e6 * voltage_V, guess)
    return dict(zip(("v_sym", "v_asym", "field_res", "width"), values * [1e-6, 1e-6, 1, 1, 1, 1], strict=False))


def sweep(wire, currents_A, read, wait_s=2.0):
    rows = []
    for current_A in currents_A:
        wire.field(current_A, wait_s)
        rows.append((float(wire.gaussmeter.query("RDGFIELD?")), read()))
    return rows


# --- the field's direction ------------------------------------------------------------------------------------


def test_rotator_stands_at_the_bench_files_angle_and_turns_the_field(wire):
    assert float(wire.stage.query("3TP?")) == pytest.approx(45.0, abs=1e-3)
    wire.on()
    wire.field(3.0)
    at_45_V = wire.volts()
    voltages = {}
    for angle_deg in (0.0, 20.0, 110.0, 225.0):
        wire.turn(angle_deg)
        voltages[angle_deg] = wire.volts()
    form = lambda a: np.sin(2 * radians(a)) * cos(radians(a))  # noqa: E731
    for angle_deg, voltage_V in voltages.items():
        assert voltage_V == pytest.approx(at_45_V * form(angle_deg) / form(45.0), abs=4e-9)  # steps of 1 nV, servo
    assert wire.truth(angle_deg=225.0)["v_sym"] == pytest.approx(-wire.truth()["v_sym"])


def test_reading_while_the_field_turns_is_a_mean_over_the_way(wire):
    wire.on()
    wire.field(3.0)
    wire.turn(0.0)
    wire.stage.write("3MO;3VA20;3PA90")
    wire.clock.sleep(1.0)
    start_s = wire.clock.now()
    wire.voltmeter.write("SENS:VOLT:NPLC 50")
    found_V = wire.volts()
    bench = wire.lab.bench
    times_s = np.linspace(start_s, start_s + 1.0, 4001)
    expected_V = np.mean([bench.voltage_V("voltmeter", t) for t in times_s])
    assert found_V == pytest.approx(expected_V, rel=2e-3)
    assert bench.azimuth_deg(start_s + 1.0) - bench.azimuth_deg(start_s) > 15.0


def bench_file(tmp_path, **sections):
    import yaml

    from sotlab.simulated.lab import shipped_benches

    content = yaml.safe_load(shipped_benches()["stfmr"].read_text(encoding="utf-8"))
    for name, values in sections.items():
        content["lab"][name] = content["lab"].get(name, {}) | values if isinstance(values, dict) else values
    path = tmp_path / f"bench{len(list(tmp_path.iterdir()))}.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def test_zero_and_wobble_of_the_rotator_and_projection_of_the_magnet(open_wire, tmp_path):
    wire = open_wire("noise=off", bench_file(tmp_path, azimuth={"zero_deg": 3.0, "projection": 0.02}))
    wire.on()
    wire.field(3.0)
    bench, now_s = wire.lab.bench, wire.clock.now()
    assert bench.azimuth_deg(now_s) == pytest.approx(48.0)
    wire.turn(0.0)
    along_T = bench.field_T(wire.clock.now())
    wire.turn(90.0)
    assert bench.field_T(wire.clock.now()) / along_T == pytest.approx(0.98 / 1.02, rel=1e-6)
    assert float(wire.gaussmeter.query("RDGFIELD?")) == pytest.approx(along_T / 1.02, rel=1e-4)
    assert wire.truth()["angle_zero"] == 3.0
    tilted = open_wire("noise=off&seed=1", bench_file(tmp_path, azimuth={"wobble_deg": 3.0, "wobble_at_deg": 45.0}))
    shift_T = tilted.truth()["field_res"] - tilted.truth(angle_deg=135.0)["field_res"]
    # only the field in the plane counts: 1/cos(3 deg) more is needed
    assert shift_T / tilted.truth(angle_deg=135.0)["field_res"] == pytest.approx(1 / cos(radians(3.0)) - 1, rel=0.05)


# --- the lock-in ----------------------------------------------------------------------------------------------

PULSES = ":PULM:SOUR:INT SQU;:PULM:INT:FREQ 1000;:PULM:STAT ON"
#: External reference, 24 dB per octave, 0.1 s, 1 mV.
LOCKIN = ("FMOD 0", "OFSL 3", "OFLT 8", "SENS 17")


def set_lockin(wire):
    for message in LOCKIN:
        wire.lockin.write(message)


def lockin_V(wire):
    return float(wire.lockin.query("OUTP? 1"))


@pytest.mark.parametrize(
    ("modulation", "share"),
    [
        (PULSES, sqrt(2) / pi),
        (":AM:INT:FREQ 1000;:AM:INT:FUNC:SHAP SINE;:AM 40 PCT;:AM:STAT ON", 2 * 0.4 / sqrt(2)),
        # full square amplitude modulation doubles the amplitude and blanks it: 0.450 of four times the voltage
        (":AM:INT:FREQ 1000;:AM:INT:FUNC:SHAP SQU;:AM 100 PCT;:AM:STAT ON", 4 * sqrt(2) / pi),
    ],
)
def test_lockin_reads_the_fundamental_of_the_modulated_voltage(wire, modulation, share):
    wire.on()
    wire.field(3.0)
    steady_V = wire.volts()
    wire.source.write(modulation)
    set_lockin(wire)
    wire.lockin.write("SENS 11")
    wire.clock.sleep(5.0)
    assert lockin_V(wire) == pytest.approx(share * steady_V, rel=2e-3)
    assert float(wire.lockin.query("FREQ?")) == 1000.0
    mean = wire.lab.bench.rf.state.mean_square
    assert wire.volts() == pytest.approx(mean * steady_V, rel=1e-3, abs=1e-9)


def test_lockin_has_no_reference_and_no_signal_without_a_modulation(wire):
    wire.on()
    wire.field(3.0)
    set_lockin(wire)
    wire.clock.sleep(3.0)
    assert lockin_V(wire) == 0.0
    assert int(wire.lockin.query("LIAS? 3")) == 1  # unlocked
    wire.source.write(PULSES)
    wire.lockin.query("LIAS?")
    wire.clock.sleep(3.0)
    assert lockin_V(wire) != 0.0
    assert int(wire.lockin.query("LIAS? 3")) == 0
    wire.source.write("OUTP:MOD OFF")
    wire.clock.sleep(3.0)
    assert abs(lockin_V(wire)) < 1e-9
    assert int(wire.lockin.query("LIAS? 3")) == 1
    wire.source.write("LFO:STAT ON;:LFO:AMPL 1 VP")  # the LF output alone carries the reference, too
    wire.lockin.query("LIAS?")
    wire.clock.sleep(1.0)
    assert int(wire.lockin.query("LIAS? 3")) == 0


def test_filter_starts_from_nothing_when_the_modulation_is_switched_on_however_late_it_is_read(open_wire):
    found = []
    for seed, looks in ((0, 0), (1, 5)):
        wire = open_wire(f"noise=off&seed={seed}")
        wire.on()
        wire.field(3.0, 60.0)
        set_lockin(wire)
        wire.lockin.write("SENS 11")
        for _ in range(looks):
            lockin_V(wire)
        wire.clock.wait_until(100.0)
        wire.source.write(PULSES)
        wire.clock.wait_until(100.4)  # four time constants: 57 % of the end
        first_V = lockin_V(wire)
        wire.clock.wait_until(110.0)
        found.append(first_V / lockin_V(wire))
    assert found[0] == pytest.approx(1 - np.exp(-4) * (1 + 4 + 8 + 32 / 3), rel=0.02)
    assert found[0] == pytest.approx(found[1], abs=1e-4)


def test_sweeping_up_and_down_splits_the_line_less_the_longer_one_waits(open_wire):
    def split_T(wait_s):
        wire = open_wire(f"noise=off&seed={round(10 * wait_s)}")
        wire.on()
        wire.source.write(PULSES)
        set_lockin(wire)
        wire.lockin.write("SENS 11")
        wire.field(2.0, 10.0)
        currents_A = np.arange(2.0, 4.4, 0.08)  # steps of 1.6 mT
        truth = wire.truth()
        ways = [
            fitted(sweep(wire, way, lambda: lockin_V(wire), wait_s), truth) for way in (currents_A, currents_A[::-1])
        ]
        return abs(ways[0]["field_res"] - ways[1]["field_res"])

    half, one, two = (split_T(wait_s) for wait_s in (0.5, 1.0, 2.0))
    assert 1.2e-3 < half < 2.0e-3
    assert 0.1e-3 < one < 0.5e-3
    assert two < 0.05e-3


def test_lockin_and_voltmeter_find_the_same_line(wire):
    wire.on()
    wire.source.write(PULSES)
    set_lockin(wire)
    wire.lockin.write("SENS 11")
    truth = wire.truth()
    found = fitted(sweep(wire, np.linspace(2.2, 4.4, 45), lambda: lockin_V(wire) * pi / sqrt(2), 4.0), truth)
    for name in ("v_sym", "v_asym", "field_res", "width"):
        assert found[name] == pytest.approx(truth[name], rel=1.5e-2)


def test_white_noise_of_the_pads_reaches_the_lockin(open_wire):
    wire = open_wire("seed=3")
    wire.on(power_dBm=-20.0)
    wire.source.write(PULSES)
    set_lockin(wire)
    wire.lockin.write("SENS 8")
    readings = []
    for _ in range(400):
        wire.clock.sleep(1.5)  # 15 time constants: independent
        readings.append(lockin_V(wire))
    pads = wire.lab.bench.lockin_noise("lockin")
    expected = np.hypot(pads, 6e-9) * sqrt(5 / 64 / 0.1)
    assert np.std(readings) == pytest.approx(expected, rel=0.15)  # 400 samples: 3.5 % at 1 sigma


# --- the source meter -----------------------------------------------------------------------------------------


def set_smu(wire, current_A, limit_V=20.0):
    wire.smu.write(f"SOUR:FUNC CURR;:SENS:FUNC 'VOLT';:SENS:VOLT:PROT {limit_V};:SOUR:CURR {current_A:.6e};:OUTP 1")
    wire.smu.write("SYST:RSEN ON;:FORM:ELEM VOLT,CURR")


def smu_ohm(wire):
    voltage_V, current_A = (float(part) for part in wire.smu.query("READ?").split(","))
    return voltage_V / current_A


def test_resistance_against_the_angle_is_the_anisotropic_magnetoresistance(wire):
    set_smu(wire, 1e-4)
    wire.field(5.0)
    angles_deg = np.arange(0.0, 181.0, 30.0)
    found = []
    for angle_deg in angles_deg:
        wire.turn(angle_deg)
        found.append(smu_ohm(wire))
    amr, base = np.polyfit(np.cos(np.radians(angles_deg)) ** 2, found, 1)
    truth = wire.lab.truth()
    assert amr == pytest.approx(truth["amr"]["value"], rel=1e-2)  # steps of 1 uV in 30 mV
    assert base == pytest.approx(truth["resistance"]["value"], rel=1e-4)


def test_heat_of_a_direct_and_of_a_microwave_current_raise_the_resistance_alike(wire):
    # R = R + a I^2, R_rf = R + b P: the current in the strip is sqrt(2 b P/a)
    wire.turn(90.0)
    wire.field(5.0)

    def quiet_ohm(current_A):
        set_smu(wire, current_A)
        return smu_ohm(wire)

    small = quiet_ohm(0.5e-3)
    a_ohm_per_A2 = (quiet_ohm(3e-3) - small) / (9e-6 - 0.25e-6)
    cold = quiet_ohm(0.5e-3)
    wire.on(power_dBm=18.0)
    warm = smu_ohm(wire)
    found_A = sqrt(2 * (warm - cold) / a_ohm_per_A2)
    assert found_A == pytest.approx(wire.truth(power_dBm=18.0)["current"], rel=2e-2)
    assert a_ohm_per_A2 == pytest.approx(1e-3 * 300.0**2 * 3e3, rel=2e-2)  # coefficient R0^2 R_th
    wire.smu.write("OUTP 0")


def test_direct_current_broadens_the_line_and_leaves_a_step_in_the_voltmeter(wire):
    wire.on()
    set_smu(wire, 3e-3)
    assert wire.lab.actuators()["dc"]["current_A"] == pytest.approx(3e-3)
    truth = wire.truth()
    assert truth["width"] > wire.truth(current_A=0.0)["width"] > wire.truth(current_A=-3e-3)["width"]
    wire.field(3.0)
    assert wire.volts() == pytest.approx(3e-3 * 300.0, rel=0.03)  # the drop, heat included
    wire.source.write(PULSES)
    set_lockin(wire)
    rows = sweep(wire, np.linspace(2.2, 4.4, 45), lambda: lockin_V(wire) * pi / sqrt(2), 3.0)
    found = fitted(rows, truth)
    # on the step of what the microwave's heat adds to the drop stands the line
    assert found["width"] == pytest.approx(truth["width"], rel=2e-2)
    assert found["v_asym"] == pytest.approx(truth["v_asym"], rel=2e-2)
    wire.smu.write("OUTP 0")
    wire.clock.sleep(1.0)
    assert wire.lab.actuators()["dc"]["current_A"] == 0.0


def test_too_much_current_kills_the_strip_for_good(wire):
    wire.on()
    wire.field(3.0)
    assert wire.volts() != 0.0
    set_smu(wire, 30e-3, 21.0)
    assert wire.lab.bench.strip.died_s is not None
    wire.smu.write("OUTP 0")
    assert abs(wire.volts()) < 1e-9
    assert wire.lab.bench.rf.current_A_peak < 1e-9


# --- the microwave's path -------------------------------------------------------------------------------------


def test_switch_leads_the_source_to_the_sensor_and_back(wire):
    wire.on()
    wire.field(3.0)
    voltage_V = wire.volts()
    wire.sensor.write("SENS:FREQ 7e9;:UNIT:POW W")
    assert abs(float(wire.sensor.query("READ?"))) < 1e-9
    wire.switch.write("ROUT:CLOS (@102)")
    assert float(wire.sensor.query("READ?")) == pytest.approx(wire.truth()["power_A"], rel=1e-6)
    assert abs(wire.volts()) < 1e-9
    wire.switch.write("ROUT:OPEN:ALL")
    assert wire.volts() == pytest.approx(voltage_V, rel=1e-4, abs=1e-9)
    assert wire.lab.actuators()["rf_switch"] == {"source": "strip", "strip": "source"}


def reflection(wire):
    wire.vna.write("*RST;:SENS:FREQ:STAR 4e9;:SENS:FREQ:STOP 10e9;:SENS:SWE:POIN 13;:SENS:SWE:MODE SING")
    wire.vna.query("*OPC?")
    wire.vna.write("FORM ASC,0")
    wire.vna.write("CALC:PAR:SEL 'CH1_S11_1'")
    parts = [float(part) for part in wire.vna.query("CALC:DATA? SDATA").split(",")]
    return np.array(parts[::2]) + 1j * np.array(parts[1::2])


def connect(wire, device, plane="tip"):
    wire.lab.faults.add({"kind": "vna_connects", "arguments": {"device": device, "plane": plane}})


def test_analyser_sensor_and_resistance_give_the_current_of_the_spectra(wire):
    wire.switch.write("ROUT:CLOS (@202)")
    seen = {}
    for plane in ("A", "tip"):
        for standard in ("open", "short", "load"):
            connect(wire, standard, plane)
            seen[standard, plane] = reflection(wire)
    connect(wire, "strip")
    raw = reflection(wire)

    def errors(plane):
        e00 = seen["load", plane]
        up, down = seen["open", plane] - e00, seen["short", plane] - e00
        e11 = (up + down) / (up - down)
        return e00, e11, up * (1 - e11)

    (_, _, tracking_A), (e00, e11, tracking) = errors("A"), errors("tip")
    gamma = (raw - e00) / (tracking + e11 * (raw - e00))
    assert gamma.real == pytest.approx(250 / 350, abs=1e-3)
    wire.switch.write("ROUT:OPEN:ALL;:ROUT:CLOS (@102)")
    wire.on()
    wire.sensor.write("SENS:FREQ 7e9;:UNIT:POW W")
    power_W = float(wire.sensor.query("READ?")) * abs(tracking / tracking_A)[6]  # at 7 GHz
    current_A = sqrt(2 * power_W / 50.0) * abs(1 - gamma[6])
    assert current_A == pytest.approx(wire.truth()["current"], rel=1e-3)


def test_analyser_sees_an_open_end_while_the_strip_is_on_the_source(wire):
    away = reflection(wire)
    connect(wire, "open", "A")
    assert away == pytest.approx(reflection(wire), abs=1e-9)
    connect(wire, "strip")
    wire.switch.write("ROUT:CLOS (@202)")
    assert np.abs(reflection(wire) - away).max() > 0.05


def test_standard_may_stand_in_the_bench_file(open_wire, tmp_path):
    wire = open_wire("noise=off", bench_file(tmp_path, standard="short", plane="A"))
    assert (wire.lab.bench.network.device, wire.lab.bench.network.plane) == ("short", "A")
    routed = open_wire("noise=off", bench_file(tmp_path, connected="vna"))
    assert routed.lab.bench.network.routed
    routed.on()
    assert routed.lab.bench.rf.current_A_peak == 0.0


# --- what can go wrong ----------------------------------------------------------------------------------------


def fault(wire, kind, **arguments):
    wire.lab.faults.add({"kind": kind, "arguments": arguments})


def test_unlevelled_source_says_so_and_falls_short(wire):
    wire.on()
    wire.field(3.0)
    voltage_V = wire.volts()
    assert wire.source.query("STAT:QUES:POW:COND?;:STAT:QUES:COND?") == "0;0"
    fault(wire, "unlevelled", short_dB=3.0)
    assert wire.source.query("STAT:QUES:POW:COND?;:STAT:QUES:COND?") == "2;8"
    assert wire.volts() == pytest.approx(voltage_V * 10**-0.3, abs=1e-9)
    fault(wire, "unlevelled", short_dB=0.0)
    assert wire.source.query("STAT:QUES:POW:COND?") == "0"
    wire.source.write("POW 24")  # above what it can level
    assert wire.source.query("STAT:QUES:POW:COND?") == "2"


def test_field_that_creeps_is_seen_by_sample_and_gaussmeter(wire):
    wire.field(3.0)
    before_T = float(wire.gaussmeter.query("RDGFIELD?"))
    fault(wire, "field_drift", T_per_s=1e-6)
    wire.clock.sleep(100.0)
    assert float(wire.gaussmeter.query("RDGFIELD?")) - before_T == pytest.approx(1e-4, abs=3e-6)
    fault(wire, "field_drift", T_per_s=0.0)
    wire.clock.sleep(100.0)
    assert float(wire.gaussmeter.query("RDGFIELD?")) - before_T == pytest.approx(1e-4, abs=3e-6)


def test_knocked_probe_reads_another_field_but_the_line_stays(wire):
    wire.on()
    wire.field(3.0)
    before_T, voltage_V = float(wire.gaussmeter.query("RDGFIELD?")), wire.volts()
    fault(wire, "probe_moved", ratio=0.98, angle_deg=10.0)
    wire.clock.sleep(1.0)
    shown_T = float(wire.gaussmeter.query("RDGFIELD?"))
    assert shown_T / before_T == pytest.approx(0.98 * cos(radians(10.0)), rel=1e-4)
    assert wire.volts() == pytest.approx(voltage_V, abs=1e-9)


def test_open_contact_takes_signal_and_current_away_until_it_closes(wire):
    wire.on()
    wire.field(3.0)
    voltage_V = wire.volts()
    set_smu(wire, 1e-4, 5.0)
    fault(wire, "contact_opens")
    assert wire.smu.query("SENS:VOLT:PROT:TRIP?") == "1"
    assert abs(float(wire.smu.query("READ?").split(",")[1])) < 1e-9
    wire.smu.write("OUTP 0")
    assert wire.volts() == 0.0
    assert wire.lab.bench.rf.current_A_peak < 1e-9
    fault(wire, "contact_closes")
    assert wire.volts() == pytest.approx(voltage_V, rel=1e-4)


def test_loose_connector_weakens_the_line(wire):
    wire.on()
    wire.field(3.0)
    voltage_V = wire.volts()
    fault(wire, "connector_loosened", inductance_H=300e-12, loss_dB=1.0)
    assert abs(wire.volts()) < 0.85 * abs(voltage_V)
    fault(wire, "connector_loosened", inductance_H=0.0, loss_dB=0.0)
    assert wire.volts() == pytest.approx(voltage_V, abs=1e-9)


def test_interlock_notes_a_contact_that_was_open(wire):
    assert wire.interlock.query("INP1:STAT?") == "1"
    wire.lab.faults.add({"kind": "interlock_opens", "at": 10.0})
    wire.lab.faults.add({"kind": "interlock_closes", "at": 11.0})
    wire.clock.sleep(10.5)
    assert wire.interlock.query("INP1:STAT?") == "0"
    assert wire.interlock.query("INP2:STAT?") == "1"
    wire.interlock.write("INP:EVEN:CLE")
    wire.clock.sleep(5.0)
    assert wire.interlock.query("INP1:STAT?") == "1"
    assert wire.interlock.query("INP:EVEN?") == "1"
    wire.interlock.write("INP:EVEN:CLE")
    assert wire.interlock.query("INP:EVEN?") == "0"


def test_supply_trip_lets_the_field_decay(wire):
    wire.field(5.0)
    wire.lab.faults.add({"device": "field", "kind": "trip"})
    wire.clock.sleep(5.0)
    assert float(wire.gaussmeter.query("RDGFIELD?")) == pytest.approx(2e-3, rel=1e-3)  # the remanence
    assert "-300" in wire.magnet.query("SYST:ERR?")


# --- the magnet -----------------------------------------------------------------------------------------------


def test_warm_coil_needs_more_voltage_and_comes_to_the_supplys_limit(open_wire, tmp_path):
    wire = open_wire("noise=off", bench_file(tmp_path, magnet={"heating_per_A2": 1e-3, "heating_s": 300.0}))
    wire.magnet.write("FUNC:MODE CURR;:VOLT 24;:CURR 10;:OUTP 1")
    wire.clock.sleep(5.0)
    assert float(wire.magnet.query("MEAS:VOLT?")) == pytest.approx(20.0, rel=0.01)
    wire.clock.sleep(3000.0)
    assert float(wire.magnet.query("MEAS:CURR?")) == pytest.approx(10.0, abs=1e-3)
    assert float(wire.magnet.query("MEAS:VOLT?")) == pytest.approx(22.0, rel=0.01)  # 10 % warmer
    wire.magnet.write("VOLT 21")
    wire.clock.sleep(3000.0)
    assert float(wire.magnet.query("MEAS:VOLT?")) == pytest.approx(21.0, rel=0.005)
    assert float(wire.magnet.query("MEAS:CURR?")) == pytest.approx(9.587, rel=0.005)  # I (1 + 1e-3 I^2) = 10.5
