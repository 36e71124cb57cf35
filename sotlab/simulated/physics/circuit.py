"""The circuit around a film: relays from four lines to its contacts, sources on two of the lines, meters on the others.

Lines 1 and 2 (I+, I-) carry the current of all sources, which lie beside each other there; lines 3 and 4 (V+, V-) lead
to the meters, which take no current but have a bias current and a finite resistance. A relay joins a line to the wire
of a contact. The network of lines, wires and film is solved as it is closed, so that nothing has to be told apart: two
lines on one contact, two contacts on one line, lines that are shorted, lines that lead nowhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from sotlab.simulated.physics.film import Film
from sotlab.simulated.physics.transport import OPEN_OHM, Waveform

__all__ = ["COLUMNS", "ROWS", "Flow", "Ports", "Source", "flows", "solve"]

#: Lines I+, I-, V+, V-, and contacts' wires of the matrix.
ROWS, COLUMNS = 4, 8
#: Of a closed relay and its wires, and the least that a contact or an ideal source has [ohm].
RELAY_OHM, LEAST_OHM = 0.1, 1e-3
#: Of the meters' inputs together [ohm].
INPUT_OHM = 1e10


@dataclass(frozen=True)
class Ports:
    """What the sources and the meters see.

    Parameters
    ----------
    input_ohm : float
        Between I+ and I-.
    transfer_ohm : float
        Voltage from V- to V+ per current into I+.
    output_ohm : float
        Between V+ and V-, with the meters' own.
    film_ohm : float
        Power in the film over the square of the current into I+.
    share : float
        Current that passes the film over the current into I+.
    emf_weights : (8,) float
        What of a voltage in each contact's wire stands between V+ and V-.
    """

    input_ohm: float
    transfer_ohm: float
    output_ohm: float
    film_ohm: float
    share: float
    emf_weights: np.ndarray


def solve(
    film: Film, resistances: np.ndarray, closed: Iterable[int], open_contacts: frozenset[int], factor: float = 1.0
) -> Ports:
    """Solve the network.

    Parameters
    ----------
    film : Film
    resistances : (n, n) float
        As :meth:`Film.resistances` returns.
    closed : iterable of int
        Relays as ``100 line + contact``, 101 to 408.
    open_contacts : frozenset of int
        Contacts, from 1, that are broken.
    factor : float
        Of the film's resistance: above 1 for one that died.
    """
    count = len(film.contacts)
    conductance = np.zeros((ROWS + COLUMNS + count,) * 2)

    def join(i: int, j: int, ohm: float) -> None:
        conductance[i, i] += 1.0 / ohm
        conductance[j, j] += 1.0 / ohm
        conductance[i, j] -= 1.0 / ohm
        conductance[j, i] -= 1.0 / ohm

    for channel in closed:
        join(channel // 100 - 1, ROWS + channel % 100 - 1, RELAY_OHM)
    contacts_ohm = [
        OPEN_OHM if number in open_contacts else max(contact.contact_ohm, LEAST_OHM)
        for number, contact in enumerate(film.contacts, 1)
    ]
    for i, ohm in enumerate(contacts_ohm):
        join(ROWS + i, ROWS + COLUMNS + i, ohm)
    join(2, 3, INPUT_OHM)
    if math.isfinite(factor):
        # Currents into all contacts but the last, which takes their sum, and potentials against the last.
        reduced = factor * (resistances[:-1, :-1] - resistances[:-1, -1:] - resistances[-1:, :-1] + resistances[-1, -1])
        inverse = np.linalg.inv(reduced)
        sums = np.hstack([np.eye(count - 1), -np.ones((count - 1, 1))])
        conductance[ROWS + COLUMNS :, ROWS + COLUMNS :] += sums.T @ inverse @ sums
    conductance[np.diag_indices_from(conductance)] += 1.0 / OPEN_OHM  # leakage, so that nothing floats
    kept = [node for node in range(len(conductance)) if node != 1]  # I- is the zero of potential

    # Unit currents into I+ and out of I-, into V+ and out of V-; each wire's voltage as a current through its contact.
    inputs = np.zeros((len(conductance), 2 + count))
    inputs[0, 0], inputs[2, 1], inputs[3, 1] = 1.0, 1.0, -1.0
    for i, ohm in enumerate(contacts_ohm):
        inputs[ROWS + i, 2 + i], inputs[ROWS + COLUMNS + i, 2 + i] = 1.0 / ohm, -1.0 / ohm
    potentials = np.zeros_like(inputs)
    potentials[kept] = np.linalg.solve(conductance[np.ix_(kept, kept)], inputs[kept])

    film_V, wires_V = potentials[ROWS + COLUMNS :, 0], potentials[ROWS : ROWS + count, 0]
    into_film_A = (wires_V - film_V) / np.array(contacts_ohm)
    sensed = potentials[2] - potentials[3]
    weights = np.zeros(COLUMNS)
    weights[:count] = sensed[2:]
    return Ports(
        input_ohm=float(potentials[0, 0]),
        transfer_ohm=float(sensed[0]),
        output_ohm=float(sensed[1]),
        film_ohm=max(float(into_film_A @ film_V), 0.0),
        share=float(np.abs(into_film_A).sum() / 2.0),
        emf_weights=weights,
    )


@dataclass(frozen=True)
class Source:
    """A current within a voltage limit, or a voltage behind a resistance within a current limit."""

    wave: Waveform
    is_current: bool = True
    limit: float = math.inf
    output_ohm: float = math.inf


@dataclass(frozen=True)
class Flow:
    """What one source does to the circuit.

    Parameters
    ----------
    port : Waveform
        Its part of the current into I+.
    factor : float
        What its limit leaves of what it would do.
    """

    port: Waveform
    factor: float


def flows(sources: Mapping[str, Source], input_ohm: float, t_s: float) -> dict[str, Flow]:
    """Return what each source makes flow at a time.

    The currents of several sources add, and each voltage source shunts the others by its output resistance. A current
    source is scaled down so that the peaks of all together stay below its voltage limit, a voltage source so that its
    own current stays below its limit; a wave that is over, or not begun, makes no peak.
    """
    shunts_S = {
        name: 0.0 if one.is_current or math.isinf(one.output_ohm) else 1.0 / max(one.output_ohm, LEAST_OHM)
        for name, one in sources.items()
    }
    port_ohm = 1.0 / (1.0 / input_ohm + sum(shunts_S.values()))
    injected = {name: one.wave.scaled(1.0 if one.is_current else shunts_S[name]) for name, one in sources.items()}
    peak_A = sum(wave.peak for wave in injected.values() if wave.start_s <= t_s < wave.stop_s)
    found: dict[str, Flow] = {}
    for name, one in sources.items():
        factor = 1.0
        if one.is_current and port_ohm * peak_A > one.limit:
            factor = one.limit / (port_ohm * peak_A)
        elif not one.is_current and shunts_S[name]:
            own_A = one.wave.peak / (input_ohm + 1.0 / shunts_S[name])
            factor = min(1.0, one.limit / own_A) if own_A else 1.0
        found[name] = Flow(injected[name].scaled(factor * port_ohm / input_ohm), factor)
    return found
