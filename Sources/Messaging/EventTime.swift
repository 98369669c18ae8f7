/// When an event was accepted, as its name says.
package enum EventTime {
  /// `1735819801000-000004f2a1` begins with milliseconds since the epoch.
  package static func milliseconds(ofID id: String) -> Int64? {
    id.utf8.firstIndex(of: UInt8(ascii: "-")).flatMap { Int64(id[..<$0]) }
  }
}
