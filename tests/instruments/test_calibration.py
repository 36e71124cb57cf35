"""Calibration files: written once, read whole; what is damaged, foreign or old is said in one line."""

import tomllib
from datetime import datetime, timedelta, timezone
from itertools import pairwise

import pytest

from sotlab.errors import LimitError, StationError
from sotlab.instruments.calibration import CalibratedValue, Calibration
from sotlab.instruments.field_line import FieldLine
from sotlab.instruments.levels import LevelTable, LossTable
from sotlab.instruments.station import Station

KEPCO = "KEPCO,BOP 50-20MG,SIM0001,2.47"
DATE = datetime(2026, 3, 1, 12, 30, 15, 250000, tzinfo=timezone(timedelta(hours=9)))


def value(number, sigma, unit):
    return CalibratedValue(value=number, sigma=sigma, unit=unit)


def coil(**changes):
    content = {
        "kind": "coil",
        "role": "field",
        "date": DATE,
        "run": "20260301-123000-0000a",
        "simulated": True,
        "instrument": KEPCO,
        "values": {
            "slope_positive": value(0.02, 1e-6, "T/A"),
            "slope_negative": value(0.0199, 1e-6, "T/A"),
            "remanence": value(2e-3, 1e-6, "T"),
        },
        "points": {"Current Set (A)": [0.1, -1 / 3], "Field (T)": [2e-3, 1e-300]},
        "notes": ['with "quotes", µ and # inside'],
    }
    return Calibration(**content | changes)


def zero(**changes):
    content = {"kind": "gaussmeter_zero", "role": "gaussmeter", "instrument": "", "points": {}}
    return coil(**content | {"values": {"zero": value(1e-4, 3e-7, "T")}} | changes)


def ratio(number=1.05, sigma=0.002):
    return zero(kind="probe_ratio", values={"ratio": value(number, sigma, "1")})


STATION = """
[station]
name = "bench"
visa_library = "stfmr?clock=virtual&noise=off@sotlab"

[roles.field]
driver = "KepcoBOP50-20MG"
resource = "GPIB0::6::INSTR"
options = { tesla_per_ampere = 0.02, time_constant_s = 0.15 }
limits = { field_T = [-0.38, 0.38], field_rate_T_per_s = 0.1 }

[roles.gaussmeter]
driver = "LakeShore475"
resource = "GPIB0::12::INSTR"
options = { zero_sigma_T = 20e-6 }

[roles.microwave]
driver = "E8257D"
resource = "GPIB0::19::INSTR"

[calibrations]
"""


@pytest.fixture
def open_station(tmp_path):
    """Open a station whose [calibrations] names these calibrations, by role."""
    opened = []

    def open_one(*calibrations, text="", roles=("field", "gaussmeter")):
        lines = {}
        for calibration in calibrations:
            file = calibration.write(tmp_path / "calibrations")
            lines.setdefault(calibration.role, []).append(f"calibrations/{file.name}")
        path = tmp_path / "station.toml"
        body = "".join(f"{role} = {files}\n" for role, files in lines.items())
        path.write_text(STATION + body + text, encoding="utf-8")
        opened.append(Station.open(str(path), roles))
        return opened[-1]

    yield open_one
    for station in opened:
        station.close()


# -- the file -----------------------------------------------------------------------------------------------------


def test_a_file_gives_back_every_digit_and_says_simulated(tmp_path):
    path = coil().write(tmp_path / "calibrations")
    assert path.name == "coil-field-20260301-123015.toml"
    assert Calibration.load(path).model_dump() == coil().model_dump()
    text = path.read_text(encoding="utf-8")
    assert "SIMULATED" in text.splitlines()[1]
    assert tomllib.loads(text)["simulated"] is True
    assert tomllib.loads(text)["date"] == DATE
    assert "SIMULATED" not in coil(simulated=False).write(tmp_path).read_text(encoding="utf-8")


