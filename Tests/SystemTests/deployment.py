"""Runs the scripts of infra/ against an emulator of AWS, and looks at what they leave."""

import contextlib
import json
import os
import subprocess
import zipfile
from pathlib import Path

from aws_emulator import ROOT, AWSEmulator, Caller

FUNCTIONS = ["ConnectHandler", "DisconnectHandler", "DefaultHandler", "Publisher", "StreamHandler"]
STAGE = "test"


def deployer_of(emulator: AWSEmulator) -> Caller:
    """An IAM user with the rights that infra/README.md says are enough, and no others."""
    return emulator.user("deployer", json.loads((ROOT / "infra" / "deployer-policy.json").read_text()))


def infra(script: str | Path, caller: Caller, *arguments, environment=None) -> subprocess.CompletedProcess:
    return subprocess.run(
        command(script, caller, *arguments), env={**surroundings(caller), **(environment or {})}, capture_output=True,
        text=True, timeout=300, stdin=subprocess.DEVNULL)


def keys(programs: Path, caller: Caller, table: str, *arguments) -> str:
    """`tickertape keys …` on the table of a deployment: what it prints."""
    return succeed(subprocess.run(
        [programs / "tickertape", "keys", *arguments, "--store", f"dynamodb:{table}"], capture_output=True, text=True,
        env={**surroundings(caller), "AWS_ENDPOINT_URL": caller.endpoint}, timeout=60, stdin=subprocess.DEVNULL)).strip()


def answer(words: str, script: str, caller: Caller, *arguments) -> tuple[int, str]:
    """Runs a script on a terminal of its own, where a person types `words`: its exit code, and what the person saw."""
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        command(script, caller, *arguments), env=surroundings(caller), stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    os.write(ours, f"{words}\n".encode())
    shown = b""
    # A terminal that nobody has open any more is an error to read, not the end of a file.
    with contextlib.suppress(OSError):
        while piece := os.read(ours, 4096):
            shown += piece
    os.close(ours)
    return process.wait(300), shown.decode(errors="replace")


def command(script: str | Path, caller: Caller, *arguments) -> list:
    return [ROOT / "infra" / script, "--stage", STAGE, "--endpoint-url", caller.endpoint, *map(str, arguments)]


def surroundings(caller: Caller) -> dict[str, str]:
    return {"PATH": f"{cli_folder()}:{os.environ['PATH']}", "HOME": "/nonexistent", **caller.environment()}


def cli_folder() -> str:
    """Where the AWS CLI is that the Makefile installs."""
    return os.path.dirname(os.environ.get("AWS_CLI", "")) or "/usr/bin"


def succeed(done: subprocess.CompletedProcess) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def pack(programs: Path, folder: Path) -> Path:
    """Packages of executables as they are, with shared libraries that only this machine has."""
    for name in FUNCTIONS:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o100755 << 16
        with zipfile.ZipFile(folder / f"{name}.zip", "w") as package:
            package.writestr(entry, (programs / name).read_bytes(), zipfile.ZIP_DEFLATED, 1)
    return folder


def everything(caller: Caller) -> list[str]:
    """The names of whatever an account holds of the kinds that the template and the scripts make."""
    of = caller.client
    names = [table for table in of("dynamodb").list_tables()["TableNames"]]
    names += of("sqs").list_queues().get("QueueUrls", [])
    names += [function["FunctionName"] for function in of("lambda").list_functions()["Functions"]]
    names += [mapping["UUID"] for mapping in of("lambda").list_event_source_mappings()["EventSourceMappings"]]
    names += [api["ApiId"] for api in of("apigatewayv2").get_apis()["Items"]]
    names += [role["RoleName"] for role in of("iam").list_roles()["Roles"] if not role["Path"].startswith("/aws-")]
    names += [group["logGroupName"] for group in of("logs").describe_log_groups()["logGroups"]]
    names += [alarm["AlarmName"] for alarm in of("cloudwatch").describe_alarms()["MetricAlarms"]]
    names += [schedule["Name"] for schedule in of("scheduler").list_schedules()["Schedules"]]
    names += [one["Id"] for one in of("cloudfront").list_distributions()["DistributionList"].get("Items", [])]
    names += [one["Name"] for one in of("cloudfront").list_functions()["FunctionList"].get("Items", [])]
    names += [one["CachePolicy"]["Id"] for one in of("cloudfront").list_cache_policies(Type="custom")["CachePolicyList"].get("Items", [])]
    names += [bucket["Name"] for bucket in of("s3").list_buckets()["Buckets"]]
    return names
