import ConnectionStoreSelection
import LambdaRuntime
import Streams
import Telemetry

LambdaRuntime.run(
  try Disconnect(
    connections: Connections(TableSelection.open(.process), shards: TableSelection.listenerShards(.process)),
    log: Log(.process)))
