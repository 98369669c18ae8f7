import ConnectionStoreSelection
import Delivery
import GatewayAccess
import LambdaRuntime
import Streams
import Telemetry

let access = GatewayAccess(.process)
LambdaRuntime.run(
  try Publish(
    connections: Connections(TableSelection.open(.process), shards: TableSelection.listenerShards(.process)),
    eventLog: NoLog(),
    sender: Fanout(client: access.client(for: access.requiredEndpoint())), log: Log(.process)))
