import pytest

from gateway_process import Gateway


@pytest.fixture
def gateway(tmp_path):
    """A running gateway of its own for the test; its log is shown if the test fails."""
    running = Gateway(tmp_path).start()
    yield running
    running.stop()
    print(running.log())
