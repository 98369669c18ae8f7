import AWS
import Connections
import Delivery
import EventLog
import LambdaRuntime
import ManagementAPI
import TableBackends
import Telemetry

func makePublish(environment: Environment) throws -> some LambdaHandler {
  let types = try EventTypeTable(environment: environment)
  let access = GatewayAccess(environment: environment)
  try access.check()
  let store = try FunctionTable(environment: environment)
  let log = try Log(environment)
  let client = try access.client(for: access.requiredEndpoint())
  let limits = try StreamLimits(environment: environment)
  return try Publish(
    eventLog: StreamLog(
      table: store.table, shards: store.shards, limits: limits, states: StateRules(types: types, limits: limits)),
    streams: StreamSender(
      table: store.table, types: types, sender: Fanout(client: client, options: .inRounds),
      lagSender: Fanout(client: client, options: .ofLagging), shards: store.shards, limits: limits, log: log),
    limits: limits,
    itself: InvokedFunction(
      named: environment["AWS_LAMBDA_FUNCTION_NAME"], by: FunctionInvoker(environment: environment)),
    log: log,
    metrics: FunctionMetrics.chosen(by: environment)
  ).afterReporting {
    store.beginInvocation(deadlineMilliseconds: $0.deadlineMilliseconds)
  }
}

LambdaRuntime.run(
  try makePublish(environment: .process),
  help: """
    Publisher appends events to their streams and sends them to who listens.

    Variables, for example:
      CONNECTION_STORE        the table: sqlite:.tickertape/table.sqlite or dynamodb:TABLE
      STREAM_MESSAGES_TABLE_NAME
                              instead of it the name of a DynamoDB table, in eu-central-1 unless AWS_REGION is set
      API_GATEWAY_ENDPOINT    where frames are posted: http://127.0.0.1:8000/dev
      EVENT_TYPES_FILE        which event types there are, and who sees them: /opt/types.json
      AWS_LAMBDA_LOG_LEVEL    DEBUG, INFO, WARN, ERROR
    """)
