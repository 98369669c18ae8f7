import Access
import Connections
import LambdaRuntime
import TableBackends
import Telemetry

func makeConnect(environment: Environment) throws -> some LambdaHandler {
  let types = try EventTypeTable(environment: environment)
  let store = try FunctionTable(environment: environment)
  return try Connect(
    environment: environment, table: store.table, types: types, shards: store.shards
  ).afterReporting {
    store.beginInvocation(deadlineMilliseconds: $0.deadlineMilliseconds)
  }
}

LambdaRuntime.run(
  try makeConnect(environment: .process),
  help: """
    ConnectHandler answers $connect: it decides who may connect, and remembers the connection.

    Variables, for example:
      CONNECTION_STORE        the table: sqlite:.tickertape/table.sqlite or dynamodb:TABLE
      STREAM_MESSAGES_TABLE_NAME
                              instead of it the name of a DynamoDB table, in eu-central-1 unless AWS_REGION is set
      ACCESS                  required (the default) or open; Docs/configuration.md says how keys and tokens are checked
      ORIGIN_SECRET           what a proxy in front sends as x-tickertape-origin: only then X-Forwarded-For counts
      API_GATEWAY_ENDPOINT    where frames are posted: http://127.0.0.1:8000/dev
      EVENT_TYPES_FILE        which event types there are, and who sees them: /opt/types.json
      AWS_LAMBDA_LOG_LEVEL    DEBUG, INFO, WARN, ERROR
    """)
