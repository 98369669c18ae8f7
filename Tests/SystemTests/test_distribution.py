"""The template's CloudFront distribution: its function with the cases of the local gateway's paths, and what it hands on.

No emulator at hand carries a WebSocket through a distribution. What the deployed parts are is looked at in `test_deployment.py`; that
CloudFront itself does with them what its pages say is not shown here.
"""

import json
import re
import subprocess

import pytest
from cfnlint.decode.cfn_yaml import load

from aws_emulator import ROOT
from cloudformation import Deployment
from paths_function import CASES, UNCHANGED, parameters, run

SECRET = 64 * "a"
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html#limits-functions
CODE_BYTES = 10_240
# What ECMAScript has after 5.1 and the runtime's page does not name, as far as it is told by a look at the text.
BEYOND_THE_RUNTIME = {
    "for … of": r"for \([^;)]* of ", "spread": r"\.\.\.", "a class": r"\bclass ", "optional chaining": r"\?\.\w", "??": r"\?\?",
    "a template": "`", "a named group": r"\(\?<[a-zA-Z]", "a module": r"^\s*(?:import|export|module|require)\b",
    "what a browser or Node has": r"\b(?:URL|URLSearchParams|Buffer|process|window|fetch|setTimeout|globalThis)\b"}


@pytest.fixture(scope="module")
def template():
    return load(str(ROOT / "infra" / "template.yaml"))


def deployment(template, **values) -> Deployment:
    needed = {name: "x" for name, parameter in template["Parameters"].items() if "Default" not in parameter}
    return Deployment(template, {**needed, "Stage": "dev", **values})


@pytest.fixture(scope="module")
def served(template) -> Deployment:
    return deployment(template, DocumentsPaths="served", OriginSecret=SECRET)


def properties(served, name: str) -> dict:
    return served.resolve(served.template["Resources"][name]["Properties"])


def test_the_function_makes_of_each_path_what_the_local_gateway_makes_of_it(served, tmp_path):
    code = properties(served, "PathsFunction")["FunctionCode"]
    found = run(code, [case["path"] for case in CASES], tmp_path)
    for case, request in zip(CASES, found, strict=True):
        path = case["path"].partition("?")[0]
        if case["query"] is None or path.startswith("/dev"):
            # API Gateway says 403 to a stage that there is not.
            assert request == {"uri": path, "querystring": UNCHANGED}, case
        else:
            assert request["uri"] == "/dev" and list(parameters(request["querystring"]).items()) == [
                tuple(pair) for pair in case["query"]], case
    assert len([case for case in CASES if case["query"] is not None]) > 15


def test_the_function_is_within_what_its_runtime_has(served):
    function = properties(served, "PathsFunction")
    assert function["FunctionConfig"]["Runtime"] == "cloudfront-js-2.0" and function["AutoPublish"] is True
    code = re.sub(r"^\s*//.*$", "", function["FunctionCode"], flags=re.M)
    assert len(function["FunctionCode"].encode()) <= CODE_BYTES and "${" not in code
    assert [what for what, pattern in BEYOND_THE_RUNTIME.items() if re.search(pattern, code, re.M)] == []


def test_a_construct_that_the_runtime_may_lack_is_found():
    for what, code in [("for … of", "for (const a of b) {}"), ("spread", "f(...a)"), ("a template", "`a`"),
                       ("what a browser or Node has", "new URL(a)"), ("optional chaining", "a?.b")]:
        assert re.search(BEYOND_THE_RUNTIME[what], code), what


