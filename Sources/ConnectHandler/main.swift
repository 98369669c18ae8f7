import Access
import ConnectionStoreSelection
import LambdaRuntime
import Streams
import Telemetry

LambdaRuntime.run(
  try Connect(.process, table: TableSelection.open(.process), shards: TableSelection.listenerShards(.process)))
