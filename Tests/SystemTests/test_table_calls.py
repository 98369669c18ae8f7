"""What the benchmark of lagging clients says of the calls to the table."""

import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Benchmarks" / "streams"))

import table_calls  # noqa: E402


def call(at, who, operation, body):
    return {"at": at, "who": who, "lane": 1, "operation": operation, "body": json.dumps(body, separators=(",", ":"))}


def key(partition, sort="0"):
    return {"pk": {"S": partition}, "sk": {"S": sort}}


def test_the_calls_of_lag_senders_and_those_of_rounds_about_who_lags_are_told_apart():
    transaction = {"ClientRequestToken": "t", "TransactItems": [
        {"ConditionCheck": {"TableName": "one", "Key": key("m#s")}}, {"Delete": {"TableName": "one", "Key": key("b#s", "old-1=")}}]}
    calls = [
        call(1, "connect0", "PutItem", {"Item": key("c#old-1=")}),
        call(2, "publisher0", "UpdateItem", {"Key": key("m#s")}),
        call(3, "publisher0", "Query", {"ExpressionAttributeValues": {":p": {"S": "b#s"}}}),
        call(3, "publisher0", "Query", {"ExpressionAttributeValues": {":p": {"S": "l#t#0"}}}),
        call(4, "publisher0", "TransactWriteItems", transaction),
        call(5, "publisher1", "GetItem", {"Key": key("m#s", "lag")}),
        call(9, "publisher1", "GetItem", {"Key": key("s#s", "!")}),
    ]
    added = table_calls.added(calls, [["publisher1", 4.5, 6]], "old")
    assert table_calls.counted(added, 2, 2) == {
        "round: Query lag row": [0.5, 0.5], "round: TransactWriteItems lag row": [0.5, 1.0], "lag sender: GetItem lag lease": [0.5, 0.5]}
    assert table_calls.added(calls, [], "alone") == []
    again = json.loads(table_calls.elsewhere(calls[4], "one", "two"))
    assert [list(one.values())[0]["TableName"] for one in again["TransactItems"]] == ["two"] and again["ClientRequestToken"] != "t"
