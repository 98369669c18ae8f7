"""Deployments that fail, come again, and leave things behind on purpose; against an emulator that checks every policy."""

import json
import shutil

import botocore.exceptions
import pytest

from aws_emulator import ROOT, AWSEmulator
from deployment import FUNCTIONS, answer, deployer_of, everything, infra, succeed


pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def emulator(tmp_path):
    """One a test: what a test that failed has deployed is nobody else's business."""
    running = AWSEmulator(tmp_path / "emulator", checks=True)
    yield running
    running.stop()
    print(running.log()[-20000:])


@pytest.fixture(scope="module")
def one_emulator(tmp_path_factory):
    """For what makes nothing."""
    running = AWSEmulator(tmp_path_factory.mktemp("aws") / "emulator", checks=False)
    yield running
    running.stop()


@pytest.fixture
def deployer(emulator):
    return deployer_of(emulator)


def test_a_creation_that_failed_is_explained_and_can_be_repeated(emulator, deployer, packages, tmp_path):
    shutil.copytree(ROOT / "infra", tmp_path / "infra")
    template = tmp_path / "infra" / "template.yaml"
    broken = """Resources:
  Broken:
    Type: AWS::Lambda::EventInvokeConfig
    Properties: { FunctionName: no-such-function, Qualifier: $LATEST }
"""
    template.write_text(template.read_text().replace("Resources:\n", broken, 1))
    arguments = ["--stage", "broken", "--packages", packages, "--no-smoke-test"]
    refused = infra(tmp_path / "infra" / "deploy.sh", deployer, *arguments)
    assert refused.returncode == 70 and "Broken (AWS::Lambda::EventInvokeConfig): " in refused.stderr, refused.stderr
    assert "no-such-function" in refused.stderr

    repaired = infra("deploy.sh", deployer, *arguments)
    assert repaired.returncode == 0 and "left of a failed attempt (ROLLBACK_COMPLETE)" in repaired.stderr, repaired.stderr
    code, shown = answer("some other stage", "destroy.sh", deployer, "--stage", "broken")
    assert code == 77 and "nothing was deleted" in shown and "tickertape-broken-Publisher" in shown, shown
    code, shown = answer("broken", "destroy.sh", deployer, "--stage", "broken")
    assert code == 0 and everything(emulator.root) == [], shown


@pytest.mark.parametrize("settings, reason", [
    ({"JwtIssuer": "https://login.example.com/"}, "nothing that signatures of tokens are checked with"),
    ({"JwtJwksUrl": "https://login.example.com/jwks.json"}, "JWT_JWKS_URL is set without JWT_ISSUER"),
    ({"EventTypesFile": "/opt/types.json"}, "EVENT_TYPES_FILE and EVENT_TYPES_LAYER go together"),
    ({"JwtSecret": "short"}, "JwtSecret"), ({"JwtSecret": "-----BEGIN PUBLIC KEY-----" + 64 * "a"}, "JwtSecret"),
    ({"JwtPublicKey": "MIIB"}, "JwtPublicKey"), ({"JwtLeewaySeconds": "301"}, "JwtLeewaySeconds"),
    ({"EmulatorEndpoint": "http://127.0.0.1:4566/"}, "EmulatorEndpoint")])
def test_settings_that_would_keep_a_function_from_starting_make_no_stack(one_emulator, settings, reason):
    cloudformation = one_emulator.root.client("cloudformation")
    given = {"Stage": "dev", "CodeBucket": "b", **{f"{name}Key": "k" for name in FUNCTIONS}, "EmulatorEndpoint": one_emulator.endpoint, **settings}
    with pytest.raises(botocore.exceptions.ClientError, match=reason):
        cloudformation.create_change_set(
            StackName="tickertape-dev", ChangeSetName="one", ChangeSetType="CREATE",
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            TemplateBody=(ROOT / "infra" / "template.yaml").read_text(),
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()])
    assert everything(one_emulator.root) == []


def test_who_may_not_deploy_is_told_what_is_forbidden(emulator, packages):
    nobody = emulator.user("nobody", {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}]})
    refused = infra("deploy.sh", nobody, "--packages", packages, "--no-smoke-test")
    assert refused.returncode == 70 and "policies forbid it" in refused.stderr, refused.stderr


def test_stage_prod_keeps_its_table_and_its_logs(emulator, deployer, packages):
    options = ["--packages", packages, "--no-smoke-test", "--json"]

    def prod(script, *arguments):
        return infra(script, deployer, "--stage", "prod", *arguments)

    outputs = json.loads(succeed(prod("deploy.sh", *options)))
    kept = json.loads(succeed(prod("destroy.sh", "--yes", "--json")))["kept"]
    assert outputs["TableName"] in kept and outputs["PublisherLogs"] in kept and len(kept) == 1 + len(FUNCTIONS)
    assert sorted(everything(emulator.root)) == sorted(kept)

    mentioned = prod("deploy.sh", *options[:-1])
    assert f"--table {outputs['TableName']}" in mentioned.stderr
    succeed(prod("destroy.sh", "--yes"))
    back = json.loads(succeed(prod("deploy.sh", *options, "--table", outputs["TableName"])))
    assert back["TableName"] == outputs["TableName"]
    assert outputs["TableName"] not in json.loads(succeed(prod("destroy.sh", "--yes", "--json")))["deleted"]
    assert outputs["TableName"] in everything(emulator.root)
