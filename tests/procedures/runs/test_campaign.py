"""A campaign: what happens when a run fails, is stopped or is forbidden, and how the queue goes on afterwards."""

import json
import sys
import threading
from datetime import datetime, time

import pytest

from sotlab.errors import RunError, UsageError
from sotlab.procedures.runs.campaign_file import StartWhen
from sotlab.procedures.runs.conditions import Timeline, is_within, unmet
from sotlab.procedures.runs.journal import read_journal
from sotlab.procedures.runs.notify import Notifier
from sotlab.procedures.runs.reader import read_run

from .campaigns import campaign, follow, write

THREE = """
[campaign]
station = "virtual:stfmr"
retry_after = 0
{top}
[items.read]
procedure = "SCANS:Reading"
set = {{ fail_at = 1 }}
loop = [{{ level = 0.1 }}, {{ level = 0.2, trouble = "{trouble}" }}, {{ level = 0.3 }}]
{more}
"""


def three(folder, top="", more="", trouble="9 failure"):
    """Write a campaign of three runs, of which the second fails as often as ``trouble`` says."""
    (folder / "trouble").write_text(trouble, encoding="utf-8")
    return write(folder, THREE.format(top=top, more=more, trouble=(folder / "trouble").as_posix()))


def outcome(work):
    status = work.run()
    return status, [job["status"] for job in work.summary()["jobs"]]


def events_of(work):
    return [event["event"] for event in read_journal(work.queue.path)]


def test_a_run_that_fails_does_not_hold_up_the_others(tmp_path):
    work = campaign(three(tmp_path))
    assert outcome(work) == ("incomplete", ["finished", "failed", "finished"])
    failed = work.summary()["jobs"][1]
    assert "trouble at point 1" in failed["error"]
    assert failed["rows"] == 1
    assert events_of(work)[-1] == "campaign_close"


def test_stop_stops_the_queue_and_the_next_start_tries_what_has_not_finished(tmp_path):
    path = three(tmp_path, top='on_failure = "stop"', trouble="1 failure")
    assert outcome(campaign(path)) == ("stopped", ["finished", "failed", "waiting"])
    again = campaign(path)
    assert outcome(again) == ("finished", ["finished", "finished", "finished"])
    # What had finished was not repeated, and what had failed went on in its folder at the point that was missing.
    begun = [event for event in read_journal(again.queue.path) if event["event"] == "job_begin"]
    assert [event["label"].split(",")[0] for event in begun] == [
        f"read [level={x}" for x in ("0.1]", "0.2", "0.2", "0.3]")
    ]
    assert begun[1]["folder"] == begun[2]["folder"]
    assert begun[2]["resumed"] is True
    rows = read_run(tmp_path / "runs" / begun[2]["folder"]).rows
    assert list(rows["Index"]) == [0, 1, 2]


def test_retry_tries_again_as_often_as_it_says_and_then_goes_on_or_stops(tmp_path):
    work = campaign(three(tmp_path, top='on_failure = "retry 2"', trouble="2 failure"))
    assert outcome(work) == ("finished", ["finished"] * 3)
    assert work.queue.state(work.queue.jobs[1]).attempts == 2
    for policy, expected in (
        ("retry 2", ("incomplete", ["finished", "failed", "finished"])),
        ("retry 1, then stop", ("stopped", ["finished", "failed", "waiting"])),
    ):
        folder = tmp_path / policy.replace(" ", "").replace(",", "")
        folder.mkdir()
        work = campaign(three(folder, more=f'on_failure = "{policy}"'))
        assert outcome(work) == expected
        assert work.queue.state(work.queue.jobs[1]).attempts == int(policy[6]) + 1


def test_an_interlock_stops_the_queue_unless_told_otherwise(tmp_path):
    assert outcome(campaign(three(tmp_path, trouble="9 interlock")))[0] == "interlock"
    path = three(tmp_path, trouble="9 interlock", top='on_interlock = "skip"')
    assert outcome(campaign(path, again=True)) == ("incomplete", ["finished", "failed", "finished"])


def test_what_comes_after_a_run_that_failed_is_skipped_with_the_reason(tmp_path):
    more = '[items.then]\nprocedure = "SCANS:Reading"\nafter = "read"\n[items.free]\nprocedure = "SCANS:Reading"\n'
    work = campaign(three(tmp_path, more=more))
    status, states = outcome(work)
    assert (status, states) == ("incomplete", ["finished", "failed", "finished", "skipped", "finished"])
    assert "read [level=0.2" in work.summary()["jobs"][3]["error"]