def test_a_file_is_never_written_over(tmp_path):
    first = coil().write(tmp_path)
    before = first.read_bytes()
    second = coil(notes=["another"]).write(tmp_path)
    assert second.name == "coil-field-20260301-123015-2.toml"
    assert first.read_bytes() == before
    assert Calibration.load(second).notes == ["another"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "calibrations").write_text("in the way", encoding="utf-8")
    with pytest.raises(StationError, match="calibrations"):
        coil().write(tmp_path / "calibrations")


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("schema_version = 1", "schema_version = 2", ["schema_version", "2"]),
        ('kind = "coil"', "", ["kind"]),
        ('unit = "T"', "", ["values.remanence", "unit"]),
        ("value = 0.002", "value = nan", ["values.remanence", "value"]),
        ("sigma = 1e-06", "sigma = -1e-06", ["sigma"]),
        ("2026-03-01T12:30:15.250000+09:00", "2026-03-01T12:30:15", ["date", "timezone"]),
        ("simulated = true", "", ["simulated"]),
        ("[0.1, ", "[0.1, 0.2, ", ["differ in length"]),
        ("[points]", "[points", ["TOML"]),
        ("notes =", "nots =", ["nots"]),
    ],
)
def test_what_is_damaged_is_said_in_one_line(tmp_path, old, new, named):
    path = coil().write(tmp_path)
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(StationError) as raised:
        Calibration.load(path)
    message = str(raised.value)
    assert path.name in message
    assert "\n" not in message
    for word in named:
        assert word in message


# -- the station ---------------------------------------------------------------------------------------------------


def test_the_snapshot_holds_the_calibrations_in_use_whole(open_station):
    station = open_station(coil(), zero(), ratio(), roles=("gaussmeter",))
    held = station.snapshot()["calibrations"]
    assert list(held) == ["gaussmeter"]  # the field is not open
    assert [Calibration.model_validate(one) for one in held["gaussmeter"]] == [zero(), ratio()]
    station.open_role("field")
    assert Calibration.model_validate(station.snapshot()["calibrations"]["field"][0]) == coil()


@pytest.mark.parametrize(
    ("calibration", "named"),
    [
        (coil(instrument="KEPCO,BOP 50-20MG,SIM0002,2.47"), ["coil-field", "SIM0002", "SIM0001", "field"]),
        (coil(kind="gaussmeter_zero"), ["gaussmeter_zero-field", "'gaussmeter_zero'", "takes: coil"]),
        (coil(values={"slope_positive": value(0.02, 0.0, "T/A")}), ["coil-field", "'slope_negative'"]),
        (
            coil(values={"slope_positive": value(0.02, 0.0, "T/V"), "slope_negative": value(0.02, 0.0, "T/V")}),
            ["T/V", "T/A"],
        ),
        (
            coil(
                values={
                    "slope_positive": value(0.02, 0.0, "T/A"),
                    "slope_negative": value(-0.02, 0.0, "T/A"),
                    "remanence": value(0.0, 0.0, "T"),
                }
            ),
            ["one sign"],
        ),
        (zero(values={"zero": value(1.0, 0.1, "G")}), ["gaussmeter_zero-gaussmeter", "'G'", "'T'"]),
        (ratio(0.0), ["probe_ratio-gaussmeter", "0"]),
    ],
)
def test_a_foreign_calibration_is_refused_in_one_line(open_station, calibration, named):
    with pytest.raises(StationError) as raised:
        open_station(calibration)
    message = str(raised.value)
    assert "\n" not in message
    for word in named:
        assert word in message


