import Delivery
import Glibc
import Messaging
import Telemetry

// DeliveryBenchmark ENDPOINT DELIVERIES BYTES ROUNDS [WIDTH [ROOTS]]: fans one body out to a list in memory, ROUNDS times,
// and prints one JSON line as the reference programs do. An https endpoint is called signed and verified by the PEM file
// ROOTS; API_GATEWAY_SIGN=always signs calls to others too.

let arguments = Array(CommandLine.arguments.dropFirst())
let numbers = arguments.dropFirst().prefix(4).compactMap { Int($0) }
guard arguments.count >= 4, numbers.count == min(4, arguments.count - 1) else {
  print("usage: DeliveryBenchmark ENDPOINT DELIVERIES BYTES ROUNDS [WIDTH [ROOTS]]")
  exit(2)
}
let benchmark = try Benchmark(
  endpoint: arguments[0], deliveries: numbers[0], bytes: numbers[1], rounds: numbers[2],
  width: numbers.count == 4 ? numbers[3] : 64, roots: arguments.count == 6 ? arguments[5] : nil)
exit(benchmark.run() ? 0 : 1)