def test_a_run_that_was_stopped_is_gone_on_with_and_none_after_it_is_started(tmp_path):
    path = three(tmp_path, trouble="0 failure")

    def stop_in_the_second(run):
        if run.procedure.level == 0.2:
            run.bus.subscribe(lambda topic, record: work.stop() if topic == "results" else None)
        follow(run)

    work = campaign(path, followed=stop_in_the_second)
    assert outcome(work) == ("aborted", ["finished", "aborted", "waiting"])
    stopped = work.queue.folder(work.queue.jobs[1])
    again = campaign(path)
    assert outcome(again) == ("finished", ["finished"] * 3)
    assert again.queue.folder(again.queue.jobs[1]) == stopped
    assert list(read_run(stopped).rows["Index"]) == [0, 1, 2]
    # All of it has finished: a third start does nothing, and --again all of it.
    third = campaign(path)
    assert outcome(third) == ("finished", ["finished"] * 3)
    assert events_of(third).count("job_begin") == 4
    anew = campaign(path, again=True)
    assert outcome(anew)[0] == "finished"


def test_a_campaign_that_is_stopped_while_a_run_waits_for_its_retry_tries_it_when_it_goes_on(tmp_path):
    path = three(tmp_path, top='on_failure = "retry 1"', trouble="1 failure")

    def stop_after_the_second(run):
        follow(run)
        if run.procedure.level == 0.2:
            work.stop()

    work = campaign(path, followed=stop_after_the_second)
    assert outcome(work) == ("aborted", ["finished", "waiting", "waiting"])
    assert outcome(campaign(path)) == ("finished", ["finished"] * 3)


def test_a_folder_that_cannot_be_gone_on_with_is_left_and_the_run_begun_anew(tmp_path):
    path = three(tmp_path, top='on_failure = "stop"', trouble="1 failure")
    work = campaign(path)
    assert outcome(work)[0] == "stopped"
    left = work.queue.folder(work.queue.jobs[1])
    journal = left / "events.jsonl"
    journal.write_text(journal.read_text(encoding="utf-8").replace('"schema": 1', '"schema": 99'), encoding="utf-8")
    work = campaign(path)
    assert outcome(work) == ("finished", ["finished"] * 3)
    assert work.queue.folder(work.queue.jobs[1]) != left
    (anew,) = [event for event in read_journal(work.queue.path) if event["event"] == "job_anew"]
    assert "schema 99" in anew["reason"]
    assert len(read_run(left).rows) == 1


def test_an_edited_file_is_gone_on_with_by_what_its_runs_are(tmp_path):
    path = three(tmp_path, trouble="0 failure")
    assert outcome(campaign(path))[0] == "finished"
    path.write_text(path.read_text(encoding="utf-8").replace("0.3", "0.4"), encoding="utf-8")
    work = campaign(path)
    assert outcome(work) == ("finished", ["finished"] * 3)
    begun = [event["label"] for event in read_journal(work.queue.path) if event["event"] == "job_begin"]
    assert begun[-1] == "read [level=0.4]"
    assert len(begun) == 4


def test_two_programs_are_kept_off_one_campaign(tmp_path):
    path = three(tmp_path)
    first = campaign(path)
    with pytest.raises(RunError, match="another program is at the campaign 'night'"):
        campaign(path)
    first.queue.close()


def test_a_journal_cut_anywhere_or_damaged_is_recovered_from_or_refused_in_a_line(tmp_path):
    path = three(tmp_path, trouble="0 failure")
    work = campaign(path)
    work.run()
    journal, whole = work.queue.path, work.queue.path.read_bytes()
    finished = [line for line in whole.splitlines() if b'"job_end"' in line]
    for end in range(0, len(whole), 97):
        journal.write_bytes(whole[:end])
        queue = campaign(path).queue
        # A run counts as finished if its line was whole, and only then.
        states = [queue.state(job).status for job in queue.jobs]
        queue.close()
        assert states.count("finished") == sum(line + b"\n" in whole[:end] for line in finished)
    lines = whole.splitlines(keepends=True)
    for damage in (b"{}\n", b"[]\n", b'{"event": "job_end", "job": 3}\n', b'{"event": []}\n', b"\xff\xfe\n", b"1\n"):
        journal.write_bytes(b"".join([*lines[:2], damage, *lines[2:]]))
        with pytest.raises(RunError, match=r"line 3.*damaged") as caught:
            campaign(path)
        assert "\n" not in str(caught.value)
    journal.write_bytes(whole)
    campaign(path).queue.close()  # the lock was given back each time


def test_a_run_younger_than_asked_is_reused_also_by_another_campaign(tmp_path):
    text = (
        '[campaign]\nstation = "virtual:stfmr"\n[items.read]\nprocedure = "SCANS:Reading"\nreuse_younger_than = "{}"\n'
    )
    assert outcome(campaign(write(tmp_path, text.format("8 h"), "first.toml"))) == ("finished", ["finished"])
    assert outcome(campaign(write(tmp_path, text.format("8 h"), "second.toml"))) == ("finished", ["reused"])
    assert outcome(campaign(write(tmp_path, text.format("0 s"), "third.toml"))) == ("finished", ["finished"])


