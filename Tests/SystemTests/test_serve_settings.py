"""What a function would refuse at its start ends `tickertape serve` before it listens, with the function's own words."""

import socket
import sys

import pytest

from gateway_process import BIN, ROOT, tickertape
from runtime_api import STARTED, lambdas_own, start

sys.path.insert(0, str(ROOT / "scripts"))
from configuration import Page, readers  # noqa: E402

PLAIN = {"PATH": "/usr/bin:/bin"}
GOOD = {"ACCESS": "required", "API_GATEWAY_ENDPOINT": "http://127.0.0.1:1/dev"}
WRONG = [
    ("ConnectHandler", {"ACCESS": "opne"}), ("ConnectHandler", {"JWT_SECRET": "short"}),
    ("ConnectHandler", {"JWT_PUBLIC_KEY": "-----BEGIN PUBLIC KEY-----"}),
    ("ConnectHandler", {"JWT_JWKS_URL": "https://login.example.com/jwks"}), ("ConnectHandler", {"JWT_AUDIENCE": "tickertape"}),
    ("ConnectHandler", {"JWT_LEEWAY_SECONDS": "301"}), ("ConnectHandler", {"ANONYMOUS_ROLE": "admin"}),
    ("ConnectHandler", {"MAX_CONNECTIONS_PER_USER": "0"}), ("ConnectHandler", {"CONNECT_REFUSALS_PER_MINUTE": "none"}),
    ("ConnectHandler", {"CONNECT_LIMIT_COUNTS": "some"}), ("ConnectHandler", {"ACCESS": "open", "ACCESS_ORIGINS": "https://a"}),
    ("ConnectHandler", {"EVENT_TYPES_FILE": "/nowhere/types.json"}), ("DefaultHandler", {"MAX_SUBSCRIPTIONS": "0"}),
    ("DefaultHandler", {"CLIENT_FRAMES_PER_SECOND": "-1"}), ("DefaultHandler", {"PERSONAL_EVENTS": "many"}),
    ("DefaultHandler", {"REPLAY_EVENTS": "1e3"}), ("DefaultHandler", {"API_GATEWAY_SIGN": "sometimes"}),
    ("Publisher", {"FRAMES_PER_SECOND": "-1"}), ("Publisher", {"BATCH_EVENTS": "0"}),
    ("Publisher", {"BATCH_MILLISECONDS": "60001"}), ("ConnectHandler", {"MAX_CONNECTIONS_PER_CLIENT": "-1"}), ("Publisher", {"LOG_SECONDS": "59"}), ("Publisher", {"EVENT_BYTES": "98305"}), ("Publisher", {"PING_SECONDS": "271"}),
    ("Publisher", {"API_GATEWAY_ENDPOINT": "nowhere"}), ("Publisher", {"API_GATEWAY_ENDPOINT": ""}),
    ("DisconnectHandler", {"LISTENER_SHARDS": "0"}), ("ConnectHandler", {"ACCESS_ORIGINS": "foo"}), ("ConnectHandler", {"ORIGIN_SECRET": "short"}),
    ("ConnectHandler", {"AWS_LAMBDA_LOG_LEVEL": "chatty"}), ("Publisher", {"METRICS": "maybe"}),
]


@pytest.mark.parametrize("function, wrong", WRONG, ids=lambda one: one if isinstance(one, str) else "-".join(one))
def test_a_setting_that_a_function_refuses_is_refused_by_serve(function, wrong, tmp_path):
    store = f"sqlite:{tmp_path}/table.sqlite"
    variables = {**lambdas_own(function, BIN), "CONNECTION_STORE": store, **GOOD, **wrong}
    why = start(BIN / function, variables)
    assert why != STARTED
    given = [word for name, value in wrong.items() for word in ("--env", f"{name}={value}")]
    done = tickertape("serve", "--port", 0, "--store", store, *given, cwd=tmp_path, env=PLAIN, timeout=20)
    assert done.returncode == 64 and f" would refuse to start: {why}\n" in done.stderr, (why, done.stderr)
    assert "Ctrl-C" not in done.stdout


def test_a_store_that_is_no_database_is_refused_and_left_as_it_is(tmp_path):
    path = tmp_path / "minutes.txt"
    path.write_text(200 * "These are the minutes of the meeting. ")
    before = path.read_bytes()
    why = start(BIN / "Publisher", {**lambdas_own("Publisher", BIN), "CONNECTION_STORE": f"sqlite:{path}", **GOOD})
    done = tickertape("serve", "--port", 0, "--store", f"sqlite:{path}", cwd=tmp_path, env=PLAIN, timeout=20)
    assert done.returncode == 64 and why in done.stderr and "not a database" in why
    assert path.read_bytes() == before


@pytest.mark.parametrize("by", ["option", "environment"])
def test_a_file_of_types_is_looked_for_where_serve_was_started(tmp_path, by):
    (tmp_path / "types.json").write_text("{}")
    option, given = (["--env", "EVENT_TYPES_FILE=types.json"], {}) if by == "option" else ([], {"EVENT_TYPES_FILE": "types.json"})
    done = tickertape(
        "serve", "--port", 0, "--store", f"sqlite:{tmp_path}/t.sqlite", *option, cwd=tmp_path, env={**PLAIN, **given}, timeout=20)
    assert done.returncode == 64 and f"{tmp_path}/types.json" in done.stderr, done.stderr


def test_what_comes_from_the_environment_is_looked_at_like_what_an_option_says(tmp_path):
    for setting, reason in [("ACCESS=opne", "is neither open nor required"), ("LISTENER_SHARDS=0", "is no number from 1 to 64")]:
        name, value = setting.split("=")
        done = tickertape(
            "serve", "--port", 0, "--store", f"sqlite:{tmp_path}/t.sqlite", cwd=tmp_path, env={**PLAIN, name: value}, timeout=20)
        assert done.returncode == 64 and f"{setting} {reason}" in done.stderr


def test_serve_takes_from_its_environment_what_the_page_says_it_reads_and_nothing_else(tmp_path):
    rows = Page(ROOT).variables.named()
    wrong = {name: value for _, setting in WRONG if len(setting) == 1 for name, value in setting.items() if value}
    taken = set()
    with socket.create_server(("127.0.0.1", 0)) as other:
        # Whatever it does not refuse it serves with, and that ends at a port that is not free.
        for name, value in wrong.items():
            done = tickertape("serve", "--port", other.getsockname()[1], "--store", f"sqlite:{tmp_path}/t.sqlite", cwd=tmp_path,
                              env={**PLAIN, name: value}, timeout=20)
            assert done.returncode in (64, 73), done.stderr
            taken |= {name} if done.returncode == 64 else set()
    assert taken == {name for name in wrong if "tickertape" in readers(rows[name][1])}
    assert len(taken) > 15 and {"API_GATEWAY_ENDPOINT", "AWS_LAMBDA_LOG_LEVEL"} == set(wrong) - taken
