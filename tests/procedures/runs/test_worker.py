"""The worker: whatever fails, the rest of the ending is still done, and how it ended is on the disk."""

import json
import threading
import time

import numpy as np
import pytest
from pymeasure.experiment import FloatParameter, Procedure, Results

from sotlab.errors import RunError
from sotlab.procedures.runs.bus import Bus
from sotlab.procedures.runs.folder import RunFolder
from sotlab.procedures.runs.journal import read_journal
from sotlab.procedures.runs.worker import RunWorker


class Stock(Procedure):
    """Knows nothing of sotlab."""

    fail_in = FloatParameter("Fail", default=0)
    DATA_COLUMNS = ("X", "Y (V)")

    def startup(self):
        self.calls = ["startup"]
        self.may_fail("startup")

    def execute(self):
        self.calls.append("execute")
        for k in range(5):
            if self.should_stop():
                return
            self.emit("results", {"X": k, "Y (V)": np.float32(k)})
            self.emit("progress", 20.0 * (k + 1))
        self.may_fail("execute")

    def shutdown(self):
        self.calls.append("shutdown")
        self.may_fail("shutdown")

    def may_fail(self, stage):
        if getattr(self, "broken", None) == stage:
            raise ValueError(f"{stage} broke")


def run(procedure, tmp_path, subscriber=None):
    bus = Bus()
    if subscriber:
        bus.subscribe(subscriber)
    worker = RunWorker(procedure, RunFolder.create(tmp_path, "Stock", "film"), bus)
    worker.start()
    threading.Thread.join(worker, 20)
    assert not worker.is_alive()
    return worker


def test_a_stock_procedure_runs_in_our_worker(tmp_path):
    worker = run(Stock(), tmp_path)
    assert worker.procedure.status == Procedure.FINISHED
    assert list(Results.load(str(worker.folder.data), procedure_class=Stock).data["Y (V)"]) == [0, 1, 2, 3, 4]
    events = read_journal(worker.folder.journal)
    assert [event["event"] for event in events] == ["run_open", "run_close"]
    assert events[-1]["exit_status"] == "finished"
    assert events[-1]["rows"] == 5


@pytest.mark.parametrize("stage", ["startup", "execute", "shutdown"])
def test_an_exception_in_any_stage_still_shuts_down_and_is_stored(tmp_path, stage):
    procedure = Stock()
    procedure.broken = stage
    worker = run(procedure, tmp_path)
    assert procedure.calls[-1] == "shutdown"
    assert procedure.status == Procedure.FAILED
    assert str(worker.error) == f"{stage} broke"
    events = read_journal(worker.folder.journal)
    assert events[0]["event"] == "run_open"
    assert events[-1]["event"] == "run_close"
    assert events[-1]["exit_status"] == "failed"
    assert stage in events[-1]["error"]
    assert worker.monitor_queue.queue[-1] is None  # who waits for the end gets it


def test_a_row_that_cannot_be_written_ends_the_run(tmp_path):
    class Full(Stock):
        def execute(self):
            for k in range(100):
                if k == 3:
                    worker.results._file._file.close()  # from now on the disk refuses
                self.emit("results", {"X": k, "Y (V)": 0.0})

    worker = RunWorker(Full(), RunFolder.create(tmp_path, "Full", "film"), Bus())
    worker.start()
    threading.Thread.join(worker, 20)
    assert worker.procedure.status == Procedure.FAILED
    assert isinstance(worker.error, RunError)
    assert worker.procedure.calls[-1] == "shutdown"
    assert read_journal(worker.folder.journal)[-1]["rows"] == 3


def test_who_watches_cannot_stop_a_run(tmp_path, caplog):
    def broken(topic, record):
        raise RuntimeError("the window has gone")

    worker = run(Stock(), tmp_path, broken)
    assert worker.procedure.status == Procedure.FINISHED
    assert "is told no more" in caplog.text


def test_a_stopped_run_is_aborted_and_keeps_its_rows(tmp_path):
    class Slow(Stock):
        def execute(self):
            for k in range(1000):
                if self.should_stop():
                    return
                self.emit("results", {"X": k, "Y (V)": 0.0})
                time.sleep(0.005)

    worker = RunWorker(Slow(), RunFolder.create(tmp_path, "Slow", "film"), Bus())
    worker.start()
    while worker.results.rows < 3:
        time.sleep(0.005)
    worker.stop()
    threading.Thread.join(worker, 20)
    end = read_journal(worker.folder.journal)[-1]
    assert end["exit_status"] == "aborted"
    assert 3 <= end["rows"] < 1000
    assert len(Results.load(str(worker.folder.data), procedure_class=Slow).data) == end["rows"]


def test_a_batch_whose_columns_differ_in_length_is_refused_whole(tmp_path):
    class Batch(Stock):
        def execute(self):
            self.emit("batch results", {"X": [1, 2], "Y (V)": np.array([0.1, 0.2])})
            self.emit("batch results", {"X": [1, 2, 3], "Y (V)": [0.1, 0.2]})

    worker = run(Batch(), tmp_path)
    assert "differ in length" in str(worker.error)
    assert worker.results.rows == 2


def test_the_journal_is_json_lines_and_a_torn_last_line_is_left_out(tmp_path):
    worker = run(Stock(), tmp_path)
    text = worker.folder.journal.read_text(encoding="utf-8")
    for line in text.splitlines():
        json.loads(line)
    worker.folder.journal.write_text(text[:-5], encoding="utf-8")
    assert [event["event"] for event in read_journal(worker.folder.journal)] == ["run_open"]
    worker.folder.journal.write_text("{}\n" + text, encoding="utf-8")
    with pytest.raises(RunError, match="line 1 of the journal is damaged"):
        read_journal(worker.folder.journal)
