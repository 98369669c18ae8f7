import ConnectionStoreSelection
import LambdaRuntime
import Streams
import Telemetry

/// A bad file of event types is told before the first event.
func makeHandler() throws -> some LambdaHandler {
  try EventTypes.load()
  return try Connect(
    connections: Connections(TableSelection.open(.process), shards: TableSelection.listenerShards(.process)),
    access: Access(.process), log: Log(.process))
}
LambdaRuntime.run(try makeHandler())
