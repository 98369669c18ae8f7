import ConnectionStore
import ConnectionStoreSelection
import FunctionInvocation
import GatewayAccess
import LambdaRuntime
import Streams
import Telemetry

func makeReceive(_ environment: Environment) throws -> some LambdaHandler {
  try EventTypes.load()
  let deadline = CallDeadline()
  let table = try TableSelection.open(environment, deadline: deadline)
  let shards = try TableSelection.listenerShards(environment)
  let limits = try StreamLimits(environment)
  try GatewayAccess(environment).check()
  return Receive(
    connections: Connections(table, shards: shards, limits: limits),
    recovery: RecoveryReader(table, shards: shards, limits: limits),
    behindRows: BehindRows(table, limits: limits), drains: Drains(environment, FunctionInvoker(environment)),
    outbox: ManagementOutbox(environment), log: Log(environment)
  ).afterTelling {
    deadline.set(milliseconds: $0.deadlineMilliseconds, now: Clock.system.milliseconds())
  }
}

LambdaRuntime.run(
  try makeReceive(.process),
  help: """
    DefaultHandler answers $default: the frames of clients.

    Variables, for example:
      CONNECTION_STORE        the table: sqlite:.tickertape/table.sqlite or dynamodb:TABLE
      API_GATEWAY_ENDPOINT    where frames are posted: http://127.0.0.1:8000/dev
      EVENT_TYPES_FILE        which event types there are, and who sees them: /opt/types.json
      AWS_LAMBDA_LOG_LEVEL    DEBUG, INFO, WARN, ERROR
    """)
