"""Whatever the template's parameters can be, every function starts with the variables that CloudFormation makes of them."""

import functools
import itertools
import json
import subprocess
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cfnlint.decode.cfn_yaml import load

from aws_emulator import ROOT
from cloudformation import Deployment, allows
from deployment import FUNCTIONS
from pairs import covering_rows
from runtime_api import STARTED, lambdas_own, start

SEED = 20260119
# Lambda's limit on a function's variables: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
VARIABLES_BYTES = 4096


@pytest.fixture(scope="module")
def template():
    return load(str(ROOT / "infra" / "template.yaml"))


@pytest.fixture(scope="module")
def executables(packages, tmp_path_factory) -> dict[str, Path]:
    """Each function unpacked, as Lambda unpacks it."""
    folder = tmp_path_factory.mktemp("functions")
    for name in FUNCTIONS:
        with zipfile.ZipFile(packages / f"{name}.zip") as package:
            package.extractall(folder / name)
        (folder / name / "bootstrap").chmod(0o755)
    return {name: folder / name / "bootstrap" for name in FUNCTIONS}


def openssl(*words: str, text: str = "") -> str:
    return subprocess.run(["openssl", *words], input=text, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def examples(tmp_path_factory) -> dict[str, list[str]]:
    """Values of the parameters for which the template says none: the empty one where it is allowed, and those that people use."""
    types = tmp_path_factory.mktemp("opt") / "types.json"
    types.write_text((ROOT / "Sources/Connections/EventTypes/EventTypes.json").read_text())
    rsa = openssl("pkey", "-pubout", text=openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"))
    curve = openssl("pkey", "-pubout", text=openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"))
    return {
        "Stage": ["dev", "prod", "a" + 19 * "9"], "CodeBucket": ["tickertape-dev-123456789012-eu-west-1"],
        **{f"{name}Key": [f"{name}-0123456789abcdef.zip"] for name in FUNCTIONS},
        "JwtSecret": ["", 64 * "a", "0123456789abcdef0123456789abcdef \" \\ '$x'\n\t\u00fc=,"],
        "JwtPublicKey": ["", rsa, rsa + curve, curve.replace("\n", "\\n")],
        "JwtJwksUrl": ["", "https://login.example.com/.well-known/jwks.json"],
        "JwtIssuer": ["", "https://login.example.com/"], "JwtAudience": ["", "tickertape, dashboards,"],
        "JwtUserClaim": ["sub", "", "https://example.com/user"], "AccessOrigins": ["", "https://app.example.com, https://b.example"],
        "OriginSecret": ["", 64 * "a"], "ExistingTable": ["", "tickertape-prod-Table-1A2B3C4D5E6F"], "AlarmTopic": ["", "arn:aws:sns:eu-west-1:123456789012:alarms"],
        "EventTypesFile": ["", str(types)], "EventTypesLayer": ["", "arn:aws:lambda:eu-west-1:123456789012:layer:types:3"],
        "EmulatorEndpoint": ["", "http://127.0.0.1:4566"]}


@pytest.fixture(scope="module")
def values(template, examples) -> dict[str, list]:
    """Of every parameter the values to be paired: all where the template lists them, of a number the default and both ends (a fraction
    is refused by deploy.sh)."""
    found = {}
    for name, parameter in template["Parameters"].items():
        if "AllowedValues" in parameter:
            found[name] = [str(value) for value in parameter["AllowedValues"]]
        elif parameter["Type"] == "Number":
            found[name] = sorted({str(parameter[end]) for end in ("Default", "MinValue", "MaxValue")})
        else:
            found[name] = examples[name]
        default = [str(parameter["Default"])] if "Default" in parameter else []
        assert set(default) <= set(found[name]), f"the default of {name} is not among the values"
        assert all(allows(parameter, value) for value in found[name]), name
    assert set(examples) <= set(found), "an example has no parameter"
    return found


def named_in(node, template) -> set[str]:
    """The parameters that some part of the template refers to."""
    if isinstance(node, dict):
        return {node["Ref"]} & set(template["Parameters"]) if "Ref" in node else set().union(
            *(named_in(value, template) for value in node.values()))
    return set().union(*(named_in(value, template) for value in node)) if isinstance(node, list) else set()


def permission(template, related):
    @functools.cache
    def permitted(chosen) -> bool:
        return not Deployment(template, {**{name: "x" for name in template["Parameters"]}, **dict(chosen)}).broken_rules()
    return lambda row: permitted(tuple((name, row[name]) for name in sorted(related)))


@pytest.fixture(scope="module")
def rows(template, values):
    related = named_in(template["Rules"], template)
    rows, impossible = covering_rows(values, permission(template, related), related, SEED)
    # Only these can have a value that goes with none of another's: the file is in the layer, a distribution has a secret.
    assert {frozenset(name for name, _ in pair) for pair in impossible} == {
        frozenset({"EventTypesFile", "EventTypesLayer"}), frozenset({"DocumentsPaths", "OriginSecret"})}
    assert all(Deployment(template, row).refusals() == [] for row in rows)
    print(f"{len(rows)} rows with seed {SEED} for {len(values)} parameters")
    return rows


def every_start(deployments, names=FUNCTIONS):
    """Each function with each environment that it gets, once."""
    found = {}
    for deployment in deployments:
        for name, properties in deployment.functions().items():
            variables = properties["Environment"]["Variables"]
            if name in names:
                found[name, json.dumps(variables, sort_keys=True)] = variables
    return [(name, variables) for (name, _), variables in found.items()]


def outcomes(starts, executables) -> list[tuple[str, dict, str]]:
    def outcome(one):
        name, variables = one
        return name, variables, start(executables[name], {**lambdas_own(name, executables[name].parent), **variables})
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(outcome, starts))


def test_every_function_starts_whatever_two_parameters_are(template, rows, executables):
    starts = every_start(Deployment(template, row) for row in rows)
    assert len(starts) > 2 * len(rows)
    refused = [(name, variables, why) for name, variables, why in outcomes(starts, executables) if why != STARTED]
    assert refused == []


def test_every_function_starts_with_defaults_and_with_each_value_alone_beside_them(template, values, executables):
    # What 'infra/deploy.sh --stage dev' makes of the template, with one setting more.
    needed = {name: values[name][0] for name, parameter in template["Parameters"].items() if "Default" not in parameter}
    alone = [Deployment(template, {**needed, name: value}) for name, options in values.items() for value in options]
    permitted = [deployment for deployment in alone if not deployment.refusals()]
    # An issuer, an audience, a URL without an issuer, a file of types and its layer, a distribution mean nothing alone.
    assert len(alone) - len(permitted) == 6
    refused = [(name, variables, why) for name, variables, why in outcomes(every_start(permitted), executables) if why != STARTED]
    assert refused == []


def test_the_rules_about_tokens_refuse_what_connect_handler_would_refuse_and_nothing_else(template, values, executables):
    names = ["JwtSecret", "JwtPublicKey", "JwtJwksUrl", "JwtIssuer", "JwtAudience"]
    settings = [dict(zip(names, chosen)) for chosen in itertools.product(*(values[name][:2] for name in names))]
    deployments = [Deployment(template, {**{name: options[0] for name, options in values.items()}, "Access": "required", **one})
                   for one in settings]
    expected = [bool(deployment.refusals()) for deployment in deployments]
    assert 0 < sum(expected) < len(expected)
    starts = [("ConnectHandler", deployment.functions()["ConnectHandler"]["Environment"]["Variables"]) for deployment in deployments]
    refused = [why != STARTED for _, _, why in outcomes(starts, executables)]
    assert refused == expected, [one for one, was, should in zip(settings, refused, expected) if was != should]


def test_the_variables_of_a_function_are_within_lambdas_limit_and_its_file_of_types_comes_with_a_layer(template, rows):
    for row in rows:
        for name, properties in Deployment(template, row).functions().items():
            variables = properties["Environment"]["Variables"]
            assert all(isinstance(value, str) for value in variables.values()), (name, variables)
            assert sum(len(f"{key}{value}".encode()) for key, value in variables.items()) <= VARIABLES_BYTES
            assert bool(variables.get("EVENT_TYPES_FILE")) == bool(properties.get("Layers")), name
