"""LambdaRuntime under AWS's own Lambda runtime interface emulator."""

import base64
import json
import time

import pytest

LARGEST = 6 * 1024 * 1024 + 100


def test_an_event_comes_back_as_it_was_sent(emulate):
    echo = emulate("EchoBootstrap")
    event = b'{"price": 152.50, "id": 9007199254740993123, "text": "\xc3\xa9\\u00e9"}'
    assert echo.invoke(event) == event.decode()


def test_one_process_answers_one_event_after_the_other(emulate):
    echo = emulate("EchoBootstrap")
    assert [echo.invoke_json({"do": "count"}) for _ in range(50)] == list(range(1, 51))


def test_the_context_says_which_invocation_and_until_when(emulate):
    echo = emulate("EchoBootstrap", AWS_LAMBDA_FUNCTION_TIMEOUT="20")
    client_context = base64.b64encode(b'{"custom":{"a":1}}').decode()
    before = time.time() * 1000
    context = echo.invoke_json({"do": "context"}, headers={"X-Amz-Client-Context": client_context})
    assert len(context["requestID"]) == 36
    assert context["invokedFunctionARN"].startswith("arn:aws:lambda:us-east-1:")
    assert 0 < context["deadlineMilliseconds"] - before <= 25_000
    assert json.loads(context["clientContext"]) == {"custom": {"a": 1}}


def test_a_thrown_error_is_answered_and_the_process_lives_on(emulate):
    echo = emulate("EchoBootstrap")
    assert echo.invoke_json({"do": "count"}) == 1
    failure = echo.invoke_json({"do": "throw"})
    assert failure["errorType"] == "Function.AskedTo"
    assert failure["errorMessage"] == "the event asked for it"
    not_json = echo.invoke_json(b"{")
    assert not_json["errorType"] == "Function.JSONError"
    assert echo.invoke_json({"do": "count"}) == 4


def test_an_answer_of_exactly_the_limit_passes_and_one_byte_more_is_an_error(emulate):
    echo = emulate("EchoBootstrap")
    assert len(echo.invoke({"do": "largest"})) == LARGEST
    failure = echo.invoke_json({"do": "too large"})
    assert failure["errorType"] == "Function.ResponseSizeTooLarge"
    assert echo.invoke_json({"do": "count"}) == 3


def test_a_large_event_arrives_whole(emulate):
    echo = emulate("EchoBootstrap")
    event = json.dumps({"text": "x" * (6 * 1024 * 1024 - 100)}).encode()
    assert echo.invoke(event) == event.decode()


def test_a_failed_start_reports_its_error(emulate):
    echo = emulate("EchoBootstrap", ECHO_CANNOT_START="1")
    assert echo.invoke_json({})["errorType"] == "Runtime.CannotStart"
    assert "/runtime/init/error" in echo.text() or "CannotStart" in echo.text()


@pytest.mark.parametrize("event", [{"do": "trap"}])
def test_after_a_crash_the_next_event_finds_a_new_process(emulate, event):
    echo = emulate("EchoBootstrap")
    assert echo.invoke_json({"do": "count"}) == 1
    assert "Runtime.ExitError" in echo.invoke(event)
    assert echo.invoke_json({"do": "count"}) == 1


def test_after_a_time_out_the_next_event_finds_a_new_process(emulate):
    echo = emulate("EchoBootstrap", AWS_LAMBDA_FUNCTION_TIMEOUT="2")
    assert "Task timed out after 2.00 seconds" in echo.invoke({"do": "hang"})
    assert echo.invoke_json({"do": "count"}) == 1
