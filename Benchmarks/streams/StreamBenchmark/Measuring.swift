import Glibc
import Messaging

/// What passed between two moments, in microseconds.
struct Stopwatch {
  private let wall: Double
  private let cpu: Double

  init() {
    wall = Self.microseconds(CLOCK_MONOTONIC)
    cpu = Self.microseconds(CLOCK_PROCESS_CPUTIME_ID)
  }

  var wallMicroseconds: Double { Self.microseconds(CLOCK_MONOTONIC) - wall }
  var cpuMicroseconds: Double { Self.microseconds(CLOCK_PROCESS_CPUTIME_ID) - cpu }

  private static func microseconds(_ clock: clockid_t) -> Double {
    var time = timespec()
    clock_gettime(clock, &time)
    return Double(time.tv_sec) * 1e6 + Double(time.tv_nsec) / 1e3
  }
}

extension [Double] {
  /// The value below which this share of all lies.
  func share(_ part: Double) -> Double { sorted()[Int(Double(count - 1) * part)] }
}

enum Sample {
  static let type = "price:update"
  static let stream = "all/price:update"

  /// Market data as it is published: a price, and something beside it.
  static func event(_ number: Int, keys: Int, bytes: Int = 96) -> Event {
    let body = #"{"symbol":"K\#(number % keys)","price":152.5,"volume":\#(number),"pad":""#
    return Event(
      type: type, key: "K\(number % keys)",
      data: Array(body.utf8) + [UInt8](repeating: UInt8(ascii: "m"), count: bytes) + Array(#""}"#.utf8),
      id: "1735819801000-\(String(number, radix: 16))", timestamp: "2026-01-02T10:30:01.000Z")
  }
}

/// One JSON line of numbers and words.
func report(_ members: KeyValuePairs<String, any CustomStringConvertible>) {
  let list = members.map { "\"\($0.key)\":" + ($0.value is String ? "\"\($0.value)\"" : $0.value.description) }
  print("{" + list.joined(separator: ",") + "}")
}

extension Double {
  var rounded2: Double { (self * 100).rounded() / 100 }
}
