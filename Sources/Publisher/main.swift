import ConnectionStoreSelection
import Delivery
import LambdaRuntime
import ManagementAPI
import Streams
import Telemetry

LambdaRuntime.run(
  try Publish(
    connections: Connections(TableSelection.open(.process)), eventLog: NoLog(),
    sender: Fanout(
      client: ManagementClient(
        endpoint: Environment.process.required(
          "API_GATEWAY_ENDPOINT", example: "https://abc123defg.execute-api.eu-west-1.amazonaws.com/prod"))),
    log: Log(.process)))
