"""The sample file: its map of devices, and the current that its layers stand."""

import math

import pytest

from sotlab.errors import LimitError, StationError
from sotlab.instruments.sample import Sample
from sotlab.instruments.station import Station

FILE = """
name = "film"
strip_width_m = 10e-6
mu0_ms_T = 0.95
mu0_ms_sigma_T = 0.02
stack = [
  {{ material = "Pt", thickness_m = 6e-9{pt} }},
  {{ material = "NiFe", thickness_m = 6e-9{nife} }},
]
[devices."C1/D2/03"]
strip_width_m = 5e-6
note = "the wide contact is scratched"
[devices."C1/D2/04"]
"""


@pytest.fixture
def write(tmp_path):
    def write_one(pt="", nife="", more=""):
        path = tmp_path / "film.toml"
        path.write_text(more + FILE.format(pt=pt, nife=nife), encoding="utf-8")
        return path

    return write_one


LIMIT = ", max_current_density_A_per_m2 = 2e11"


def test_a_sample_without_limits_limits_nothing(write):
    assert Sample.load(write()).largest_current() is None


def test_layers_share_the_current_by_their_conductance(write):
    sample = Sample.load(write(LIMIT + ", resistivity_ohm_m = 25e-8", ", resistivity_ohm_m = 50e-8"))
    current_A, reason = sample.largest_current()
    # Pt carries 2/3: 2e11 A/m^2 x 60e-15 m^2 = 12 mA in Pt are 18 mA in all.
    assert current_A == pytest.approx(18e-3)
    assert reason == "2e+11 A/m^2 in Pt, carrying 66.7 % of it"


def test_where_a_resistivity_is_missing_the_layer_is_taken_to_carry_all(write):
    current_A, reason = Sample.load(write(LIMIT + ", resistivity_ohm_m = 25e-8")).largest_current()
    assert current_A == pytest.approx(12e-3)
    assert "taken to carry all of it" in reason


def test_the_layer_that_stands_least_decides(write):
    sample = Sample.load(write(LIMIT, ", max_current_density_A_per_m2 = 1e11"))
    current_A, reason = sample.largest_current()
    assert current_A == pytest.approx(6e-3)
    assert "in NiFe" in reason


def test_a_device_of_the_map_has_its_own_geometry(write):
    sample = Sample.load(write(LIMIT))
    assert sample.at("C1/D2/03").largest_current()[0] == pytest.approx(6e-3)
    assert sample.at("C1/D2/04").largest_current()[0] == pytest.approx(12e-3)
    assert sample.at("C1/D2/03").device == "C1/D2/03"
    with pytest.raises(StationError, match="film: no device 'C9' on its map; there are: C1/D2/03, C1/D2/04"):
        sample.at("C9")


def test_a_density_without_a_width_is_refused(write, tmp_path):
    path = write(LIMIT)
    path.write_text(path.read_text(encoding="utf-8").replace("strip_width_m = 10e-6\n", "", 1), encoding="utf-8")
    with pytest.raises(StationError, match="strip_width_m is missing"):
        Sample.load(path).largest_current()


@pytest.mark.parametrize(
    ("line", "named"),
    [("nm_side = 2\n", "nm_side"), ("colour = 1\n", "colour"), ("mu0_ms_sigma_T = -1\n", "mu0_ms_sigma_T")],
)
def test_what_is_wrong_in_the_file_is_named(write, line, named):
    path = write()
    text = path.read_text(encoding="utf-8").replace(
        "mu0_ms_sigma_T = 0.02\n", "" if "sigma" in line else "mu0_ms_sigma_T = 0.02\n"
    )
    path.write_text(line + text, encoding="utf-8")
    with pytest.raises(StationError, match=named):
        Sample.load(path)


DRIVER = """
from sotlab.instruments.driver import Driver


class Source(Driver):
    role = "my_source"
    through_sample = "current_A"
    hardware_limits = {"current_A": (-0.1, 0.1)}

    def identify(self):
        return "a source"

    def set_current(self, current_A):
        self.limits.check("current_A", current_A)
"""

STATION = """
[station]
name = "bench"
visa_library = "stfmr?clock=virtual@sotlab"
{sample}
[roles.my_source]
driver = "source.py:Source"
{limits}
"""


@pytest.fixture
def open_station(tmp_path, write):
    opened = []

    def open_one(pt=LIMIT, sample='sample = "film.toml"', limits=""):
        write(pt)
        (tmp_path / "source.py").write_text(DRIVER, encoding="utf-8")
        path = tmp_path / "station.toml"
        path.write_text(STATION.format(sample=sample, limits=limits), encoding="utf-8")
        opened.append(Station.open(str(path)))
        return opened[-1]

    yield open_one
    for station in opened:
        station.close()


@pytest.mark.parametrize("sign", [1, -1])
def test_no_source_exceeds_what_the_sample_stands(open_station, sign):
    source = open_station()["my_source"]
    source.set_current(sign * 11.99e-3)
    with pytest.raises(LimitError, match=r"12.01 mA asked, allowed -12 mA to 12 mA \(sample film: 2e\+11 A/m\^2 in Pt"):
        source.set_current(sign * 12.01e-3)


def test_the_stations_own_limit_counts_where_it_is_narrower(open_station):
    source = open_station(limits="[roles.my_source.limits]\ncurrent_A = [-1e-3, 1e-3]")["my_source"]
    with pytest.raises(LimitError, match=r"station.toml, \[roles.my_source.limits\] current_A"):
        source.set_current(2e-3)


def test_another_sample_brings_other_limits_wider_ones_too(open_station):
    station = open_station()
    sample = station.sample()
    station.protect(sample.at("C1/D2/03"))
    with pytest.raises(LimitError):
        station["my_source"].set_current(7e-3)
    station.protect(sample)
    station["my_source"].set_current(7e-3)


def test_a_nan_is_no_current(open_station):
    with pytest.raises(LimitError):
        open_station()["my_source"].set_current(math.nan)


def test_a_magnetoresistance_is_of_one_device_only(write):
    sample = Sample.load(write(more="delta_resistance_ohm = 1.5\ndelta_resistance_sigma_ohm = 0.1\n"))
    assert sample.delta_resistance_ohm == 1.5
    assert sample.at("C1/D2/03").delta_resistance_ohm is None
    assert (sample.identity, sample.at("C1/D2/03").identity) == ("film", "film/C1/D2/03")
