import AWS
import Connections
import EventLog
import LambdaRuntime
import ManagementAPI
import TableBackends
import Telemetry

func makeReceive(environment: Environment) throws -> some LambdaHandler {
  let types = try EventTypeTable(environment: environment)
  let store = try FunctionTable(environment: environment)
  let limits = try StreamLimits(environment: environment)
  let log = try Log(environment)
  try GatewayAccess(environment: environment).check()
  return Receive(
    connections: Connections(table: store.table, shards: store.shards, limits: limits),
    recovery: RecoveryReader(table: store.table, types: types, shards: store.shards, limits: limits, log: log),
    lagRows: LagRows(table: store.table, limits: limits),
    publisher: InvokedFunction(
      named: environment["PUBLISHER_FUNCTION"], by: FunctionInvoker(environment: environment)),
    outbox: ConnectionsClient(environment: environment), log: log,
    metrics: try FunctionMetrics.chosen(by: environment)
  ).afterReporting {
    store.beginInvocation(deadlineMilliseconds: $0.deadlineMilliseconds)
  }
}

LambdaRuntime.run(
  try makeReceive(environment: .process),
  help: """
    DefaultHandler answers $default: the frames of clients.

    Variables, for example:
      CONNECTION_STORE        the table: sqlite:.tickertape/table.sqlite or dynamodb:TABLE
      STREAM_MESSAGES_TABLE_NAME
                              instead of it the name of a DynamoDB table, in eu-central-1 unless AWS_REGION is set
      API_GATEWAY_ENDPOINT    where frames are posted: http://127.0.0.1:8000/dev
      EVENT_TYPES_FILE        which event types there are, and who sees them: /opt/types.json
      AWS_LAMBDA_LOG_LEVEL    DEBUG, INFO, WARN, ERROR
    """)
