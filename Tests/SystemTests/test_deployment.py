"""infra/deploy.sh and infra/destroy.sh against an emulator of AWS, and clients of what was deployed.

Everything runs twice: once as most people would run an emulator, once with the emulator checking every signature and every
policy, where each caller is an IAM user with the few rights it needs and each function has the role of the template. What the
emulator does otherwise than AWS stands in `aws_emulator.py`.
"""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import subprocess
import time
import uuid
from dataclasses import dataclass

import pytest
import websockets
from cfnlint.decode.cfn_yaml import load
from websockets.asyncio.client import connect

from aws_emulator import ROOT, AWSEmulator, Caller
from cloudformation import Deployment
from deployment import deployer_of, everything, infra, keys, succeed
from paths_function import parameters, run

SECRET = "0123456789abcdef0123456789abcdef \" \\ 'secret'"


pytestmark = pytest.mark.timeout(300)


def public_keys() -> str:
    """Two keys in PEM, with the line end that a file has."""
    private = [subprocess.run(["openssl", "genpkey", "-algorithm", *kind], check=True, capture_output=True).stdout for kind in (
        ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"], ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"])]
    return "".join(subprocess.run(["openssl", "pkey", "-pubout"], input=key, check=True, capture_output=True).stdout.decode()
                   for key in private)


PUBLIC_KEYS = public_keys()


@dataclass
class Cloud:
    """What was deployed, and who may do what with it."""

    emulator: AWSEmulator
    deployer: Caller
    client: Caller
    outputs: dict[str, str]
    key: str

    @property
    def url(self) -> str:
        return self.outputs["WebSocketUrl"] + "?userId=u-1"

    @contextlib.asynccontextmanager
    async def connection(self):
        async with connect(self.url + "&hello=1", additional_headers={"x-api-key": self.key}) as socket:
            yield socket

    def send(self, event: object, group: str = "prices"):
        """An event into the queue, as a source would send it."""
        self.client.client("sqs").send_message(
            QueueUrl=self.outputs["IngestQueueUrl"], MessageGroupId=group, MessageDeduplicationId=str(uuid.uuid4()),
            MessageBody=event if isinstance(event, str) else json.dumps(event))

    def rows(self) -> list[tuple[str, str]]:
        """The keys of the rows of connections that live: those that have expired, or say that one left, do not count."""
        items = self.emulator.root.client("dynamodb").scan(TableName=self.outputs["TableName"])["Items"]
        return sorted(
            (item["pk"]["S"], item["sk"]["S"]) for item in items
            if item["pk"]["S"][:2] in ("c#", "l#") and "gone" not in item and int(item.get("expires", {}).get("N", time.time() + 60)) > time.time())

    def forget_connections(self):
        """Deletes what is left of connections, and messages that nobody took."""
        table = self.emulator.root.client("dynamodb")
        for pk, sk in self.rows():
            table.delete_item(TableName=self.outputs["TableName"], Key={"pk": {"S": pk}, "sk": {"S": sk}})
        self.emulator.root.client("sqs").purge_queue(QueueUrl=self.outputs["IngestQueueUrl"])

    def make_older(self, rows: list[tuple[str, str]], milliseconds: int):
        """Moves the moment back at which the connection was made that these rows are of."""
        table = self.emulator.root.client("dynamodb")
        for pk, sk in rows:
            table.update_item(
                TableName=self.outputs["TableName"], Key={"pk": {"S": pk}, "sk": {"S": sk}},
                UpdateExpression="ADD #at :change", ExpressionAttributeNames={"#at": "at"},
                ExpressionAttributeValues={":change": {"N": str(-milliseconds)}})

    async def until(self, condition, what: str, seconds: float = 30):
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < deadline, f"{what} did not come about; rows: {self.rows()}"
            await asyncio.sleep(0.1)
        return found


@pytest.fixture(scope="module", params=[False, True], ids=["unchecked", "signatures-and-policies-checked"])
def emulator(request, tmp_path_factory):
    running = AWSEmulator(tmp_path_factory.mktemp("aws") / "emulator", checks=request.param)
    yield running
    running.stop()
    print(running.log()[-20000:])


