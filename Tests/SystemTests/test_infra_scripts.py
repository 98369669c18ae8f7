"""The scripts and the template in infra/, without an account: what they say when something is wrong, and what linters say."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cfnlint.decode.cfn_yaml import load

from aws_emulator import ROOT

INFRA = ROOT / "infra"
BASE = {"PATH": f"{os.path.dirname(os.environ.get('AWS_CLI', ''))}:{os.environ['PATH']}", "HOME": "/nonexistent",
        "AWS_EC2_METADATA_DISABLED": "true"}
KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example", "AWS_REGION": "us-east-1"}


def run(script, *arguments, environment=None):
    return subprocess.run(
        [INFRA / script, *arguments], env=environment or {**BASE, **KEYS}, capture_output=True, text=True, timeout=60,
        stdin=subprocess.DEVNULL)


def test_the_template_is_clean_for_cfn_lint():
    done = subprocess.run(
        [Path(sys.executable).parent / "cfn-lint", INFRA / "template.yaml", INFRA / "rest-front.yaml"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_scripts_are_clean_for_shellcheck():
    done = subprocess.run(
        ["shellcheck", "--external-sources", *sorted(INFRA.glob("*.sh"))], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def template():
    return load(str(INFRA / "template.yaml"))


def of_type(template, kind):
    return {name: item["Properties"] for name, item in template["Resources"].items()
            if not name.startswith("Fn::") and item["Type"] == kind}


def test_on_aws_an_answer_of_the_default_route_reaches_its_client(template):
    # The emulator has no route responses, so this is looked up: without one AWS drops what the function returns.
    (response,) = of_type(template, "AWS::ApiGatewayV2::RouteResponse").values()
    assert response["RouteResponseKey"] == "$default" and response["RouteId"] == {"Ref": "DefaultRoute"}
    assert template["Resources"]["DefaultRouteResponse"]["Condition"] == "IsAWS"
    assert of_type(template, "AWS::ApiGatewayV2::Route")["DefaultRoute"]["RouteResponseSelectionExpression"] == "$default"


def test_the_table_expires_items_and_can_be_restored_to_any_moment(template):
    # The emulator's CloudFormation passes over both.
    (table,) = of_type(template, "AWS::DynamoDB::Table").values()
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": True}
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


def test_every_function_has_a_role_and_a_log_of_its_own_that_lapses(template):
    functions = of_type(template, "AWS::Lambda::Function").values()
    assert len(functions) == 5
    for function in functions:
        assert function["Runtime"] == "provided.al2023" and function["LoggingConfig"]["LogFormat"] == "JSON"
    assert template["Parameters"]["MemoryMegabytes"]["Default"] == 128
    assert len({str(function["Role"]) for function in functions}) == 5
    assert len({str(function["LoggingConfig"]["LogGroup"]) for function in functions}) == 5
    assert all(log["RetentionInDays"] == {"Ref": "LogRetentionDays"} for log in of_type(template, "AWS::Logs::LogGroup").values())


def test_no_role_may_do_everything_or_something_to_everything(template):
    for role in of_type(template, "AWS::IAM::Role").values():
        for statement in role["Policies"][0]["PolicyDocument"]["Statement"]:
            assert "*" not in json.dumps(statement["Action"])
            assert statement["Resource"] != "*" and "ManagedPolicyArns" not in role


def test_no_function_makes_or_changes_a_key_and_only_who_lets_people_in_looks_one_up(template):
    roles = of_type(template, "AWS::IAM::Role")
    for name in ["ConnectRole", "DisconnectRole", "DefaultRole", "PublisherRole", "StreamRole"]:
        statements = roles[name]["Policies"][0]["PolicyDocument"]["Statement"]
        (denied,) = [one for one in statements if one["Effect"] == "Deny"]
        assert denied["Condition"] == {"ForAnyValue:StringLike": {
            "dynamodb:LeadingKeys": ["a", "a#*", "aa"] + ([] if name == "StreamRole" else ["tk#*"])}}
        (allowed,) = [one for one in statements if one["Effect"] == "Allow" and one["Resource"] == denied["Resource"]]
        actions = allowed["Action"]
        reads = {"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:ConditionCheckItem"}
        reads = reads if name in ("ConnectRole", "StreamRole") else set()
        assert set(actions) - reads <= set(denied["Action"]), name
        assert not reads & set(denied["Action"])


def test_a_secret_is_never_shown_and_tokens_are_of_no_account_where_access_is_open(template):
    assert template["Parameters"]["JwtSecret"]["NoEcho"] and template["Parameters"]["Access"]["Default"] == "required"
    connect = of_type(template, "AWS::Lambda::Function")["ConnectHandler"]["Environment"]["Variables"]
    tokens = {name: value for name, value in connect.items() if name.startswith("JWT_") or name == "ACCESS_ORIGINS"}
    whole = {name for name, value in tokens.items() if value["Fn::If"][:2] == ["IsOpen", ""]}
    # How tokens are read is handed over only where some are taken.
    assert {"JWT_LEEWAY_SECONDS", "JWT_USER_CLAIM"} == tokens.keys() - whole and len(whole) == 6
    for name in tokens.keys() - whole:
        assert tokens[name]["Fn::If"][0] == "TakesTokens" and tokens[name]["Fn::If"][2] == {"Ref": "AWS::NoValue"}
    routes = of_type(template, "AWS::ApiGatewayV2::Route")
    assert routes["ConnectRoute"]["AuthorizationType"] == "NONE" and connect["ACCESS"] == {"Ref": "Access"}


def test_every_setting_of_the_functions_is_a_parameter_that_deploy_sh_hands_on(template):
    listed = re.search(r"^settings=\((.*?)\)", (ROOT / "infra/deploy.sh").read_text(), re.M | re.S).group(1).split()
    settings = {variable: (parameter, standard) for parameter, variable, standard in (
        (one.split(":") + [""])[:3] for one in listed)}
    for variable, (parameter, standard) in settings.items():
        assert str(template["Parameters"][parameter]["Default"]) == standard, variable
    functions = [one["Environment"]["Variables"] for one in of_type(template, "AWS::Lambda::Function").values()]
    used = {variable: value for variables in functions for variable, value in variables.items()}
    for variable, (parameter, _) in settings.items():
        if variable != "EVENT_TYPES_LAYER":
            assert parameter in json.dumps(used[variable]), variable
    sources = (ROOT / "Sources/Connections/StreamLimits.swift").read_text()
    limits = re.findall(r'read\(\s*"([A-Z_]+)"', sources)
    assert len(limits) == 15 and set(limits) <= set(settings)
    for name, value in re.findall(r"/// `([A-Z_]+)`.*\n\s+package var \w+(?:: Int64)? = ([\d_]+)", sources):
        assert settings[name][1] == value.replace("_", ""), name


def test_a_function_may_invoke_one_function_at_most_and_the_sweep_the_publisher(template):
    invocations = {}
    for name, role in of_type(template, "AWS::IAM::Role").items():
        for statement in role["Policies"][0]["PolicyDocument"]["Statement"]:
            if "lambda:InvokeFunction" in json.dumps(statement["Action"]):
                invocations[name] = statement["Resource"]
    assert invocations["ConnectRole"] == {"Fn::GetAtt": ["DefaultHandler", "Arn"]}
    # A subscribe has what came meanwhile sent.
    publisher = {"Fn::GetAtt": ["Publisher", "Arn"]}
    assert invocations["DefaultRole"] == invocations["StreamRole"] == invocations["SweepRole"] == publisher
    assert invocations["PublisherRole"]["Fn::Sub"].endswith(":function:${AWS::StackName}-Publisher")
    assert len(invocations) == 5


def test_everybody_may_call_the_url_of_event_streams_which_streams_and_says_itself_what_other_origins_may_read(template):
    (url,) = of_type(template, "AWS::Lambda::Url").values()
    assert url == {"TargetFunctionArn": {"Ref": "StreamHandler"}, "AuthType": "NONE", "InvokeMode": "RESPONSE_STREAM"}
    mine = [one for one in of_type(template, "AWS::Lambda::Permission").values() if one["FunctionName"] == {"Ref": "StreamHandler"}]
    # Only the first, and AWS answers 403.
    assert sorted((one["Action"], one["Principal"], one.get("FunctionUrlAuthType"), one.get("InvokedViaFunctionUrl")) for one in mine) == [
        ("lambda:InvokeFunction", "*", None, True), ("lambda:InvokeFunctionUrl", "*", "NONE", None)]


def test_event_streams_have_a_concurrency_of_their_own_and_all_the_time_there_is(template):
    function = of_type(template, "AWS::Lambda::Function")["StreamHandler"]
    assert function["Timeout"] == 900
    assert function["ReservedConcurrentExecutions"] == {"Fn::If": ["ReservesStreams", {"Ref": "StreamConcurrency"}, {"Ref": "AWS::NoValue"}]}
    assert template["Parameters"]["StreamConcurrency"]["Default"] > 0 and template["Parameters"]["StreamSliceSeconds"]["Default"] == 20


def test_the_rest_front_streams_and_waits_as_long_as_the_function(template):
    rest = load(str(INFRA / "rest-front.yaml"))
    (method,), (api,) = of_type(rest, "AWS::ApiGateway::Method").values(), of_type(rest, "AWS::ApiGateway::RestApi").values()
    integration = method["Integration"]
    assert integration["ResponseTransferMode"] == "STREAM" and integration["TimeoutInMillis"] == 900_000
    assert integration["Uri"]["Fn::Sub"].endswith(":lambda:path/2021-11-15/functions/${StreamHandlerArn}/response-streaming-invocations")
    assert api["EndpointConfiguration"] == {"Types": ["REGIONAL"]}, "at the edge a silence of 30 seconds ends a stream"


def test_a_missed_sweep_is_made_good_by_the_next_not_by_two_at_once(template):
    (sweep,) = of_type(template, "AWS::Scheduler::Schedule").values()
    assert sweep["ScheduleExpression"] == "rate(1 minute)" and json.loads(sweep["Target"]["Input"]) == {"sweep": {}}
    assert sweep["Target"]["RetryPolicy"] == {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60}


def test_the_queue_gives_the_function_time_and_lets_go_of_what_always_fails(template):
    queue = of_type(template, "AWS::SQS::Queue")["IngestQueue"]
    publisher = of_type(template, "AWS::Lambda::Function")["Publisher"]
    assert queue["VisibilityTimeout"] >= 6 * publisher["Timeout"], "AWS's rule for queues that feed a function"
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}
    (mapping,) = of_type(template, "AWS::Lambda::EventSourceMapping").values()
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def alarms(node):
    """All of the template, those in loops too."""
    if isinstance(node, dict):
        if node.get("Type") == "AWS::CloudWatch::Alarm":
            yield node["Properties"]
        for value in node.values():
            yield from alarms(value)
    elif isinstance(node, list):
        for value in node:
            yield from alarms(value)


def test_what_fails_in_silence_raises_an_alarm_that_a_topic_hears(template):
    found = list(alarms(template["Resources"]))
    told = {(alarm["Namespace"], json.dumps(alarm["MetricName"]).strip('"')) for alarm in found}
    assert told == {
        ("AWS/Lambda", "Errors"), ("AWS/Lambda", "Throttles"), ("AWS/Lambda", "Duration"), ("Tickertape", "LogAgeMilliseconds"),
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
        ("AWS/DynamoDB", json.dumps({"Fn::Sub": "${Direction}ThrottleEvents"}))}
    for alarm in found:
        assert alarm["ComparisonOperator"] == "GreaterThanThreshold" and alarm["AlarmActions"]["Fn::If"][0] == "TellsOfAlarms"
        assert alarm["TreatMissingData"] == "notBreaching"
    loops = {name: body for name, body in template["Resources"].items() if name.startswith("Fn::ForEach")}
    assert loops["Fn::ForEach::FunctionAlarms"][1] == sorted(of_type(template, "AWS::Lambda::Function"), key=loops[
        "Fn::ForEach::FunctionAlarms"][1].index)


def test_the_deployers_policy_is_json_and_names_only_what_is_ours_where_it_can():
    policy = json.loads((INFRA / "deployer-policy.json").read_text())
    assert len(json.dumps(policy, separators=(",", ":"))) <= 6144, "a managed policy holds 6,144 characters"


@pytest.mark.parametrize("script", ["deploy.sh", "destroy.sh"])
def test_a_script_explains_itself(script):
    done = run(script, "--help")
    assert done.returncode == 0 and f"usage: infra/{script}" in done.stdout and "--endpoint-url" in done.stdout


@pytest.mark.parametrize("script", ["deploy.sh", "destroy.sh"])
@pytest.mark.parametrize("arguments, code, words", [
    ([], 64, ["--stage"]),
    (["--stage"], 64, ["--stage needs a value"]),
    (["--stage", "Dev_1"], 64, ["Dev_1", "lower-case"]),
    (["--stage", "dev", "--colour", "blue"], 64, ["--colour"]),
    (["--stage", "dev", "--endpoint-url", "http://127.0.0.1:1"], 77, ["127.0.0.1:1"]),
])
def test_wrong_usage_is_named(script, arguments, code, words):
    done = run(script, *arguments)
    assert done.returncode == code and all(word in done.stderr for word in words), done.stderr


@pytest.mark.parametrize("setting, named", [
    ("JWT_LEEWAY_SECONDS=0.5", "JWT_LEEWAY_SECONDS takes a whole number, not '0.5'"),
    ("LOG_SECONDS=1e5", "LOG_SECONDS=86400"), ("EVENT_BYTES=-1", "EVENT_BYTES=98304"), ("PING_SECONDS=1.5", "PING_SECONDS=120")])
def test_a_number_that_the_functions_would_not_take_is_refused_before_anything_is_done(setting, named):
    # CloudFormation's numbers may have fractions.
    name, value = setting.split("=")
    done = run("deploy.sh", "--stage", "dev", environment={**BASE, **KEYS, name: value})
    assert done.returncode == 64 and named in done.stderr and "Account" not in done.stderr, done.stderr


def test_options_that_are_numbers_are_whole_ones():
    for option in ("--memory", "--shards"):
        done = run("deploy.sh", "--stage", "dev", option, "8.5")
        assert done.returncode == 64 and f"{option} takes a whole number, not '8.5'" in done.stderr, done.stderr


@pytest.mark.parametrize("text", [
    'quotes " and \\ and \' and $x and `y` and & and \\& and *', "a line\nanother\r\nand a tab\t", "two at the end\n\n",
    "-----BEGIN PUBLIC KEY-----\nMIIB+/==\n-----END PUBLIC KEY-----\n", "\u00fc \u20ac \U0001f600 \u2028",
    "".join(map(chr, range(1, 128)))])
@pytest.mark.parametrize("language", ["C", "C.UTF-8"])
def test_a_setting_reaches_cloudformation_byte_for_byte(text, language):
    body = re.search(r"^json_string\(\) \{.*?^\}", (INFRA / "deploy.sh").read_text(), re.M | re.S).group(0)
    done = subprocess.run(
        ["bash", "-c", f'set -euo pipefail\n{body}\njson_string "$1"', "bash", text], capture_output=True,
        env={"PATH": os.environ["PATH"], "LC_ALL": language}, check=True)
    assert json.loads(done.stdout) == text


def test_the_distributions_secret_is_made_once_unless_one_is_given():
    body = re.findall(r"^(?:choose_documents_paths|has_distribution)\(\) \{.*?^\}", (INFRA / "deploy.sh").read_text(), re.M | re.S)

    def parameters(option, url, **given):
        """What is handed to CloudFormation where `url` is the stack's distribution so far, or none is."""
        done = subprocess.run(
            ["bash", "-c", "\n".join([
                "set -euo pipefail", 'aws() { [ "$URL" != fails ] && printf "%s" "$URL"; }', *body, f'stack=s documents_paths="{option}" parameters=()',
                "choose_documents_paths", 'printf "%s\\n" ${parameters[@]+"${parameters[@]}"}'])],
            capture_output=True, text=True, env={"PATH": os.environ["PATH"], "URL": url, **given}, check=True)
        return dict(line.split("=") for line in done.stdout.split())

    made = [parameters("served", url) for url in ("", "None", "fails")]
    assert all(one["DocumentsPaths"] == "served" and re.fullmatch("[0-9a-f]{64}", one["OriginSecret"]) for one in made)
    assert len({one["OriginSecret"] for one in made}) == 3
    kept = {"DocumentsPaths": "served"}
    assert parameters("served", "wss://d1.cloudfront.net") == kept
    # It is handed on as any other variable is.
    assert parameters("served", "", ORIGIN_SECRET=32 * "s") == kept
    assert parameters("refused", "wss://d1.cloudfront.net") == {"DocumentsPaths": "refused"}
    assert parameters("", "") == {}


@pytest.mark.parametrize("script", ["deploy.sh", "destroy.sh"])
def test_missing_credentials_are_named_with_the_way_to_get_some(script):
    done = run(script, "--stage", "dev", "--region", "us-east-1", environment=BASE)
    assert done.returncode == 77 and "credentials" in done.stderr and "AWS_PROFILE" in done.stderr


@pytest.mark.parametrize("script", ["deploy.sh", "destroy.sh"])
def test_a_missing_region_is_named(script):
    environment = {name: text for name, text in {**BASE, **KEYS}.items() if name != "AWS_REGION"}
    done = run(script, "--stage", "dev", environment=environment)
    assert done.returncode == 78 and "--region" in done.stderr


@pytest.mark.parametrize("script", ["deploy.sh", "destroy.sh"])
def test_a_missing_tool_is_named(script, tmp_path):
    for tool in ("bash", "dirname", "cat"):
        (tmp_path / tool).symlink_to(shutil.which(tool))
    done = run(script, "--stage", "dev", environment={**BASE, **KEYS, "PATH": str(tmp_path)})
    assert done.returncode == 69 and "'aws' is missing" in done.stderr
