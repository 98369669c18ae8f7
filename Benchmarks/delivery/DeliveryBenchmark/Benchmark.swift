import Delivery
import Frames
import Glibc
import HTTPClient
import ManagementAPI
import Messaging
import Telemetry

/// One body to many connections, all in memory; what is measured is Delivery and what is below it.
struct Benchmark {
  private let pending: [PendingDelivery]
  private let rounds: Int
  private let fanout: Fanout

  private static let pageCount = 500

  init(endpoint: String, deliveries: Int, bytes: Int, rounds: Int, width: Int, roots: String?) throws {
    let frames = [OutgoingFrame(bytes: (0..<bytes).map { UInt8(ascii: "a") + UInt8($0 * 7 % 26) })]
    var pending: [PendingDelivery] = []
    // Growing would double it and count as memory of a delivery.
    pending.reserveCapacity(deliveries)
    for number in 0..<deliveries {
      guard let id = ConnectionID(Self.connectionID(number)) else { continue }
      pending.append(PendingDelivery(id: id, connectedAtMilliseconds: 0, frames: frames))
    }
    self.pending = pending
    self.rounds = rounds
    var client = ManagementClient.Options()
    client.width = width
    client.tls.rootsFile = roots
    var fanout = Fanout.Options()
    fanout.state.width = width
    self.fanout = Fanout(
      client: try GatewayAccess(environment: .process).client(for: endpoint, options: client), options: fanout)
  }

  /// Prints the figures; false if anything was not delivered.
  func run() -> Bool {
    var cpu: [Double] = []
    var rate: [Double] = []
    var bad = 0
    for _ in 0..<rounds {
      let (usedBefore, before) = (Self.cpuMicroseconds(), Clock.system.monotonicMilliseconds())
      let counts = deliver()
      cpu.append((Self.cpuMicroseconds() - usedBefore) / Double(pending.count))
      let milliseconds = max(1, Clock.system.monotonicMilliseconds() - before)
      rate.append(Double(pending.count) * 1000 / Double(milliseconds))
      bad += pending.count - counts.deliveries
    }
    let (middle, first) = (cpu.sorted()[rounds / 2], cpu[0])
    print(
      "{\"client\":\"Delivery\",\"deliveries\":\(pending.count),\"bad\":\(bad),\"cpu_us\":\(middle),",
      "\"first_cpu_us\":\(first),\"per_second\":\(Int(rate.sorted()[rounds / 2])),\"peak_kb\":\(Self.peakKilobytes())}",
      separator: "")
    return bad == 0
  }

  private func deliver() -> DeliveryCounts {
    var start = 0
    return fanout.deliver(
      deadlineMilliseconds: Clock.system.milliseconds() + 60_000,
      nextPage: { _ in
        guard start < pending.count else { return nil }
        defer { start += Self.pageCount }
        return Array(pending[start..<min(start + Self.pageCount, pending.count)])
      }
    ).counts
  }

  /// As in `Benchmarks/reference/bodies.h`.
  private static func connectionID(_ number: Int) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
    var mixed = UInt64(number + 1) &* 0x9E37_79B9_7F4A_7C15
    var rest = number
    var text: [UInt8] = []
    for _ in 0..<11 {
      text.append(alphabet[Int(mixed & 63)])
      mixed >>= 6
    }
    for _ in 11..<15 {
      text.append(alphabet[rest & 63])
      rest >>= 6
    }
    return String(decoding: text, as: UTF8.self) + "="
  }

  private static func usage() -> rusage {
    var usage = rusage()
    getrusage(.init(RUSAGE_SELF.rawValue), &usage)
    return usage
  }

  private static func cpuMicroseconds() -> Double {
    let used = usage()
    return Double(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6
      + Double(used.ru_utime.tv_usec + used.ru_stime.tv_usec)
  }

  private static func peakKilobytes() -> Int { usage().ru_maxrss }
}
