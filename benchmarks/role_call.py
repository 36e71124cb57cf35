"""What a role costs over the bare PyMeasure property: locking, retrying, tracing and checking the number.

The same question, RDGFIELD?, to the same simulated gaussmeter, once by ``station["gaussmeter"].read_field()``, once
through PyMeasure's own adapter. Prints the ratio; asked is at most 1.5. Run it with ``python benchmarks/role_call.py``.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from pymeasure.adapters import VISAAdapter

from sotlab.instruments.lakeshore_475 import LakeShore475
from sotlab.instruments.station import Station

CALLS, ROUNDS = 1000, 31


def microseconds(call: Callable[[], float]) -> float:
    """Return the processor's time of one call [us]."""
    started = time.thread_time()
    for _ in range(CALLS):
        call()
    return 1e6 * (time.thread_time() - started) / CALLS


def main() -> None:
    with Station.open("virtual:stfmr?noise=off", roles=["gaussmeter"]) as station:
        role = station["gaussmeter"]
        adapter = VISAAdapter(
            "GPIB0::12::INSTR", visa_library=station.visa_library, read_termination="\r\n", write_termination="\r\n"
        )
        bare = LakeShore475(adapter)
        rounds = [(microseconds(lambda: bare.field), microseconds(role.read_field)) for _ in range(ROUNDS)]
        adapter.close()
    ratios = sorted(role_us / bare_us for bare_us, role_us in rounds)
    print(f"bare property {statistics.median(one for one, _ in rounds):.1f} us, role", end=" ")
    print(f"{statistics.median(two for _, two in rounds):.1f} us of the processor")
    print(f"ratio: median {statistics.median(ratios):.2f} (10 % to 90 %: {ratios[3]:.2f} to {ratios[-4]:.2f})")


if __name__ == "__main__":
    main()
