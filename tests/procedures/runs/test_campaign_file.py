"""Campaign files: what they mean, and that whatever is wrong with one is said in one line that names file and place."""

import random
from contextlib import contextmanager
from pathlib import Path

import pytest

from sotlab.errors import SotlabError
from sotlab.procedures.runs.campaign_file import CampaignFile
from sotlab.procedures.runs.jobs import check_places, list_jobs

from .campaigns import write

GOOD = """
[campaign]
station = "virtual:stfmr"
on_failure = "retry 2, then stop"
retry_after = "1 min"

[notify]
command = ["echo", "{title}: {message}"]
on = ["failure", "end"]

[items.coil]                       # before anything else
calibrate = "coil"
reuse_younger_than = "8 h"

[items.fmr]
procedure = "STFMRFieldSweep"
after = "coil"
set = { points = 21, start = "45 mT", stop = 0.08 }
devices = ["A", "B"]
uncertainty = { field_res = "0.1 mT" }
[items.fmr.loop]
power = ["10 dBm", "15 dBm"]
frequency = { start = "5 GHz", stop = "7 GHz", step = "1 GHz" }
[items.fmr.start_when]
time_of_day = ["22:00", "06:00"]
reading = { gaussmeter = ["-1 mT", "1 mT"] }
interlock = "closed"
timeout = "2 h"

[items.other]
procedure = "SCANS:Reading"
loop = [{ level = "1 mT", points = 2 }, { level = "2 mT", points = 4 }]
"""


def load(folder, text):
    file = CampaignFile.load(write(folder, text))
    return file, list_jobs(file)


def test_loops_are_written_out_the_last_one_fastest(tmp_path):
    file, jobs = load(tmp_path, GOOD)
    labels = [job.label for job in jobs if job.item == "fmr"][:6]
    assert labels[0] == "fmr [power=10 dBm, frequency=5 GHz, A]"
    assert [job.values["frequency"] for job in jobs if job.item == "fmr"][:4] == ["5 GHz", "6 GHz", "7 GHz", "5 GHz"]
    assert [job.values["power"] for job in jobs if job.item == "fmr"][:4] == ["10 dBm"] * 3 + ["15 dBm"]
    assert len({job.key for job in jobs}) == len(jobs) == 1 + 12 + 2
    assert [(job.values["level"], job.values["points"]) for job in jobs[-2:]] == [("1 mT", 2), ("2 mT", 4)]
    assert file.policy("fmr").model_dump() == {"retries": 2, "then": "stop"}
    assert file.policy("fmr", interlock=True).then == "stop"
    assert file.items["coil"].reuse_younger_than == 8 * 3600.0
    assert file.items["fmr"].start_when.reading == {"gaussmeter": (-1e-3, 1e-3)}


@pytest.mark.parametrize(
    ("span", "values"),
    [
        ('{ start = 0.1, stop = 0.3, step = "100 mT" }', ["100 mT", "200 mT", "300 mT"]),
        ('{ start = "1 mT", stop = "3 mT", points = 3 }', ["1 mT", "2 mT", "3 mT"]),
        ('{ start = "3 mT", stop = "1 mT", step = "-1 mT" }', ["3 mT", "2 mT", "1 mT"]),
        ('{ start = "1 mT", stop = "2.5 mT", step = "1 mT" }', ["1 mT", "2 mT"]),
        ('{ start = "1 mT", stop = "9 mT", points = 1 }', ["1 mT"]),
    ],
)
def test_a_range_holds_both_ends_and_reads_as_it_would_be_typed(tmp_path, span, values):
    text = f'[campaign]\nstation = "virtual:stfmr"\n[items.a]\nprocedure = "SCANS:Reading"\nloop.level = {span}'
    _, jobs = load(tmp_path, text)
    assert [job.values["level"] for job in jobs] == values


