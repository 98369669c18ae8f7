"""MiniStack, a third party's emulator of AWS, started on loopback, and an account in it to deploy into.

Where it departs from AWS, and what the tests do about it:

* it has no `AWS::ApiGatewayV2::RouteResponse`, and sends to the client whatever a function returns: the template leaves that
  resource out when it is told of an emulator, and that the route response is there on AWS is checked in the template;
* its CloudFormation passes over `TimeToLiveSpecification`, `PointInTimeRecoverySpecification` and `ReservedConcurrentExecutions`, and
  it expires nothing: all are checked in the template;
* it calls a function behind a URL and sends what it answered once it has ended: nothing is streamed;
* an event's `domainName` has no port, so the functions are told the endpoint by a variable;
* a client that has left counts as connected for up to half a second: what is sent to it then is lost and answered with 200;
* a payload of Invoke is decoded and encoded again (`152.50` becomes `152.5`), so bytes are compared through the queue;
* a refused `$connect` is always 403, and connection ids do not end in `=`;
* the root key's signatures are never checked, so everything that is to be checked is done by IAM users.
"""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import boto3
import botocore.config
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from emulator import free_port

REGION = "us-east-1"
ROOT = Path(__file__).resolve().parents[2]


class Caller:
    """Somebody with a key: boto3 clients, the environment of a program, the headers of a handshake."""

    def __init__(self, endpoint: str, key: str, secret: str):
        self.endpoint, self.key, self.secret, self.region = endpoint, key, secret, REGION

    def client(self, service: str, endpoint: str | None = None):
        return boto3.client(
            service, endpoint_url=endpoint or self.endpoint, region_name=self.region, aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
            config=botocore.config.Config(retries={"total_max_attempts": 2}, read_timeout=60))

    def environment(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": self.key, "AWS_SECRET_ACCESS_KEY": self.secret, "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true"}

    def handshake_headers(self, url: str) -> dict[str, str]:
        """The headers that sign a WebSocket handshake, as botocore makes them."""
        request = AWSRequest("GET", url.replace("ws", "http", 1))
        SigV4Auth(Credentials(self.key, self.secret), "execute-api", REGION).add_auth(request)
        return {name: value for name, value in request.headers.items() if name.lower() != "host"}


class AWSEmulator:
    """MiniStack on a port of its own. `checks`: whether it verifies signatures and IAM policies; `command`: what starts it."""

    def __init__(self, folder: Path, checks: bool, command: list | None = None):
        self.checks = checks
        self.folder = folder
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.root = Caller(self.endpoint, "rootkey", "rootsecret")
        self.log_path = folder / "ministack.log"
        (folder / "tmp").mkdir(parents=True)
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder / "tmp"),
            # Without these two it would listen on every interface.
            "BIND_HOST": "127.0.0.1", "IOT_MTLS_ENABLED": "0", "SFTP_ENABLED": "0",
            "GATEWAY_PORT": str(self.port), "EDGE_PORT": str(self.port), "MINISTACK_HOST": "localhost",
            "AUTH": "true" if checks else "false", "LAMBDA_EXECUTOR": "local", "PERSIST_STATE": "0",
            "S3_DATA_DIR": str(folder / "s3"), "STATE_DIR": str(folder / "state"),
            # Its root key, and what it tells the functions.
            "AWS_ACCESS_KEY_ID": self.root.key, "AWS_SECRET_ACCESS_KEY": self.root.secret,
            "AWS_ENDPOINT_URL": self.endpoint,
        }
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                command or [Path(sys.executable).parent / "ministack"], env=environment, cwd=folder, stdin=subprocess.DEVNULL,
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        self._wait_until_ready()

    def _wait_until_ready(self):
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"{self.endpoint}/_ministack/health", timeout=2).close()
                return
            except (OSError, urllib.error.URLError):
                assert self.process.poll() is None and time.monotonic() < deadline, self.log()
                time.sleep(0.05)

    def user(self, name: str, policy: dict) -> Caller:
        """An IAM user who may do what the policy says."""
        iam = self.root.client("iam")
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName=name, PolicyDocument=json.dumps(policy))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return Caller(self.endpoint, key["AccessKeyId"], key["SecretAccessKey"])

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def stop(self):
        """Ends the emulator and the functions that it started, which share its process group."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
