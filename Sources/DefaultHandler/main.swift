import ConnectionStoreSelection
import LambdaRuntime
import Streams
import Telemetry

LambdaRuntime.run(
  try Receive(
    connections: Connections(TableSelection.open(.process), shards: TableSelection.listenerShards(.process)),
    outbox: ManagementOutbox(.process), log: Log(.process)))