@pytest.mark.parametrize(
    ("good", "bad", "named"),
    [
        ("[campaign]", "[campaing]", ["night.toml", "campaing"]),
        ('station = "virtual:stfmr"', "", ["[campaign] station is missing", "coil"]),
        ('"retry 2, then stop"', '"retry"', ["[campaign] on_failure", "'skip'", "retry 2"]),
        ('"1 min"', '"1 T"', ["[campaign] retry_after", "T", "s"]),
        ('"1 min"', "-1", ["[campaign] retry_after", "-1"]),
        ("{title}", "{titel}", ["[notify] command", "{titel}", "title"]),
        ("{title}", "{title", ["[notify] command", "brace"]),
        ('"failure", "end"', '"failures"', ["[notify.on]", "failures"]),
        ('calibrate = "coil"', 'calibrate = "coils"', ["[items.coil] calibrate", "'coils'", "coil"]),
        (
            'calibrate = "coil"',
            'calibrate = "coil"\nprocedure = "x"',
            ["items", "coil", "one of procedure and calibrate"],
        ),
        ('"8 h"', '"8 hours ago"', ["[items.coil] reuse_younger_than", "8 hours ago"]),
        ('"STFMRFieldSweep"', '"STFMR"', ["[items.fmr] procedure", "'STFMR'", "STFMRFieldSweep"]),
        ('"STFMRFieldSweep"', '"nowhere.py:A"', ["[items.fmr] procedure", "nowhere.py"]),
        ('"STFMRFieldSweep"', '"os.path:join"', ["[items.fmr] procedure", "no procedure"]),
        ('after = "coil"', 'after = "other"', ["[items.fmr] after", "'other'", "coil"]),
        ("points = 21", "points = 1", ["[items.fmr]", "'points'", "2 to"]),
        ("points = 21", "pionts = 21", ["[items.fmr]", "'pionts'", "points"]),
        ('"45 mT"', '"45 GHz"', ["[items.fmr]", "'start'", "GHz"]),
        ("points = 21", 'sample = "a.toml"', ["[items.fmr]", "samples = [...]"]),
        ('["10 dBm", "15 dBm"]', "[]", ["[items.fmr] loop", "no values"]),
        ('["10 dBm", "15 dBm"]', '"10 dBm"', ["[items.fmr] loop", "list of values"]),
        ('["10 dBm", "15 dBm"]', "[[1]]", ["[items.fmr] loop", "power"]),
        ('step = "1 GHz"', 'step = "-1 GHz"', ["[items.fmr] loop", "frequency", "-1 GHz"]),
        ('step = "1 GHz"', "step = 0", ["[items.fmr] loop", "frequency"]),
        ('step = "1 GHz"', "step = 1", ["[items.fmr] loop"]),
        ('step = "1 GHz"', 'step = "1 mT"', ["[items.fmr] loop", "mT"]),
        ('step = "1 GHz"', "", ["[items.fmr] loop", "step and points"]),
        ('"22:00"', '"22 pm"', ["items.fmr.start_when", "22 pm"]),
        ("gaussmeter =", "field =", ["items.fmr", "start_when", "'field'", "gaussmeter"]),
        ('["-1 mT", "1 mT"]', '["1 mT", "-1 mT"]', ["start_when", "lowest is above"]),
        ('["-1 mT", "1 mT"]', '"1 mT"', ["start_when", "[lowest, highest]"]),
        ('interlock = "closed"', "interlock = true", ["[items.fmr.start_when] interlock", "closed"]),
        ("[items.other]", "[items.'a b']", ["[items.a b]", "letters"]),
        ("[items.other]", "[items.fmr]", ["not TOML"]),
        ("[campaign]", 'path = "x"\n[campaign]', ["path", "no such key"]),
    ],
)
def test_what_is_wrong_is_named_in_one_line(tmp_path, good, bad, named):
    assert good in GOOD
    with pytest.raises(SotlabError) as caught:
        load(tmp_path, GOOD.replace(good, bad))
    for word in ["night.toml", *named]:
        assert word in str(caught.value)


def test_a_file_that_is_not_there_or_empty_is_named(tmp_path):
    with pytest.raises(SotlabError, match=r"none\.toml.*cannot be read"):
        CampaignFile.load(tmp_path / "none.toml")
    with pytest.raises(SotlabError, match=r"night\.toml.*items"):
        load(tmp_path, "")


def test_a_damaged_file_is_one_line_and_never_a_traceback(tmp_path):
    pieces = [
        "=",
        "[",
        "]",
        '"',
        "{",
        "}",
        "nan",
        "-inf",
        "1e999",
        "\x00",
        "{}",
        "[[",
        "true",
        "1979-05-27",
        "'''",
        "\n",
    ]
    pieces += ["[items.fmr]\n", "loop = 3\n", "set = []\n", "stations = [1]\n", "after = [[]]\n", "\\u0000", "9" * 5000]
    refused = []
    for seed in range(150):
        chance = random.Random(seed)
        text = GOOD
        for _ in range(chance.randint(1, 4)):
            at, gone = chance.randrange(len(text)), chance.choice((0, 1, 5, 40))
            text = text[:at] + chance.choice(pieces) + text[at + gone :]
        with suppress_into(refused):
            load(tmp_path, text)
    assert len(refused) > 60  # or it was hardly damaged
    assert all("night.toml" in message and "\n" not in message for message in refused)


def test_a_file_cut_at_any_byte_is_one_line_and_never_a_traceback(tmp_path):
    refused = []
    for end in range(0, len(GOOD), 7):
        with suppress_into(refused):
            load(tmp_path, GOOD[:end])
    assert refused
    assert all("night.toml" in message for message in refused)


@contextmanager
def suppress_into(messages):
    """Collect what sotlab refuses; anything else is a traceback, and fails the test."""
    try:
        yield
    except SotlabError as error:
        messages.append(str(error))


ROOT = Path(__file__).parents[3]


def documented():
    """Return the campaign files that people are shown."""
    page = (ROOT / "docs" / "campaigns.md").read_text(encoding="utf-8")
    return {
        "docs/campaigns.md": page.split("```toml\n")[1].split("```")[0],
        "examples/night.toml": (ROOT / "examples" / "night.toml").read_text(encoding="utf-8"),
    }


@pytest.mark.parametrize("name", documented())
def test_what_people_are_shown_is_a_campaign(tmp_path, name):
    _, jobs = load(tmp_path, documented()[name])
    assert len(jobs) > 5


@pytest.mark.parametrize(
    ("item", "named"),
    [
        ('stations = "none.toml"', ["[items.a]", "none.toml", "does not exist"]),
        ('samples = "none.toml"', ["[items.a]", "none.toml", "cannot be read"]),
        ('devices = "C9"', ["[items.a]", "C9"]),
        ('stations = "virtual:thz"\nstart_when.reading.temperature = [4, 5]', ["[items.a]", "role 'temperature'"]),
        ('procedure = "SCANS:HallShaped"', ["[items.a]", "role 'ac_source'", "stfmr.toml"]),
    ],
)
def test_what_is_missing_is_told_before_the_night(tmp_path, item, named):
    procedure = "" if "procedure" in item else 'procedure = "SCANS:Reading"\n'
    file, jobs = load(tmp_path, f'[campaign]\nstation = "virtual:stfmr"\n[items.a]\n{procedure}{item}\n')
    with pytest.raises(SotlabError) as caught:
        check_places(file, jobs)
    for word in named:
        assert word in str(caught.value)