def test_the_distribution_sends_its_secret_and_all_of_the_client_but_its_host(served):
    config = properties(served, "Distribution")["DistributionConfig"]
    (origin, streams), behavior = config["Origins"], config["DefaultCacheBehavior"]
    assert origin["Id"] == behavior["TargetOriginId"] == "api"
    assert streams["OriginCustomHeaders"] == origin["OriginCustomHeaders"] == [{"HeaderName": "x-tickertape-origin", "HeaderValue": SECRET}]
    assert origin["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only" and "OriginPath" not in origin
    assert (ROOT / "Sources/Access/TrustedProxy.swift").read_text().count('"x-tickertape-origin"') == 1
    # AWS's own policies go by these ids: nothing is cached, every header but Host, every cookie and the whole query go on.
    assert behavior["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
    assert behavior["OriginRequestPolicyId"] == "b689b0a8-53d0-40ab-baf2-68738e2966ac"
    assert behavior["ViewerProtocolPolicy"] == "https-only"
    assert [one["EventType"] for one in behavior["FunctionAssociations"]] == ["viewer-request"]


def behaviors(served) -> list[dict]:
    return properties(served, "Distribution")["DistributionConfig"]["CacheBehaviors"]


def behavior_of(served, path: str) -> str:
    """Where CloudFront takes a path: the first pattern that fits, `*` being any characters, also none."""
    for one in behaviors(served):
        if re.fullmatch(re.escape(one["PathPattern"]).replace(r"\*", ".*"), path):
            return one["TargetOriginId"]
    return "api"


@pytest.mark.parametrize("path", [
    "/api/stream/orders", "/api/stream/strategies/s-1", "/v1/api/stream/prices", "/stream/sse", "/dev/stream/sse", "/stream", "/v1/stream",
    "/realtime/sse/credit-score/u-1", "/realtime/sse/market-updates", "/api/analyze-credit/u-1", "/streaming/subscribe/sse",
    "/streaming/channels", "/streaming/latest/price:AAPL", "/history", "/ticket", "/v1/ticket"])
def test_the_paths_of_event_streams_go_to_the_function_url(served, path):
    assert behavior_of(served, path) == "streams"


def test_every_path_of_a_websocket_goes_to_the_websocket_api(served):
    paths = [case["path"].partition("?")[0] for case in CASES if case["query"] is not None]
    # A client may have any name.
    paths += ["/realtime/ws/stream", "/realtime/ws/ticket", "/realtime/ws/dashboard/history", "/dev", "/"]
    assert len(paths) > 15 and [path for path in paths if behavior_of(served, path) != "api"] == []


def test_no_request_for_an_event_stream_has_the_key_of_another_and_nothing_of_it_is_kept(served):
    policy = properties(served, "StreamCachePolicy")["CachePolicyConfig"]
    assert policy["MinTTL"] == policy["DefaultTTL"] == 0 and policy["MaxTTL"] == 1
    key = policy["ParametersInCacheKeyAndForwardedToOrigin"]
    headers = set(key["HeadersConfig"]["Headers"])
    assert {"Authorization", "Last-Event-ID", "Origin", "x-api-key", "x-tickertape-request"} <= headers and len(headers) <= 10
    assert key["CookiesConfig"] == {"CookieBehavior": "all"} and key["QueryStringsConfig"] == {"QueryStringBehavior": "all"}
    assert key["EnableAcceptEncodingGzip"] is True
    streams = [one for one in behaviors(served) if one["TargetOriginId"] == "streams"]
    assert len(streams) >= 9
    for one in streams:
        assert one["CachePolicyId"].startswith("tickertape-dev-StreamCachePolicy") and "POST" in one["AllowedMethods"]
        assert one["OriginRequestPolicyId"] == "b689b0a8-53d0-40ab-baf2-68738e2966ac" and one["ViewerProtocolPolicy"] == "https-only"
        (function,) = one["FunctionAssociations"]
        assert function["EventType"] == "viewer-request" and "StreamRequestFunction" in function["FunctionARN"]


def test_silence_between_two_comments_does_not_end_an_event_stream(served):
    (_, origin) = properties(served, "Distribution")["DistributionConfig"]["Origins"]
    assert origin["DomainName"] == "abcdefghijklmnopqrst.lambda-url.eu-west-1.on.aws"
    settings = origin["CustomOriginConfig"]
    assert 2 * 30 <= settings["OriginReadTimeout"] <= 60 and settings["OriginProtocolPolicy"] == "https-only"


def test_each_request_gets_a_name_and_the_host_that_was_asked_whatever_its_client_wrote(served):
    code = properties(served, "StreamRequestFunction")["FunctionCode"]
    written = {"host": {"value": "live.example.com"}, "x-tickertape-request": {"value": "mine"}, "x-tickertape-host": {"value": "evil.example"}}
    event = {"context": {"requestId": "r-1"}, "request": {"uri": "/stream", "headers": written}}
    done = subprocess.run(["node", "-e", f"{code}\nprocess.stdout.write(JSON.stringify(handler({json.dumps(event)})))"],
                          capture_output=True, text=True, timeout=60)
    request = json.loads(done.stdout)
    assert request["uri"] == "/stream" and request["headers"] == {
        "host": {"value": "live.example.com"}, "x-tickertape-request": {"value": "r-1"}, "x-tickertape-host": {"value": "live.example.com"}}
    assert (ROOT / "Sources/Access/TrustedProxy.swift").read_text().count('"x-tickertape-host"') == 1
    assert [what for what, pattern in BEYOND_THE_RUNTIME.items() if re.search(pattern, code, re.M)] == []


def test_the_functions_know_the_secret_and_the_distributions_own_pages_and_without_it_neither(template, served):
    variables = served.functions()["ConnectHandler"]["Environment"]["Variables"]
    assert variables["ORIGIN_SECRET"] == SECRET and variables["ACCESS_ORIGINS"] == ",https://d111111abcdef8.cloudfront.net"
    # A distribution that stands before a function cannot be named to it: it says itself which host was asked.
    streams = served.functions()["StreamHandler"]["Environment"]["Variables"]
    assert streams["ORIGIN_SECRET"] == SECRET and streams["ACCESS_ORIGINS"] == ""
    assert all("ORIGIN_SECRET" not in one["Environment"]["Variables"] for name, one in served.functions().items()
               if name not in ("ConnectHandler", "StreamHandler"))
    without = deployment(template)
    variables = without.functions()["ConnectHandler"]["Environment"]["Variables"]
    assert variables["ORIGIN_SECRET"] == "" and variables["ACCESS_ORIGINS"] == ""
    assert not without.resolve(template["Conditions"]["ServesDocumentsPaths"])
    for name in ("PathsFunction", "StreamRequestFunction", "StreamCachePolicy", "Distribution"):
        assert template["Resources"][name]["Condition"] == "ServesDocumentsPaths"
    assert template["Outputs"]["DocumentsPathsUrl"]["Condition"] == "ServesDocumentsPaths"


def test_a_distribution_without_a_secret_is_refused(template):
    (refusal,) = deployment(template, DocumentsPaths="served").refusals()
    assert "without ORIGIN_SECRET" in refusal
    assert deployment(template, DocumentsPaths="served", OriginSecret=31 * "a").refusals()
