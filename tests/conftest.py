"""Where Qt's system libraries are missing, pytest-qt would end the whole session; only the window's tests need it."""


def pytest_addoption(parser, pluginmanager):
    try:
        from qtpy import QtWidgets  # noqa: F401 - whether it can be loaded
    except ImportError:
        pluginmanager.unregister(name="pytest-qt")