def test_the_calibration_of_another_role_and_two_of_a_kind_are_refused(open_station, tmp_path):
    file = zero().write(tmp_path / "calibrations")
    with pytest.raises(StationError, match="of the role 'gaussmeter', not 'field'"):
        open_station(text=f'field = "calibrations/{file.name}"')
    with pytest.raises(StationError, match="two calibrations 'gaussmeter_zero'"):
        open_station(zero(), zero())


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ('field = "calibrations/none.toml"', r"none\.toml.*cannot be read"),
        ('fild = "calibrations/none.toml"', r"names 'fild', which is no role"),
        ('field = { file = "x.toml", max_age = 3 }', "max_age"),
        ('field = { file = "x.toml", max_age_days = -3 }', "max_age_days"),
        ("field = 3", "calibrations"),
    ],
)
def test_what_is_wrong_in_the_table_is_named(open_station, line, named):
    with pytest.raises(StationError, match=named) as raised:
        open_station(text=line)
    assert "\n" not in str(raised.value)


def test_a_new_firmware_is_the_same_instrument(open_station):
    open_station(coil(instrument="Kepco, BOP 50-20MG,SIM0001,9.99"))


def test_what_was_measured_on_a_virtual_bench_is_refused_for_a_real_instrument(tmp_path):
    (tmp_path / "mine.py").write_text(
        "from sotlab.instruments.field_probe import FieldProbe, FieldProbeOptions\n"
        "class Mine(FieldProbe):\n"
        "    options_model = FieldProbeOptions\n"
        "    def identify(self):\n"
        "        return 'Maker,Model,4711,1.0'\n"
        "    def read_probe(self):\n"
        "        return 0.5\n",
        encoding="utf-8",
    )
    real, simulated = (zero(simulated=simulated, instrument="").write(tmp_path) for simulated in (False, True))
    station = tmp_path / "station.toml"
    text = (
        '[station]\nname = "real"\nvisa_library = "@py"\n[roles.gaussmeter]\ndriver = "mine.py:Mine"\n'
        "options = { zero_sigma_T = 0 }\n[calibrations]\n"
    )
    station.write_text(f'{text}gaussmeter = "{simulated.name}"\n', encoding="utf-8")
    with pytest.raises(StationError, match="SIMULATED"):
        Station.open(str(station))
    station.write_text(f'{text}gaussmeter = "{real.name}"\n', encoding="utf-8")
    with Station.open(str(station)) as opened:
        assert opened["gaussmeter"].read_field() == 0.5 - 1e-4


def test_what_is_too_old_or_from_the_future_is_told(open_station, tmp_path):
    now = datetime.now().astimezone()
    files = [
        zero(date=now - timedelta(days=days)).write(tmp_path / str(days)).relative_to(tmp_path).as_posix()
        for days in (8, 6, -1)
    ]
    told = []
    for file in files:
        text = f'gaussmeter = {{ file = "{file}", max_age_days = 7 }}\n'
        told.append(open_station(text=text).old_calibrations())
    assert [len(rows) for rows in told] == [1, 0, 1]
    assert told[0][0] == {
        "role": "gaussmeter",
        "kind": "gaussmeter_zero",
        "file": files[0],
        "age_days": pytest.approx(8.0, abs=0.02),
        "max_age_days": 7.0,
    }
    assert told[2][0]["age_days"] == pytest.approx(-1.0, abs=0.02)
    assert open_station(zero(date=now - timedelta(days=10_000))).old_calibrations() == []  # no age was asked for


# -- what drivers do with it ---------------------------------------------------------------------------------------


def test_a_gaussmeter_subtracts_its_zero_and_knows_the_field_at_the_sample(open_station):
    plain = open_station()
    plain["field"].ramp_to(0.1)
    raw_T = plain["gaussmeter"].read_field()
    assert plain["gaussmeter"].sample_field(raw_T) == (raw_T, 20e-6)
    calibrated = open_station(zero(), ratio(1.05, 0.002))
    calibrated["field"].ramp_to(0.1)
    meter = calibrated["gaussmeter"]
    assert meter.read_probe() == pytest.approx(raw_T, abs=2e-6)
    assert meter.read_field() == meter.read_probe() - 1e-4
    assert meter.zero_sigma_T == 3e-7
    field_T, sigma_T = meter.sample_field(0.1)
    assert field_T == pytest.approx(0.105, rel=1e-12)
    assert sigma_T**2 == pytest.approx((0.1 * 0.002) ** 2 + (1.05 * 3e-7) ** 2, rel=1e-12)


