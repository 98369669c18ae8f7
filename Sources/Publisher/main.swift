import ConnectionStoreSelection
import Delivery
import FunctionInvocation
import GatewayAccess
import LambdaRuntime
import Streams
import Telemetry

func makePublish(_ environment: Environment) throws -> Publish<Fanout> {
  try EventTypes.load()
  let access = GatewayAccess(environment)
  let table = try TableSelection.open(environment)
  let shards = try TableSelection.listenerShards(environment)
  let log = Log(environment)
  let fanout = try Fanout(client: access.client(for: access.requiredEndpoint()), options: .inRounds)
  var sender = StreamSender(table, sender: fanout, shards: shards, log: log)
  sender.windowMilliseconds = try 1_000 / StreamLimits(environment).framesPerSecond
  return Publish(
    eventLog: StreamLog(table, shards: shards), streams: sender,
    invocation: FunctionInvoker(environment), ownName: environment["AWS_LAMBDA_FUNCTION_NAME"], log: log,
    metrics: environment["METRICS"] == "off" ? nil : SendMetrics.metrics(environment))
}

LambdaRuntime.run(try makePublish(.process))
