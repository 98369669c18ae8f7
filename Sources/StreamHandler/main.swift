import AWS
import Access
import Connections
import EventLog
import LambdaRuntime
import ManagementAPI
import TableBackends
import Telemetry

func makeServeStreams(environment: Environment) throws -> ServeStreams<SocketCalls> {
  let types = try EventTypeTable(environment: environment)
  let routes = try RouteFile(environment: environment, types: types)
  let store = try FunctionTable(environment: environment)
  let limits = try StreamLimits(environment: environment)
  let settings = try AccessSettings(environment: environment)
  try GatewayAccess(environment: environment).check()
  let log = try Log(environment)
  let connections = Connections(table: store.table, shards: store.shards, limits: limits)
  let tickets = Tickets(table: store.table)
  return ServeStreams(
    routes: RouteTable(routes.routes),
    recovery: RecoveryReader(table: store.table, types: types, shards: store.shards, limits: limits, log: log),
    sources: StreamSources(
      table: store.table, types: types, settings: try StreamSettings(environment: environment), limits: limits, log: log
    ),
    access: StreamAccess(
      control: AccessControl(settings: settings, keys: APIKeys(table: store.table), log: log), tickets: tickets),
    proxy: settings.proxy, attempts: AttemptLimit(settings: settings.attempts, table: store.table),
    openings: OpeningLimit(),
    held: HeldStreams(
      connections: connections, tickets: tickets,
      limit: UserLimit(
        maximum: settings.connectionsPerUser, clientMaximum: settings.connectionsPerClient, connections: connections,
        calls: SocketCalls(client: ConnectionsClient(environment: environment))),
      clock: .system, log: log),
    publisher: QueuedPublisher(
      name: environment["PUBLISHER_FUNCTION"], invocation: FunctionInvoker(environment: environment)),
    cors: CORS(settings), log: log, metrics: try FunctionMetrics.chosen(by: environment),
    beginInvocation: { store.beginInvocation(deadlineMilliseconds: $0.deadlineMilliseconds) })
}

LambdaRuntime.run(
  streaming: try makeServeStreams(environment: .process),
  help: """
    StreamHandler answers HTTP requests with streams of events (text/event-stream).

    Variables, for example:
      CONNECTION_STORE        the table: sqlite:.tickertape/table.sqlite or dynamodb:TABLE
      STREAM_MESSAGES_TABLE_NAME
                              instead of it the name of a DynamoDB table, in eu-central-1 unless AWS_REGION is set
      ACCESS                  required (the default) or open; Docs/configuration.md says how keys and tokens are checked
      ACCESS_ORIGINS          pages that may read with their session: https://app.example.com
      ORIGIN_SECRET           what a proxy in front sends as x-tickertape-origin: only then X-Forwarded-For counts
      STREAM_ROUTES_FILE      which streams there are: /opt/routes.json
      STREAM_SLICE_SECONDS    a stream ends after so long without an event: 300
      STREAM_KEEPALIVE_SECONDS
                              a comment is sent after so long without anything: 30
      STREAM_RETRY_MILLISECONDS
                              what clients are told to wait before they come back: 5000
      STREAM_POLL_MILLISECONDS
                              how often the log is read: 250 on DynamoDB, 20 on SQLite
      STREAM_PAD_BYTES        of a comment at the start, for fronts that hold back small chunks: 0
      STREAM_SECOND_CHUNK     1: an empty comment follows in a chunk of its own
      STREAM_WHOLE_ANSWERS    1: for a REST API that does not stream: what there is, at once
      LATEST_SECONDS          how old the newest message of a channel may be: 3600
      EVENT_TYPES_FILE        which event types there are, and who sees them: /opt/types.json
      AWS_LAMBDA_LOG_LEVEL    DEBUG, INFO, WARN, ERROR
    """)