def true_field_T(station):
    lab = station.visa_library.lab
    return lab.bench.field_T(lab.clock.now())


def test_with_the_coil_calibrated_the_field_comes_out_on_both_branches(open_station):
    # The bench: 20 mT/A and 2 mT of remanence; its iron is on one branch 2 A = 40 mT after a turn.
    errors = {}
    slopes = {f"slope_{sign}": value(0.02, 0.0, "T/A") for sign in ("positive", "negative")}
    calibrated = coil(values={**slopes, "remanence": value(2e-3, 0.0, "T")})
    for name, calibrations in (("options", ()), ("calibration", (calibrated,))):
        station = open_station(*calibrations)
        errors[name] = []
        for field_T in (0.3, 0.1, 0.0, -0.1, -0.3, -0.1, 0.0, 0.1):
            station["field"].ramp_to(field_T)
            if abs(field_T) < 0.2:
                errors[name].append(true_field_T(station) - field_T)
        station.close()
    assert errors["options"] == pytest.approx([2e-3] * 3 + [-2e-3] * 3, abs=2e-6)
    assert errors["calibration"] == pytest.approx([0.0] * 6, abs=2e-6)  # what the ramp leaves: settled_T


def test_where_the_way_turns_the_current_goes_on_from_where_it_is(open_station):
    station = open_station(coil())
    field = station["field"]
    sent = []
    send = field.send_drive
    field.send_drive = lambda drive: (sent.append(drive), send(drive))[1]
    field.ramp_to(0.1)
    assert sent[-1] == pytest.approx(0.102 / 0.02)
    field.ramp_to(0.1)
    assert len(sent) == round(0.102 / 0.01 + 0.49)  # steps of 10 mT; the same field again sends nothing
    up = list(sent)
    assert up == sorted(up)
    field.ramp_to(0.0999)  # falling: 0.0979 / 0.02
    down = sent[len(up) :]
    assert down == sorted(down, reverse=True)
    assert down[0] < up[-1]
    assert down[-1] == pytest.approx(0.0979 / 0.02)
    assert max(abs(b - a) for a, b in pairwise(sent)) <= 0.01 / 0.02 * (1 + 1e-9)
    field.ramp_to(-0.1)  # through zero, to the other polarity's slope
    assert sent[-1] == pytest.approx(-0.102 / 0.0199)
    station.make_safe()
    assert sent[-1] == 0.0


def test_a_safe_magnet_has_no_current_from_wherever_it_is(open_station):
    for field_T in (0.001, -0.001, 0.1, -0.1):
        station = open_station(coil())
        station["field"].ramp_to(field_T)
        assert station.make_safe() == {"field": None}
        assert station["field"].drive == 0.0
        assert station["field"].instrument.output_enabled is False
        station.close()


def test_limits_hold_for_the_current_that_the_calibration_asks_for(open_station):
    weak = {f"slope_{sign}": value(0.01, 0.0, "T/A") for sign in ("positive", "negative")}
    field = open_station(coil(values={**weak, "remanence": value(2e-3, 0.0, "T")}))["field"]
    field.check(0.198)  # 20 A on the rising branch
    with pytest.raises(LimitError, match="current"):
        field.check(0.1981)
    with pytest.raises(LimitError, match="current"):
        field.check_drive(20.1)
    with pytest.raises(LimitError, match="field"):
        open_station()["field"].check_drive(19.1)  # 382 mT


@pytest.mark.parametrize("branch", [-1, 0, 1])
@pytest.mark.parametrize("line", [FieldLine(0.02, 0.019, 2e-3), FieldLine(-0.02, -0.021, -1e-3), FieldLine(1.0, 1.0)])
def test_a_line_leads_to_the_drive_and_back(line, branch):
    for drive in (-7.0, -0.05, 0.0, 0.05, 3.0):
        assert line.drive(line.field_T(drive, branch), branch) == pytest.approx(drive, abs=1e-12)


