"""Ten seeds of the delivery proof; `make soak` runs two hundred."""

import pathlib
import subprocess
import sys

import pytest


# Ten seeds take about three minutes; each gives up by itself, so this is only for a proof that hangs.
@pytest.mark.timeout(1_500)
def test_every_client_is_shown_what_it_may_see_once_and_in_order_whatever_fails():
    script = pathlib.Path(__file__).with_name("delivery_proof.py")
    done = subprocess.run([sys.executable, script, "--soak", "10", "--jobs", "3"], capture_output=True, text=True)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(" ok") == 10
