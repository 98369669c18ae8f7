import ConnectionStoreSelection
import Delivery
import GatewayAccess
import LambdaRuntime
import Streams
import Telemetry

/// A bad file of event types is told before the first event.
func makeHandler() throws -> some LambdaHandler {
  try EventTypes.load()
  let access = GatewayAccess(.process)
  return try Publish(
    connections: Connections(TableSelection.open(.process), shards: TableSelection.listenerShards(.process)),
    eventLog: NoLog(),
    sender: Fanout(client: access.client(for: access.requiredEndpoint())), log: Log(.process))
}
LambdaRuntime.run(try makeHandler())