def levels(**changes):
    grid = [(f, p, -f / 1e9 - p / 10, 0.1) for f in (2e9, 4e9, 6e9) for p in (0.0, 10.0)]
    names = ("Frequency (Hz)", "Power Set (dBm)", "Level (dB)", "Level Sigma (dB)")
    points = {name: [row[k] for row in grid] for k, name in enumerate(names)}
    values = {"level": value(-4.5, 0.1, "dB"), "interpolation": value(0.3, 0.1, "dB")}
    content = {"kind": "source_level", "role": "microwave", "instrument": "", "values": values, "points": points}
    return coil(**content | changes)


def losses():
    points = {"Frequency (Hz)": [2e9, 6e9], "Loss (dB)": [1.0, 3.0], "Loss Sigma (dB)": [0.4, 0.4]}
    return levels(kind="cable_loss", values={"loss": value(2.0, 0.1, "dB")}, points=points)


def test_a_source_knows_what_arrives_and_is_still_set_as_it_was(open_station):
    plain = open_station(roles=("microwave",))["microwave"]
    assert plain.calibrated_level(3e9, 5.0) is None
    source = open_station(levels(), losses(), roles=("microwave",))["microwave"]
    source.set_power(5.0)
    assert source.instrument.power == 5.0
    level_dBm, sigma_dB = source.calibrated_level(3e9, 5.0)
    assert level_dBm == pytest.approx(5.0 - 3.5 - 1.5)
    assert sigma_dB == pytest.approx((0.1**2 + 0.3**2 + 0.4**2) ** 0.5)
    on_the_grid = source.calibrated_level(4e9, 5.0)
    assert on_the_grid[1] == pytest.approx((0.1**2 + 0.4**2) ** 0.5)
    for frequency_Hz, power_dBm in ((1.9e9, 5.0), (3e9, 10.1)):
        with pytest.raises(StationError, match=r"source_level-microwave.*calibrated from"):
            source.calibrated_level(frequency_Hz, power_dBm)


def test_a_level_table_must_be_a_full_grid():
    with pytest.raises(StationError, match="full grid"):
        LevelTable([(1e9, 0.0, 0.0, 0.1), (2e9, 0.0, 0.0, 0.1), (1e9, 1.0, 0.0, 0.1)], "file")
    with pytest.raises(StationError, match="'Loss \\(dB\\)'"):
        LossTable.from_calibration(levels())


def test_who_turns_by_hand_is_told_the_reading_of_the_scale(tmp_path):
    zero_deg = {"zero": value(-3.5, 0.1, "deg")}
    file = coil(kind="rotator_zero", role="rotator", instrument="operator", values=zero_deg).write(tmp_path)
    station = tmp_path / "station.toml"
    station.write_text(
        '[station]\nname = "by hand"\nvisa_library = "stfmr@sotlab"\n[roles.rotator]\ndriver = "ManualRotator"\n'
        f'[calibrations]\nrotator = "{file.name}"\n',
        encoding="utf-8",
    )
    asked = []
    with Station.open(str(station)) as opened:
        opened.operator = asked.append
        opened["rotator"].move_to(45.0)
        assert opened["rotator"].read_angle() == 45.0
    assert asked == ["turn the magnet to 41.5 deg"]


def test_the_check_says_how_old_each_calibration_is(open_station):
    station = open_station(zero(date=datetime.now().astimezone() - timedelta(days=3)), ratio(), roles=())
    rows = {row["role"]: row["calibrations"] for row in station.check()}
    assert [one["kind"] for one in rows["gaussmeter"]] == ["gaussmeter_zero", "probe_ratio"]
    assert rows["gaussmeter"][0]["age_days"] == pytest.approx(3.0, abs=0.02)
    assert rows["field"] == []
