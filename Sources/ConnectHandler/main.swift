import Access
import ConnectionStoreSelection
import LambdaRuntime
import Streams
import Telemetry

func makeConnect(_ environment: Environment) throws -> some LambdaHandler {
  try EventTypes.load()
  return try Connect(
    environment, table: TableSelection.open(environment), shards: TableSelection.listenerShards(environment))
}

LambdaRuntime.run(try makeConnect(.process))
