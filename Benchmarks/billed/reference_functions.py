"""The same three functions in Python with boto3, as a team would write them today: the reference of the billed milliseconds."""

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config

TABLE = os.environ["CONNECTION_STORE"].removeprefix("dynamodb:")
SHARDS = 8
dynamodb = boto3.client("dynamodb", endpoint_url=os.environ["AWS_ENDPOINT_URL_DYNAMODB"], config=Config(max_pool_connections=16))


def listener(topic: str, connection: str) -> dict:
    return {"pk": {"S": f"l#{topic}#{hash(connection) % SHARDS}"}, "sk": {"S": connection}, "at": {"N": str(int(time.time() * 1000))}}


def connect(event, _):
    connection = event["requestContext"]["connectionId"]
    rows = [{"pk": {"S": f"c#{connection}"}, "sk": {"S": "c"}, "rev": {"N": "1"}}, listener("t:python", connection), listener("u:u-1", connection)]
    dynamodb.transact_write_items(TransactItems=[{"Put": {"TableName": TABLE, "Item": row}} for row in rows])
    return {"statusCode": 200}


def message(event, _):
    connection = event["requestContext"]["connectionId"]
    key = {"pk": {"S": f"c#{connection}"}, "sk": {"S": "c"}}
    dynamodb.get_item(TableName=TABLE, Key=key, ConsistentRead=True)
    dynamodb.transact_write_items(TransactItems=[
        {"Update": {"TableName": TABLE, "Key": key, "UpdateExpression": "ADD rev :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}},
        {"Put": {"TableName": TABLE, "Item": listener("t:signal", connection)}}])
    return {"statusCode": 200, "body": json.dumps({"type": "subscribed", "eventTypes": ["signal"]})}


def publish(event, _):
    gateway = boto3.client(
        "apigatewaymanagementapi", endpoint_url=os.environ["API_GATEWAY_ENDPOINT"], config=Config(max_pool_connections=64))
    frame = json.dumps(event).encode()

    def read(partition: str) -> list[str]:
        pages = dynamodb.get_paginator("query").paginate(
            TableName=TABLE, KeyConditionExpression="pk = :p", ExpressionAttributeValues={":p": {"S": partition}}, ConsistentRead=True)
        return [item["sk"]["S"] for page in pages for item in page["Items"]]

    def post(connection: str):
        gateway.post_to_connection(ConnectionId=connection, Data=frame)

    with ThreadPoolExecutor(64) as pool:
        partitions = [f"l#t:price%3Aupdate{key}#{shard}" for shard in range(SHARDS) for key in ("", ":AAPL")]
        connections = [connection for page in pool.map(read, partitions) for connection in page]
        list(pool.map(post, connections))
    return {"deliveries": len(connections)}
