import ConnectionStoreSelection
import LambdaRuntime
import Streams
import Telemetry

func makeReceive(_ environment: Environment) throws -> Receive<ManagementOutbox> {
  try EventTypes.load()
  let table = try TableSelection.open(environment)
  let shards = try TableSelection.listenerShards(environment)
  return Receive(
    connections: Connections(table, shards: shards), recovery: RecoveryReader(table, shards: shards),
    outbox: ManagementOutbox(environment), log: Log(environment))
}

LambdaRuntime.run(try makeReceive(.process))
