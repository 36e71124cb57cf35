"""Large work in pieces: over any executor, with progress and cancelling, in bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Executor, Future
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Work", "split", "split_for_matrices"]

#: Complex numbers of the matrices of one piece: 16 MB; diagonalising takes some five times that.
MATRIX_NUMBERS = 1_000_000


@dataclass(frozen=True)
class Work:
    """How large work is done.

    Parameters
    ----------
    executor : concurrent.futures.Executor, optional
        Where the pieces are computed: a thread pool, a process pool, or that of a cluster (with Dask:
        ``Client.get_executor()``); the functions and their arguments can be pickled. None: here, one after another.
        numpy's eigensolver and the compiled Green function release the interpreter's lock, so threads suffice on one
        machine; BLAS should then have one thread (``OPENBLAS_NUM_THREADS=1``): with more it is slower.
    progress : callable, optional
        Called with the number of pieces done, and of all pieces.
    cancelled : callable, optional
        Asked between pieces; True raises ``concurrent.futures.CancelledError``.
    in_flight : int
        Pieces that are under way at once in the executor, twice its workers or more; with it memory grows.
    """

    executor: Executor | None = None
    progress: Callable[[int, int], None] | None = None
    cancelled: Callable[[], bool] | None = None
    in_flight: int = 16

    def map(self, function: Callable[..., Any], pieces: Sequence[tuple[Any, ...]]) -> Iterator[Any]:
        """Yield ``function(*piece)`` for each piece, in their order.

        Raises
        ------
        CancelledError
            If ``cancelled`` says so.
        """
        for done, result in enumerate(self._results(function, pieces), start=1):
            self._check()
            if self.progress is not None:
                self.progress(done, len(pieces))
            yield result

    def _results(self, function: Callable[..., Any], pieces: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
        if self.executor is None:
            for piece in pieces:
                self._check()
                yield function(*piece)
            return
        waiting: deque[Future[Any]] = deque()
        try:
            for piece in pieces:
                waiting.append(self.executor.submit(function, *piece))
                if len(waiting) >= self.in_flight:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:  # also if an error or the caller ended it
            for future in waiting:
                future.cancel()

    def _check(self) -> None:
        if self.cancelled is not None and self.cancelled():
            raise CancelledError("the computation was cancelled")


def split(points: np.ndarray, size: int) -> list[np.ndarray]:
    """Return ``points`` in pieces of at most ``size`` along the first axis."""
    return [points[start : start + size] for start in range(0, len(points), size)]


def split_for_matrices(points: np.ndarray, rows: int) -> list[np.ndarray]:
    """Return ``points`` in pieces small enough for one dense matrix (rows, rows) for each of their points."""
    return split(points, max(1, MATRIX_NUMBERS // rows**2))