@pytest.fixture(scope="module")
def cloud(emulator, packages, programs):
    deployer = deployer_of(emulator)
    options = ["--packages", packages, "--tool", programs / "tickertape", "--json", "--documents-paths"]
    settings = {"JWT_SECRET": SECRET, "JWT_PUBLIC_KEY": PUBLIC_KEYS, "JWT_USER_CLAIM": "", "MAX_SUBSCRIPTIONS": "127"}
    outputs = json.loads(succeed(infra("deploy.sh", deployer, *options, environment=settings)))
    client = emulator.user("client", {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": outputs["IngestQueueArn"]}]})
    assert keys(programs, deployer, outputs["TableName"], "list") == "", "the smoke test leaves no key"
    key = keys(programs, deployer, outputs["TableName"], "create", "--user", "u-1", "--role", "admin")
    return Cloud(emulator, deployer, client, outputs, key)


@pytest.fixture(autouse=True)
async def nobody_is_left(request):
    """After each test every connection has left, so that the next begins with an empty table. What a test that failed has left is
    taken away, so that it fails none but itself."""
    yield
    if "cloud" in request.fixturenames and "destroy" not in request.node.name:
        cloud = request.getfixturevalue("cloud")
        try:
            await cloud.until(lambda: cloud.rows() == [], "the removal of the rows of connections that left")
        except AssertionError:
            cloud.forget_connections()
            raise


async def ask(socket, message) -> dict:
    await socket.send(json.dumps(message))
    return await receive(socket)


async def receive(socket) -> dict:
    return json.loads(await asyncio.wait_for(socket.recv(), 30))


async def hello(socket) -> list[dict]:
    """Says hello: the frames that answer it, to the last one."""
    frames = [await ask(socket, {"type": "hello", "n": 1, "eventTypes": ["signal"]})]
    while frames[-1]["type"] != "ready":
        frames.append(await receive(socket))
    return frames


async def refused(url: str, headers: dict[str, str]) -> int:
    with pytest.raises(websockets.InvalidStatus) as failure:
        await connect(url, additional_headers=headers)
    return failure.value.response.status_code


def token(**claims) -> str:
    """A JSON Web Token as any identity provider would sign it."""
    def part(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).decode().rstrip("=")
    text = ".".join(part(json.dumps(value).encode()) for value in ({"alg": "HS256"}, claims))
    return f"{text}.{part(hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).digest())}"


async def test_who_has_no_key_is_refused_and_leaves_no_connection(cloud, programs):
    # deploy.sh has ended, and the client of its smoke test leaves the table a moment later.
    await cloud.until(lambda: cloud.rows() == [], "the removal of the smoke test's rows")
    assert await refused(cloud.url, {}) == 403
    assert await refused(cloud.url, {"x-api-key": "tt_" + 43 * "A"}) == 403
    # A key of one's own, but somebody else's name.
    theirs = keys(programs, cloud.deployer, cloud.outputs["TableName"], "create", "--user", "u-2", "--role", "viewer")
    assert await refused(cloud.url, {"x-api-key": theirs}) == 403
    keys(programs, cloud.deployer, cloud.outputs["TableName"], "revoke", theirs)
    assert await refused(cloud.url.replace("u-1", "u-2"), {"x-api-key": theirs}) == 403
    assert cloud.rows() == []


async def test_who_brings_a_token_is_who_it_says(cloud):
    claims = {"sub": "u-1", "role": "viewer", "exp": time.time() + 60}
    async with connect(cloud.url + "&hello=1", additional_headers={"Authorization": f"Bearer {token(**claims)}"}) as socket:
        greeting = (await hello(socket))[0]
        assert (greeting["type"], greeting["userId"], greeting["role"]) == ("connection", "u-1", "viewer")
    assert await refused(cloud.url, {"Authorization": f"Bearer {token(**{**claims, 'exp': 1})}"}) == 403


async def test_a_client_that_says_no_hello_is_greeted_by_another_function(cloud):
    async with connect(cloud.url, additional_headers={"x-api-key": cloud.key}) as socket:
        greeting = await receive(socket)
        assert greeting["type"] == "connection_established" and greeting["data"]["userId"] == "u-1", greeting


async def test_the_deployed_function_takes_the_source_protocols_paths_to_the_api(cloud, tmp_path):
    of = cloud.emulator.root.client("cloudfront")
    (function,) = [one for one in of.list_functions(Stage="LIVE")["FunctionList"]["Items"] if "-paths-" in one["Name"]]
    code = of.get_function(Name=function["Name"], Stage="LIVE")["FunctionCode"].read().decode()
    paths = ["/realtime/ws/dashboard/u-1", "/realtime/ws/c1?user_id=u-1", "/streaming/ws?symbols=AAPL", "/stream/ws?userId=u-1"]
    for request in run(code, paths, tmp_path):
        assert request["uri"] == "/test"
        # The emulator has the stage's address elsewhere.
        url = f"{cloud.outputs['WebSocketUrl']}?{request['querystring']}&apiKey={cloud.key}"
        async with connect(url) as socket:
            await socket.send('{"type":"ping"}')
            # Clients of the flat dialect are greeted by this, before their answer or after it.
            awaited = {"pong", "connection"} if "dialect=flat" in url else {"pong"}
            while awaited:
                awaited -= {(await receive(socket))["type"]}


def test_the_distribution_stands_before_the_api_and_connect_handler_knows_its_secret(cloud):
    of = cloud.emulator.root.client("cloudfront")
    (distribution,) = of.list_distributions()["DistributionList"]["Items"]
    assert cloud.outputs["DocumentsPathsUrl"] == f"wss://{distribution['DomainName']}"
    config = of.get_distribution_config(Id=distribution["Id"])["DistributionConfig"]
    origin, streams = sorted(config["Origins"]["Items"], key=lambda one: one["Id"])
    assert origin["DomainName"].startswith(f"{cloud.outputs['ApiId']}.execute-api.")
    assert cloud.outputs["StreamUrl"] == f"https://{streams['DomainName']}/" and streams["CustomHeaders"] == origin["CustomHeaders"]
    (header,) = origin["CustomHeaders"]["Items"]
    function = cloud.emulator.root.client("lambda").get_function(FunctionName=cloud.outputs["ConnectHandlerName"])
    variables = function["Configuration"]["Environment"]["Variables"]
    assert header["HeaderName"] == "x-tickertape-origin" and len(header["HeaderValue"]) == 64
    assert variables["ORIGIN_SECRET"] == header["HeaderValue"]
    assert variables["ACCESS_ORIGINS"].endswith(f"https://{distribution['DomainName']}")
    (association,) = config["DefaultCacheBehavior"]["FunctionAssociations"]["Items"]
    assert association["EventType"] == "viewer-request" and association["FunctionARN"].endswith(":function/tickertape-test-paths-us-east-1")


def test_event_streams_have_a_url_that_streams_which_everybody_may_call_and_no_cache_keeps_or_joins_them(cloud):
    """That the emulator streams nothing of what the function writes, cuts no idle one and throttles nobody, this cannot show."""
    functions, name = cloud.emulator.root.client("lambda"), cloud.outputs["StreamHandlerName"]
    url = functions.get_function_url_config(FunctionName=name)
    assert (url["AuthType"], url["InvokeMode"], url["FunctionUrl"]) == ("NONE", "RESPONSE_STREAM", cloud.outputs["StreamUrl"])
    statements = json.loads(functions.get_policy(FunctionName=name)["Policy"])["Statement"]
    assert sorted(one["Action"] for one in statements) == ["lambda:InvokeFunction", "lambda:InvokeFunctionUrl"]
    configuration = functions.get_function(FunctionName=name)["Configuration"]
    assert configuration["Timeout"] == 900 and configuration["Environment"]["Variables"]["STREAM_SLICE_SECONDS"] == "20"
    of = cloud.emulator.root.client("cloudfront")
    (distribution,) = of.list_distributions()["DistributionList"]["Items"]
    config = of.get_distribution_config(Id=distribution["Id"])["DistributionConfig"]
    behaviors = [one for one in config["CacheBehaviors"]["Items"] if one["TargetOriginId"] == "streams"]
    (policy,) = {one["CachePolicyId"] for one in behaviors}
    key = of.get_cache_policy_config(Id=policy)["CachePolicyConfig"]["ParametersInCacheKeyAndForwardedToOrigin"]
    assert "x-tickertape-request" in key["HeadersConfig"]["Headers"]["Items"] and len(behaviors) == 9


def test_each_minute_the_publisher_is_told_to_sweep_and_may(cloud):
    of = cloud.emulator.root.client
    (schedule,) = of("scheduler").list_schedules()["Schedules"]
    details = of("scheduler").get_schedule(Name=schedule["Name"])
    assert details["ScheduleExpression"] == "rate(1 minute)" and details["State"] == "ENABLED"
    assert details["Target"]["Arn"].endswith(f":function:{cloud.outputs['PublisherName']}")
    answer = of("lambda").invoke(FunctionName=cloud.outputs["PublisherName"], Payload=details["Target"]["Input"])
    assert answer["StatusCode"] == 200 and "FunctionError" not in answer, answer["Payload"].read()


async def test_an_event_goes_from_the_queue_to_who_subscribed_with_its_bytes_unchanged(cloud):
    async with cloud.connection() as socket:
        answer = await ask(socket, {"type": "subscribe", "eventTypes": ["price:update"], "keys": ["AAPL"]})
        assert answer["type"] == "subscribed" and answer["subscriptions"] == 1
        assert any(pk.startswith("l#t:price%3Aupdate:AAPL#") for pk, _ in cloud.rows())
        cloud.send('{"type":"price:update","key":"MSFT","data":{"price":1}}')
        cloud.send('{"type":"price:update","key":"AAPL","data":{"price":152.50,"id":9007199254740993123,"b":1,"a":2}}')
        frame = await asyncio.wait_for(socket.recv(), 30)
        assert '"data":{"price":152.50,"id":9007199254740993123,"b":1,"a":2}' in frame
        # The other key was not subscribed: the next frame is the pong.
        assert (await ask(socket, {"type": "ping"}))["type"] == "pong"


async def test_hello_is_answered_through_the_management_api(cloud):
    async with cloud.connection() as socket:
        greeting, *state, ready = await hello(socket)
        assert (greeting["type"], greeting["userId"]) == ("connection", "u-1")
        assert all(frame["type"] == "snapshot" for frame in state) and ready["cursor"]
        assert any(pk.startswith("l#t:signal#") for pk, _ in cloud.rows())


async def test_events_of_one_group_arrive_in_their_order(cloud):
    async with cloud.connection() as socket:
        await ask(socket, {"type": "subscribe", "eventTypes": ["signal"]})
        for number in range(20):
            cloud.send({"type": "signal", "data": {"n": number}}, group="signals")
        assert [(await receive(socket))["data"]["n"] for _ in range(20)] == list(range(20))


async def test_a_connection_that_is_gone_is_cleaned_up_when_the_gateway_says_410(cloud):
    functions = cloud.emulator.root.client("lambda")
    name = cloud.outputs["DisconnectHandlerName"]
    # $disconnect is best effort on AWS. Here it is lost for certain, because the function may not run.
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    try:
        async with cloud.connection() as socket:
            await ask(socket, {"type": "subscribe", "eventTypes": ["risk"]})
            left_behind = cloud.rows()
        # The emulator takes frames for up to half a second after a client has left, and drops them.
        await cloud.until(lambda: is_gone(cloud, left_behind), "410 for the connection that left")
        # 410 from a connection younger than 30 s may mean that its $connect has not quite ended, so it is tried again.
        cloud.make_older(left_behind, milliseconds=60_000)
        async with cloud.connection() as witness:
            await ask(witness, {"type": "subscribe", "eventTypes": ["risk"]})
            assert set(left_behind) < set(cloud.rows()), "the rows of the first must still be there"
            cloud.send({"type": "risk", "data": {"level": 3}})
            assert (await receive(witness))["data"] == {"level": 3}
            await cloud.until(
                lambda: not set(left_behind) & set(cloud.rows()), "the removal of the gone connection's rows")
            assert len(cloud.rows()) == len(left_behind), "the other connection keeps its rows"
    finally:
        functions.delete_function_concurrency(FunctionName=name)


def is_gone(cloud, rows) -> bool:
    """Whether the gateway knows the connection no more that these rows are of."""
    management = cloud.emulator.root.client("apigatewaymanagementapi", endpoint=cloud.outputs["ManagementUrl"])
    (connection,) = {pk.removeprefix("c#") for pk, sk in rows if sk == "c"}
    try:
        management.get_connection(ConnectionId=connection)
    except management.exceptions.GoneException:
        return True
    return False


async def test_a_message_that_can_never_be_published_does_not_hold_up_the_next(cloud):
    async with cloud.connection() as socket:
        await ask(socket, {"type": "subscribe", "eventTypes": ["decision"]})
        cloud.send("this is not JSON", group="decisions")
        cloud.send({"type": "decision", "data": {"n": 1}}, group="decisions")
        assert (await receive(socket))["data"] == {"n": 1}


def test_a_second_deployment_changes_nothing_and_says_the_same(cloud, packages):
    # Without JWT_SECRET this time: what is not given stays as it was; the distribution's secret is not made anew. Before it one
    # that is refused, and so changes nothing.
    (distribution,) = cloud.emulator.root.client("cloudfront").list_distributions()["DistributionList"]["Items"]
    if cloud.emulator.checks:
        options = ["--packages", packages, "--no-smoke-test"]
        refused = infra("deploy.sh", cloud.deployer, *options, environment={"JWT_SECRET": "", "JWT_PUBLIC_KEY": "", "JWT_AUDIENCE": "a"})
        assert refused.returncode == 70 and "JWT_ISSUER or JWT_AUDIENCE is set, but nothing" in refused.stderr, refused.stderr
    again = json.loads(succeed(infra("deploy.sh", cloud.deployer, "--packages", packages, "--no-smoke-test", "--json", "--documents-paths")))
    assert again == cloud.outputs
    assert cloud.emulator.root.client("cloudfront").list_distributions()["DistributionList"]["Items"] == [distribution]
    function = cloud.emulator.root.client("lambda").get_function(FunctionName=cloud.outputs["ConnectHandlerName"])
    variables = function["Configuration"]["Environment"]["Variables"]
    assert variables["JWT_SECRET"] == SECRET and variables["MAX_SUBSCRIPTIONS"] == "127"
    # Byte for byte, and the empty one is the default.
    assert variables["JWT_PUBLIC_KEY"] == PUBLIC_KEYS and variables["JWT_USER_CLAIM"] == "sub" and not variables["JWT_AUDIENCE"]


def test_cloudformation_makes_of_the_parameters_what_test_template_settings_takes_it_to_make(cloud):
    (stack,) = cloud.emulator.root.client("cloudformation").describe_stacks(StackName="tickertape-test")["Stacks"]
    values = {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]}
    expected = Deployment(load(str(ROOT / "infra" / "template.yaml")), {**values, "JwtSecret": SECRET}).functions()
    # What it is given elsewhere, and what names the distribution.
    own = {"ORIGIN_SECRET", "ACCESS_ORIGINS"}
    for name, properties in expected.items():
        found = cloud.emulator.root.client("lambda").get_function(FunctionName=cloud.outputs[f"{name}Name"])["Configuration"]
        variables = properties["Environment"]["Variables"]
        assert found["Environment"]["Variables"].keys() == variables.keys()
        # The names of what the stack made are its own.
        for variable in variables.keys() - {"CONNECTION_STORE", "API_GATEWAY_ENDPOINT", "GREETING_FUNCTION", "PUBLISHER_FUNCTION"} - own:
            assert found["Environment"]["Variables"][variable] == variables[variable], (name, variable)
        assert variables["CONNECTION_STORE"].startswith("dynamodb:tickertape-") and found["Timeout"] == properties["Timeout"]


def test_destroy_does_nothing_unless_told_so(cloud):
    asked = infra("destroy.sh", cloud.deployer)
    assert asked.returncode == 77 and cloud.outputs["TableName"] in asked.stderr and "--yes" in asked.stderr
    assert cloud.emulator.root.client("dynamodb").list_tables()["TableNames"] == [cloud.outputs["TableName"]]


def test_destroy_leaves_nothing(cloud):
    succeed(infra("destroy.sh", cloud.deployer, "--yes"))
    assert everything(cloud.emulator.root) == []
    assert "nothing to delete" in infra("destroy.sh", cloud.deployer, "--yes").stderr
