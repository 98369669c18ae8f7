// ManagementProbe ENDPOINT ROOTS POSTS WIDTH BYTES: posts so many frames of so many bytes to so many connections at
// once, signed with the environment's keys where GatewayAccess signs, and prints how many had which outcome, a line an
// outcome. ROOTS is the PEM file of the certificates to trust.

import HTTPClient
import ManagementAPI
import Messaging
import Telemetry

func run(_ arguments: [String]) throws -> [String: Int] {
  guard arguments.count == 6, let posts = Int(arguments[3]), let width = Int(arguments[4]), let size = Int(arguments[5])
  else { return ["usage: ManagementProbe ENDPOINT ROOTS POSTS WIDTH BYTES": 1] }
  var options = ManagementClient.Options()
  options.width = width
  options.callsPerConnection = 1
  options.connectMilliseconds = 2_000
  options.answerMilliseconds = 5_000
  options.tls.rootsFile = arguments[2]
  let client = try GatewayAccess(environment: .process).client(for: arguments[1], options: options)
  // Each half finds the connections of the one before.
  var outcomes: [String: Int] = [:]
  post(0..<(posts + 1) / 2, bytes: size, over: client, &outcomes)
  post((posts + 1) / 2..<posts, bytes: size, over: client, &outcomes)
  return outcomes
}

func post(_ numbers: Range<Int>, bytes: Int, over client: ManagementClient, _ outcomes: inout [String: Int]) {
  var (next, left) = (numbers.lowerBound, numbers.count)
  var ended: [Completion] = []
  client.expect(calls: numbers.count)
  while left > 0 {
    while next < numbers.upperBound, client.room > 0, let id = ConnectionID("probe\(next)=") {
      client.start(
        Call(verb: .post(Array("\(next):".utf8) + [UInt8](repeating: 0x6D, count: bytes)), id: id), token: next)
      next += 1
    }
    client.step(untilMilliseconds: .max, into: &ended)
    for completion in ended {
      switch completion.outcome {
      case .answered(let answer): outcomes[answer.explanation, default: 0] += 1
      case .failed(let error): outcomes["\(error.kind): \(error.message)", default: 0] += 1
      }
    }
    left -= ended.count
  }
}

do {
  for (outcome, count) in try run(CommandLine.arguments) { print(count, outcome) }
} catch {
  print(1, error)
}
