"""Large work over executors: any that has ``submit``, so many pieces at once, cancelling, errors, processes."""

from concurrent.futures import CancelledError, Executor, Future, ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

from sotlab.analysis.models.bisb_models import InverseEdelstein, IreeSettings
from sotlab.analysis.models.bisb_slab import make_slab
from sotlab.analysis.models.chunks import Work, split_for_matrices
from sotlab.analysis.models.edelstein import full_zone
from sotlab.analysis.models.green import spin_dos


class LastFirst(Executor):
    """An executor as a cluster may be: does nothing until a result is wanted, then the latest piece first."""

    def __init__(self):
        self.waiting, self.most = [], 0

    def submit(self, function, /, *arguments):
        executor = self

        class Lazy(Future):
            def result(self, timeout=None):
                executor.work_off(self)
                return super().result(timeout)

        future = Lazy()
        self.waiting.append((future, function, arguments))
        self.most = max(self.most, len(self.waiting))
        return future

    def work_off(self, wanted):
        while not wanted.done():
            future, function, arguments = self.waiting.pop()
            try:
                future.set_result(function(*arguments))
            except ZeroDivisionError as error:
                future.set_exception(error)


def double(x):
    return 2 * x


def test_results_come_in_order_whatever_the_executor_does():
    executor = LastFirst()
    told = []
    work = Work(executor, lambda done, of: told.append((done, of)), in_flight=3)
    assert list(work.map(double, [(i,) for i in range(20)])) == [2 * i for i in range(20)]
    assert told == [(i, 20) for i in range(1, 21)]


@pytest.mark.parametrize("in_flight", [1, 5])
def test_no_more_pieces_are_under_way_than_asked(in_flight):
    executor = LastFirst()
    results = Work(executor, in_flight=in_flight).map(double, [(i,) for i in range(50)])
    for _ in results:
        assert len(executor.waiting) <= in_flight
    assert executor.most == in_flight


def test_an_error_of_a_piece_ends_the_work_and_cancels_the_others():
    executor = LastFirst()
    with pytest.raises(ZeroDivisionError):
        list(Work(executor, in_flight=3).map(divmod, [(1, 1), (1, 0), *[(1, 1)] * 20]))
    assert executor.waiting
    assert all(future.cancelled() for future, *_ in executor.waiting)


def test_cancelling_cancels_what_has_not_begun():
    executor, told = LastFirst(), []
    work = Work(executor, lambda done, of: told.append(done), lambda: len(told) >= 4, in_flight=3)
    with pytest.raises(CancelledError):
        list(work.map(double, [(i,) for i in range(20)]))
    assert told == [1, 2, 3, 4]
    assert executor.waiting
    assert all(future.cancelled() for future, *_ in executor.waiting)


def test_pieces_of_matrices_stay_small():
    for bilayers in (1, 13, 38, 500):
        slab = make_slab(0.15, bilayers)
        pieces = split_for_matrices(np.zeros((100, 2)), slab.size)
        assert sum(map(len, pieces)) == 100
        assert max(map(len, pieces)) in (1, min(100, 1_000_000 // slab.size**2))


def test_a_map_and_a_length_are_the_same_on_a_fake_cluster_and_on_processes():
    slab = make_slab(0.15, 2)
    k = full_zone(slab, 10)
    settings = IreeSettings(bilayers=2, divisions=8, points=5)
    here = spin_dos(slab, k, [0.0], 0.05, kernel="numpy"), InverseEdelstein().run(settings, Work())
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes:
        for executor in (LastFirst(), processes):
            work = Work(executor)
            assert np.array_equal(spin_dos(slab, k, [0.0], 0.05, kernel="numpy", work=work), here[0])
            found = InverseEdelstein().run(settings, work)
            assert found.results["lambda_E_F"].value == pytest.approx(here[1].results["lambda_E_F"].value, rel=1e-12)
