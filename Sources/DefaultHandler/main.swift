import ConnectionStoreSelection
import FunctionInvocation
import LambdaRuntime
import Streams
import Telemetry

func makeReceive(_ environment: Environment) throws -> Receive<ManagementOutbox> {
  try EventTypes.load()
  let table = try TableSelection.open(environment)
  let shards = try TableSelection.listenerShards(environment)
  let limits = try StreamLimits(environment)
  return Receive(
    connections: Connections(table, shards: shards, limits: limits),
    recovery: RecoveryReader(table, shards: shards, limits: limits),
    behindRows: BehindRows(table), drains: Drains(environment, FunctionInvoker(environment)),
    outbox: ManagementOutbox(environment), log: Log(environment))
}

LambdaRuntime.run(try makeReceive(.process))
