"""LambdaRuntime's streamed answers: a real process, under a Runtime API that is here and under AWS's own emulator."""

import asyncio
import base64
import json
import os
from dataclasses import dataclass, field


def http_event(**query: object) -> bytes:
    return json.dumps({
        "version": "2.0", "rawPath": "/a", "rawQueryString": "&".join(f"{name}={value}" for name, value in query.items()),
        "headers": {}, "isBase64Encoded": False,
        "requestContext": {
            "requestId": "r", "stage": "$default", "domainName": "x.lambda-url.local.on.aws",
            "http": {"method": "GET", "path": "/a", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"}}}).encode()


@dataclass
class Response:
    """What came in answer to one event, and when its parts came."""
    prelude: dict = field(default_factory=dict)
    pieces: list[bytes] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    trailers: dict[str, str] = field(default_factory=dict)
    error: dict | None = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def body(self) -> str:
        return b"".join(self.pieces).partition(bytes(8))[2].decode()


class RuntimeAPI:
    """As much of the Runtime API as one process with several slots needs."""

    def __init__(self):
        self.waiting = asyncio.Queue()
        self.responses: dict[str, asyncio.Future] = {}
        self.paused: dict[str, asyncio.Event] = {}
        self.connections = 0
        self.cut_after: dict[str, int] = {}

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0, limit=1 << 22)
        self.address = "127.0.0.1:%d" % self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self.server.close()

    async def invoke(self, name: str, event: bytes) -> Response:
        self.responses[name] = asyncio.get_running_loop().create_future()
        writer = await self.waiting.get()
        head = f"Lambda-Runtime-Aws-Request-Id: {name}\r\nLambda-Runtime-Deadline-Ms: 1\r\nContent-Length: {len(event)}"
        writer.write(f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".encode() + event)
        return await asyncio.wait_for(self.responses[name], 30)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self.connections += 1
        try:
            while line := await reader.readline():
                headers = {}
                while (field_line := (await reader.readline()).strip()):
                    name, _, value = field_line.decode().partition(": ")
                    headers[name.lower()] = value
                if line.startswith(b"GET"):
                    await self.waiting.put(writer)
                    continue
                name, kind = line.decode().split()[1].split("/")[-2:]
                response = Response(headers=headers)
                if kind == "error":
                    response.error = json.loads(await reader.readexactly(int(headers["content-length"])))
                elif not await self.read_chunks(name, reader, response):
                    break
                writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
                await writer.drain()
                if kind == "response":
                    assert await reader.read() == b"", "a streamed response's connection is closed"
                self.responses[name].set_result(response)
        finally:
            self.connections -= 1
            writer.close()

    async def read_chunks(self, name: str, reader: asyncio.StreamReader, response: Response) -> bool:
        while (line := await reader.readline()) != b"0\r\n":
            if not line:
                return False
            size = int(line, 16)
            response.pieces.append((await reader.readexactly(size + 2))[:-2])
            response.times.append(asyncio.get_running_loop().time())
            if len(response.pieces) == self.cut_after.get(name):
                self.responses[name].set_result(response)
                return False
            if name in self.paused:
                await self.paused[name].wait()
        while (line := (await reader.readline()).strip()):
            field_name, _, value = line.decode().partition(": ")
            response.trailers[field_name] = value
        response.prelude = json.loads(b"".join(response.pieces).partition(bytes(8))[0])
        return True


def run(programs, scenario, **environment: str):
    async def main():
        async with RuntimeAPI() as api:
            process = await asyncio.create_subprocess_exec(
                programs / "StreamBootstrap", env={**os.environ, "AWS_LAMBDA_RUNTIME_API": api.address, **environment})
            try:
                await scenario(api, process)
                assert process.returncode is None
            finally:
                process.kill()
                await process.wait()

    asyncio.run(main())


def lines(count: int) -> str:
    return "".join(f"data: {number}\n\n" for number in range(1, count + 1))


def test_many_answers_stream_at_once_from_one_process(programs):
    async def scenario(api, process):
        answers = await asyncio.gather(*(api.invoke(f"id-{n}", http_event(count=20, every=10)) for n in range(40)))
        for number, answer in enumerate(answers):
            assert answer.body == f": id-{number}\n\n" + lines(20)
            assert answer.prelude == {
                "statusCode": 200, "headers": {"Content-Type": "text/event-stream", "X-Path": "/a"}}
            assert answer.headers["lambda-runtime-function-response-mode"] == "streaming"
            assert len(answer.pieces) >= 20, "each line leaves when it is written"

    run(programs, scenario, AWS_LAMBDA_MAX_CONCURRENCY="16")


def test_lines_arrive_as_they_are_written(programs):
    async def scenario(api, process):
        answer = await api.invoke("a", http_event(count=4, every=150))
        gaps = [after - before for before, after in zip(answer.times[1:], answer.times[2:])]
        assert all(gap > 0.1 for gap in gaps), gaps

    run(programs, scenario)


def test_a_late_error_is_told_in_the_trailers_and_an_early_one_as_ever(programs):
    async def scenario(api, process):
        late = await api.invoke("late", http_event(count=4, every=1, fail="middle"))
        assert late.trailers["Lambda-Runtime-Function-Error-Type"] == "Function.AskedTo"
        error = json.loads(base64.b64decode(late.trailers["Lambda-Runtime-Function-Error-Body"]))
        assert error == {"errorMessage": "the event asked for it", "errorType": "Function.AskedTo", "stackTrace": []}
        assert late.body == ": late\n\n" + lines(2)
        early = await api.invoke("early", http_event(fail="at"))
        assert early.error["errorType"] == "Function.AskedTo"
        assert (await api.invoke("after", http_event(count=1))).body == ": after\n\n" + lines(1)

    run(programs, scenario)


def test_who_takes_nothing_holds_up_no_one_else_and_gets_all_of_it_later(programs):
    async def scenario(api, process):
        api.paused["slow"] = asyncio.Event()
        slow = asyncio.create_task(api.invoke("slow", http_event(count=400, bytes=50_000)))
        while "slow" not in api.responses:
            await asyncio.sleep(0)
        for number in range(20):
            answer = await api.invoke(f"id-{number}", http_event(count=3, every=1))
            assert answer.body.endswith(lines(3))
        assert not slow.done()
        peak = int(next(line for line in open(f"/proc/{process.pid}/status") if line.startswith("VmHWM")).split()[1])
        assert peak < 60_000, "20 MB are not kept for whoever takes nothing"
        api.paused["slow"].set()
        assert (await slow).body.count("data: ") == 400

    run(programs, scenario, AWS_LAMBDA_MAX_CONCURRENCY="4")


def test_a_cut_connection_ends_its_answer_and_no_other(programs):
    async def scenario(api, process):
        api.cut_after["cut"] = 3
        long = asyncio.create_task(api.invoke("long", http_event(count=40, every=10)))
        await api.invoke("cut", http_event(count=100_000, every=5))
        for number in range(4):
            assert (await api.invoke(f"id-{number}", http_event(count=1))).body.endswith(lines(1))
        assert (await long).body.endswith(lines(40))

    run(programs, scenario, AWS_LAMBDA_MAX_CONCURRENCY="2")


def test_waiting_costs_no_processor_time_and_a_slot_costs_one_descriptor(programs):
    async def scenario(api, process):
        answers = [asyncio.create_task(api.invoke(f"id-{n}", http_event(count=1, every=60_000))) for n in range(32)]
        while sum(1 for answer in answers if not answer.done()) == 32 and api.connections < 64:
            await asyncio.sleep(0.01)
        before = cpu(process.pid)
        await asyncio.sleep(0.5)
        assert cpu(process.pid) - before <= 1, "clock ticks in half a second of waiting"
        assert len(os.listdir(f"/proc/{process.pid}/fd")) <= 64 + 8
        for answer in answers:
            answer.cancel()

    run(programs, scenario, AWS_LAMBDA_MAX_CONCURRENCY="64")


def cpu(pid: int) -> int:
    """User and system time in clock ticks (proc(5))."""
    fields = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_under_awss_emulator_a_streamed_answer_comes_whole_and_a_late_error_too(emulate):
    """The emulator waits for the end of a response and hands on its bytes, prelude and all: that it was streamed, and the
    trailers, cannot be seen through it. That it takes the requests is what it shows."""
    stream = emulate("StreamBootstrap")
    for number in (3, 0, 200):
        prelude, _, body = stream.invoke(http_event(count=number, status=203)).partition("\0" * 8)
        assert json.loads(prelude)["statusCode"] == 203
        assert body.endswith("\n\n" + lines(number))
    assert lines(2) in stream.invoke(http_event(count=4, fail="middle"))
    assert stream.invoke_json(http_event(fail="at"))["errorType"] == "Function.AskedTo"
    assert stream.invoke(http_event(count=1)).endswith(lines(1))
