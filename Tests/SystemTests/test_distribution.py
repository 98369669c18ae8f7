"""The template's CloudFront distribution: its function with the cases of the local gateway's paths, and what it hands on.

No emulator at hand carries a WebSocket through a distribution. What the deployed parts are is looked at in `test_deployment.py`; that
CloudFront itself does with them what its pages say is not shown here.
"""

import re

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
    (origin,), behavior = config["Origins"], config["DefaultCacheBehavior"]
    assert origin["OriginCustomHeaders"] == [{"HeaderName": "x-tickertape-origin", "HeaderValue": SECRET}]
    assert origin["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only" and "OriginPath" not in origin
    assert (ROOT / "Sources/Access/TrustedProxy.swift").read_text().count('"x-tickertape-origin"') == 1
    # AWS's own policies go by these ids: nothing is cached, every header but Host, every cookie and the whole query go on.
    assert behavior["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
    assert behavior["OriginRequestPolicyId"] == "b689b0a8-53d0-40ab-baf2-68738e2966ac"
    assert behavior["ViewerProtocolPolicy"] == "https-only"
    assert [one["EventType"] for one in behavior["FunctionAssociations"]] == ["viewer-request"]


def test_the_functions_know_the_secret_and_the_distributions_own_pages_and_without_it_neither(template, served):
    variables = served.functions()["ConnectHandler"]["Environment"]["Variables"]
    assert variables["ORIGIN_SECRET"] == SECRET and variables["ACCESS_ORIGINS"] == ",https://d111111abcdef8.cloudfront.net"
    assert all("ORIGIN_SECRET" not in one["Environment"]["Variables"] for name, one in served.functions().items() if name != "ConnectHandler")
    without = deployment(template)
    variables = without.functions()["ConnectHandler"]["Environment"]["Variables"]
    assert variables["ORIGIN_SECRET"] == "" and variables["ACCESS_ORIGINS"] == ""
    assert not without.resolve(template["Conditions"]["ServesDocumentsPaths"])
    for name in ("PathsFunction", "Distribution"):
        assert template["Resources"][name]["Condition"] == "ServesDocumentsPaths"
    assert template["Outputs"]["DocumentsPathsUrl"]["Condition"] == "ServesDocumentsPaths"


def test_a_distribution_without_a_secret_is_refused(template):
    (refusal,) = deployment(template, DocumentsPaths="served").refusals()
    assert "without ORIGIN_SECRET" in refusal
    assert deployment(template, DocumentsPaths="served", OriginSecret=31 * "a").refusals()
