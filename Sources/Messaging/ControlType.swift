/// The types of the protocol's own frames, which an application's event type may not be called: a client would mistake such
/// an event for an answer. Who writes a frame and who reads it name its type by these (Docs/protocol.md).
package enum ControlType: String, Sendable, CaseIterable {
  // What the server says.
  case connection
  case connectionEstablished = "connection_established"
  case resume
  case ready
  case snapshot
  case batch
  case gzip
  case part
  case heartbeat
  case rotate
  case error
  case subscribed
  case unsubscribed
  // What a client says; `ping`, `pong` and `status` both do.
  case hello
  case subscribe
  case unsubscribe
  case ping
  case pong
  case status

  package static func isReserved(_ name: String) -> Bool { ControlType(rawValue: name) != nil }
}
