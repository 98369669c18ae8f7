import ConnectionStoreSelection
import LambdaRuntime
import Streams
import Telemetry

LambdaRuntime.run(
  try Connect(
    connections: Connections(TableSelection.open(.process), shards: TableSelection.listenerShards(.process)),
    access: Access(.process), log: Log(.process)))
