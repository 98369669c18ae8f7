import AWS
import ConnectionStore
import Connections
import EventLog
import LambdaRuntime
import ManagementAPI
import TableBackends
import Telemetry

func makeReceive(environment: Environment) throws -> some LambdaHandler {
  try EventTypes.load()
  let deadline = CallDeadline()
  let table = try TableSelection.open(environment: environment, deadline: deadline)
  let shards = try TableSelection.listenerShards(environment: environment)
  let limits = try StreamLimits(environment: environment)
  try GatewayAccess(environment: environment).check()
  return Receive(
    connections: Connections(table: table, shards: shards, limits: limits),
    recovery: RecoveryReader(table: table, shards: shards, limits: limits),
    lagRows: LagRows(table: table, limits: limits),
    publisher: InvokedFunction(
      named: environment["PUBLISHER_FUNCTION"], by: FunctionInvoker(environment: environment)),
    outbox: ManagementOutbox(environment: environment), log: try Log(environment)
  ).afterReporting {
    deadline.set(milliseconds: $0.deadlineMilliseconds, now: Clock.system.milliseconds())
  }
}

LambdaRuntime.run(
  try makeReceive(environment: .process),
  help: """
    DefaultHandler answers $default: the frames of clients.

    Variables, for example:
      CONNECTION_STORE        the table: sqlite:.tickertape/table.sqlite or dynamodb:TABLE
      API_GATEWAY_ENDPOINT    where frames are posted: http://127.0.0.1:8000/dev
      EVENT_TYPES_FILE        which event types there are, and who sees them: /opt/types.json
      AWS_LAMBDA_LOG_LEVEL    DEBUG, INFO, WARN, ERROR
    """)
