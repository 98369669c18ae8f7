import ConnectionStore
import Connections
import LambdaRuntime
import TableBackends
import Telemetry

func makeDisconnect(environment: Environment) throws -> some LambdaHandler {
  let deadline = CallDeadline()
  let table = try TableSelection.open(environment: environment, deadline: deadline)
  let shards = try TableSelection.listenerShards(environment: environment)
  return Disconnect(connections: Connections(table: table, shards: shards), log: try Log(environment)).afterReporting {
    deadline.set(milliseconds: $0.deadlineMilliseconds, now: Clock.system.milliseconds())
  }
}

LambdaRuntime.run(
  try makeDisconnect(environment: .process),
  help: """
    DisconnectHandler answers $disconnect: it forgets the connection.

    Variables, for example:
    CONNECTION_STORE        the table: sqlite:.tickertape/table.sqlite or dynamodb:TABLE
    AWS_LAMBDA_LOG_LEVEL    DEBUG, INFO, WARN, ERROR
    """)
