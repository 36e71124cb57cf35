"""Steps of which each must be tried, whether or not the one before it failed: what making safe is made of."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["in_turn"]


def in_turn(*steps: Callable[[], object]) -> None:
    """Take all steps in their order, then raise the first error that there was, with what the later ones said."""
    errors: list[Exception] = []
    for step in steps:
        try:
            step()
        except Exception as error:  # whatever it is, the next step must still be tried
            errors.append(error)
    if errors:
        for other in errors[1:]:
            errors[0].add_note(str(other))
        raise errors[0]
