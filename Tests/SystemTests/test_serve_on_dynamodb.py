"""`tickertape serve --store dynamodb:TABLE` in an account that checks signatures and rights, with a user's own keys; and
functions whose table limits them for ever."""

import concurrent.futures
import http.server
import json
import subprocess
import threading
from pathlib import Path

import pytest

from aws_emulator import REGION, AWSEmulator
from gateway_process import BIN, Gateway, tickertape

EVENTS = Path(__file__).resolve().parents[1] / "Fixtures" / "gateway"
TABLE = "messages"
SIGNAL = "signal"


@pytest.fixture(scope="module")
def user(tmp_path_factory):
    """A user of an account with the table, who may use it and nothing else."""
    emulator = AWSEmulator(tmp_path_factory.mktemp("aws") / "ministack", checks=True)
    emulator.root.client("dynamodb").create_table(
        TableName=TABLE, BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}])
    yield emulator.user("u", {
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"}]})
    emulator.stop()


def surroundings(user, folder, way):
    """The environment of a caller who has the keys in variables, or in a profile with its region."""
    common = {
        "PATH": "/usr/bin:/bin", "HOME": str(folder), "AWS_ENDPOINT_URL_DYNAMODB": user.endpoint,
        "AWS_EC2_METADATA_DISABLED": "true"}
    if way == "variables":
        return {**common, **user.environment()}
    (folder / ".aws").mkdir(exist_ok=True)
    (folder / ".aws" / "credentials").write_text(
        f"[work]\naws_access_key_id = {user.key}\naws_secret_access_key = {user.secret}\n")
    (folder / ".aws" / "config").write_text(f"[profile work]\nregion = {REGION}\n")
    return {**common, "AWS_PROFILE": "work"}


@pytest.mark.parametrize("way", ["variables", "profile"])
def test_a_key_is_made_a_client_watches_and_an_event_comes(user, tmp_path, way):
    environment = surroundings(user, tmp_path, way)
    store = f"dynamodb:{TABLE}"
    gateway = Gateway(tmp_path, access=None, environment=environment, store=store).start()
    try:
        made = tickertape(
            "keys", "create", "--user", "u-1", "--role", "admin", "--store", store, env=environment)
        assert made.returncode == 0, made.stderr
        key = made.stdout.strip()
        watch = subprocess.Popen(
            [BIN / "tickertape", "watch", gateway.socket_url(f"apiKey={key}"), "--subscribe", SIGNAL, "--json",
             "--count", "1", "--for", "30"], stdout=subprocess.PIPE, text=True)
        for line in watch.stdout:
            if json.loads(line)["type"] == "ready":
                break
        sent = tickertape("publish", SIGNAL, "--data", "152.50", "--endpoint", gateway.url)
        assert sent.stdout.startswith("1 accepted") and "1 delivery" in sent.stdout, sent.stdout + sent.stderr
        assert [json.loads(line)["data"] for line in watch.stdout if f'"{SIGNAL}"' in line] == [152.5]
        assert watch.wait(30) == 0
        checked = tickertape(
            "doctor", "--store", store, "--endpoint", gateway.url, "--json", env=environment, cwd=tmp_path)
        found = {check["subject"]: check for check in json.loads(checked.stdout)["checks"]}
        assert found["table"]["verdict"] == "ok" and found["time to live"]["verdict"] == "note"
        assert user.secret not in gateway.log() and key not in gateway.log()
    finally:
        gateway.stop()
        print(gateway.log())


def test_doctor_says_what_is_wrong_with_a_table_and_with_keys(user, tmp_path):
    environment = surroundings(user, tmp_path, "variables")

    def table(name, **changes):
        done = tickertape(
            "doctor", "--store", f"dynamodb:{name}", "--json", env={**environment, **changes}, cwd=tmp_path)
        return {check["subject"]: check for check in json.loads(done.stdout)["checks"]}["table"]

    absent = table("absent")
    assert absent["verdict"] == "wrong" and "there is no table absent" in absent["finding"]
    refused = table(TABLE, AWS_SECRET_ACCESS_KEY="another")
    assert refused["verdict"] == "wrong" and "refused" in refused["finding"]
    nobody = table(TABLE, AWS_ENDPOINT_URL_DYNAMODB="http://127.0.0.1:9")
    assert nobody["verdict"] == "wrong" and "127.0.0.1:9" in nobody["finding"]


# MARK: A table that limits the rate for ever


@pytest.fixture
def limited():
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            body = b'{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"}'
            self.send_response(400)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield {
        "CONNECTION_STORE": f"dynamodb:{TABLE}", "AWS_REGION": REGION, "AWS_ACCESS_KEY_ID": "k",
        "AWS_SECRET_ACCESS_KEY": "s", "AWS_ENDPOINT_URL_DYNAMODB": f"http://127.0.0.1:{server.server_address[1]}",
        "API_GATEWAY_ENDPOINT": "http://127.0.0.1:9/dev", "ACCESS": "open",
        # The emulator ends the function after so many seconds, as Lambda would.
        "AWS_LAMBDA_FUNCTION_TIMEOUT": "3"}
    server.shutdown()
    server.server_close()


def test_a_function_whose_table_limits_it_for_ever_answers_before_its_time_is_up(emulate, limited):
    events = [{"type": SIGNAL, "data": number} for number in range(50)]
    # Each in a stream of its own: the calls of all of them have to fit into the time.
    events += [{"type": SIGNAL, "user": f"u-{number}", "data": number} for number in range(50)]
    inputs = {
        "Publisher": json.dumps({"events": events}).encode(),
        "ConnectHandler": (EVENTS / "connect-browser.json").read_bytes(),
        "DefaultHandler": (EVENTS / "message.json").read_bytes(),
        "DisconnectHandler": (EVENTS / "disconnect-client.json").read_bytes()}
    functions = {name: emulate(name, **limited) for name in inputs}
    with concurrent.futures.ThreadPoolExecutor() as pool:
        answers = dict(zip(inputs, pool.map(lambda name: functions[name].invoke(inputs[name]), inputs)))
    assert json.loads(answers.pop("Publisher"))["errorType"] == "Function.NotPublished"
    # A client that cannot be let in gets an answer; the others' invocations fail.
    refused = json.loads(answers.pop("ConnectHandler"))
    assert refused["statusCode"] == 500 and json.loads(refused["body"])["error"] == "Internal Server Error"
    for name, answer in answers.items():
        assert "timed out" not in answer and "limits the rate" in answer, (name, answer)
