import AWS
import ConnectionStore
import Connections
import Delivery
import EventLog
import LambdaRuntime
import ManagementAPI
import TableBackends
import Telemetry

func makePublish(environment: Environment) throws -> some LambdaHandler {
  try EventTypes.load()
  let access = GatewayAccess(environment: environment)
  try access.check()
  let deadline = CallDeadline()
  let table = try TableSelection.open(environment: environment, deadline: deadline)
  let shards = try TableSelection.listenerShards(environment: environment)
  let log = try Log(environment)
  let client = try access.client(for: access.requiredEndpoint())
  let limits = try StreamLimits(environment: environment)
  return try Publish(
    eventLog: StreamLog(table: table, shards: shards, limits: limits),
    streams: StreamSender(
      table: table, sender: Fanout(client: client, options: .inRounds),
      lagSender: Fanout(client: client, options: .ofLagging), shards: shards, limits: limits, log: log),
    limits: limits,
    itself: InvokedFunction(
      named: environment["AWS_LAMBDA_FUNCTION_NAME"], by: FunctionInvoker(environment: environment)),
    log: log,
    metrics: TelemetrySettings.writesMetrics(environment: environment)
      ? SendMetrics.metrics(environment: environment) : nil
  ).afterReporting {
    deadline.set(milliseconds: $0.deadlineMilliseconds, now: Clock.system.milliseconds())
  }
}

LambdaRuntime.run(
  try makePublish(environment: .process),
  help: """
    Publisher appends events to their streams and sends them to who listens.

    Variables, for example:
      CONNECTION_STORE        the table: sqlite:.tickertape/table.sqlite or dynamodb:TABLE
      API_GATEWAY_ENDPOINT    where frames are posted: http://127.0.0.1:8000/dev
      EVENT_TYPES_FILE        which event types there are, and who sees them: /opt/types.json
      AWS_LAMBDA_LOG_LEVEL    DEBUG, INFO, WARN, ERROR
    """)
