import Delivery
import Glibc
import ManagementAPI
import Messaging
import Telemetry

// DeliveryBenchmark PORT DELIVERIES BYTES ROUNDS: fans one body out to a list in memory, ROUNDS times, and prints one
// JSON line as the reference program does.

let arguments = CommandLine.arguments.dropFirst().compactMap { Int($0) }
guard arguments.count == 4 else {
  print("usage: DeliveryBenchmark PORT DELIVERIES BYTES ROUNDS")
  exit(2)
}
let benchmark = try Benchmark(
  port: arguments[0], deliveries: arguments[1], bytes: arguments[2], rounds: arguments[3])
exit(benchmark.run() ? 0 : 1)
