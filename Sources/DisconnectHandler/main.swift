import Connections
import LambdaRuntime
import TableBackends
import Telemetry

func makeDisconnect(environment: Environment) throws -> some LambdaHandler {
  let store = try FunctionTable(environment: environment)
  let connections = Connections(table: store.table, shards: store.shards)
  return Disconnect(
    connections: connections, log: try Log(environment), metrics: try FunctionMetrics.chosen(by: environment)
  ).afterReporting {
    store.beginInvocation(deadlineMilliseconds: $0.deadlineMilliseconds)
  }
}

LambdaRuntime.run(
  try makeDisconnect(environment: .process),
  help: """
    DisconnectHandler answers $disconnect: it forgets the connection.

    Variables, for example:
    CONNECTION_STORE        the table: sqlite:.tickertape/table.sqlite or dynamodb:TABLE
    STREAM_MESSAGES_TABLE_NAME
                            instead of it the name of a DynamoDB table, in eu-central-1 unless AWS_REGION is set
    AWS_LAMBDA_LOG_LEVEL    DEBUG, INFO, WARN, ERROR
    """)