def test_a_condition_that_is_never_met_fails_the_run_after_its_timeout_and_says_what_is_missing(tmp_path):
    more = '[items.read.start_when]\nreading = { gaussmeter = ["0.2 T", "0.3 T"] }\ninterlock = "closed"\n'
    work = campaign(three(tmp_path, more=more + 'timeout = "1 h"\nevery = "10 min"\n', trouble="0 failure"))
    assert outcome(work) == ("incomplete", ["failed"] * 3)  # an hour of the bench's time each
    assert "gaussmeter reads" in work.summary()["jobs"][0]["error"]
    assert "200 mT to 300 mT" in work.summary()["jobs"][0]["error"]
    assert events_of(work).count("job_wait") == 3


def test_conditions_that_are_met_let_a_run_begin(tmp_path):
    more = '[items.read.start_when]\nreading = { gaussmeter = ["-0.1 T", "0.1 T"] }\ninterlock = "closed"\n'
    assert outcome(campaign(three(tmp_path, more=more, trouble="0 failure"))) == ("finished", ["finished"] * 3)


@pytest.mark.parametrize(
    ("now", "span", "within"),
    [
        ("23:00", ("22:00", "06:00"), True),
        ("05:59", ("22:00", "06:00"), True),
        ("06:00", ("22:00", "06:00"), False),
        ("12:00", ("22:00", "06:00"), False),
        ("12:00", ("06:00", "22:00"), True),
        ("22:00", ("06:00", "22:00"), False),
    ],
)
def test_a_time_of_day_may_go_over_midnight(now, span, within):
    assert is_within(time.fromisoformat(now), (time.fromisoformat(span[0]), time.fromisoformat(span[1]))) is within


def test_time_of_day_is_waited_for():
    when = StartWhen.model_validate({"time_of_day": ["22:00", "06:00"]})
    noon = datetime(2026, 1, 1, 12, 0).astimezone()
    assert unmet(when, noon, None) == ["it is 12:00, not between 22:00 and 06:00"]
    assert unmet(when, noon.replace(hour=23), None) == []
    assert abs((Timeline(noon).now() - noon).total_seconds()) < 10.0


def test_people_are_told_of_failures_and_of_the_end_and_a_command_that_fails_is_journalled(tmp_path):
    told = tmp_path / "told.txt"
    script = "import sys; open(sys.argv[1], 'a').write(sys.argv[2] + '|' + sys.argv[3] + chr(10))"
    command = json.dumps([sys.executable, "-c", script, told.as_posix(), "{event}", "{title}: {message}"])
    work = campaign(three(tmp_path, more=f"[notify]\ncommand = {command}"))
    work.run()
    lines = sorted(told.read_text(encoding="utf-8").splitlines())
    assert [line.partition("|")[0] for line in lines] == ["end", "failure"]
    assert "trouble at point 1" in lines[1]
    assert "1 failed, 2 finished" in lines[0]
    notified = [event for event in read_journal(work.queue.path) if event["event"] == "notified"]
    assert [event["problem"] for event in notified] == [None, None]
    work = campaign(three(tmp_path, more='[notify]\ncommand = ["no-such-program-at-all"]\non = ["end"]'), again=True)
    assert work.run() == "incomplete"
    notified = [event for event in read_journal(work.queue.path) if event["event"] == "notified"]
    assert "no-such-program-at-all" in notified[0]["problem"]


def test_addresses_go_to_apprise_and_are_stored_nowhere(tmp_path, monkeypatch):
    sent = []

    class Apprise:
        def add(self, url):
            return url.startswith("json://")

        def notify(self, title, body):
            sent.append((title, body))
            return True

    monkeypatch.setitem(sys.modules, "apprise", type(sys)("apprise"))
    sys.modules["apprise"].Apprise = Apprise
    with pytest.raises(UsageError, match=r"address 1 \(what:\.\.\.\)"):
        Notifier("night", urls=["what://user:secret@host"])
    work = campaign(
        three(tmp_path, trouble="0 failure", more='[notify]\nurls = "json://user:secret@host"\non = ["end"]')
    )
    work.run()
    assert sent == [("night: finished", "3 finished")]
    assert "secret" not in work.queue.path.read_text(encoding="utf-8")


def test_addresses_without_apprise_are_refused_before_anything_is_run(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(UsageError, match=r"sotlab\[notify\]"):
        campaign(three(tmp_path, more='[notify]\nurls = "json://host"'))


def test_a_notification_that_hangs_does_not_hold_up_the_queue():
    released = threading.Event()
    notifier = Notifier("night", command=["unused"])
    notifier._run_command = lambda fields: released.wait(20)
    notifier.tell("end", "night", "over")
    assert notifier.told() == []
    released.set()
    notifier.finish()
    assert notifier.told() == [{"of": "end", "by": "command", "problem": None}]
