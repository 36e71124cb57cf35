"""The operator's window: a thin view on a run. The only part that imports Qt; importing this package does not."""

from typing import Any

__all__ = ["ManagedDockWindow", "ManagedImageWindow", "ManagedWindow"]


def __getattr__(name: str) -> Any:
    """Return one of PyMeasure's windows, mended; Qt is imported only now."""
    if name in __all__:
        from sotlab.gui import managed_window

        return getattr(managed_window, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
