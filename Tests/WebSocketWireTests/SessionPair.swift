import TestSupport
import WebSocketWire

/// Feeds a session and collects what it says.
struct Peer {
  var session: WebSocketSession
  var output: [UInt8] = []
  var messages: [WebSocketMessage] = []
  var failure: WebSocketError?

  init(_ role: WebSocketSession.Role, limits: WebSocketSession.Limits = .init(), codec: FrameCodec = FrameCodec()) {
    session = WebSocketSession(role: role, limits: limits, codec: codec)
  }

  mutating func receive(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { all in
      var input = all
      do throws(WebSocketError) {
        while let message = try session.next(&input, output: &output) { messages.append(message) }
      } catch {
        failure = error
      }
    }
  }

  mutating func takeOutput() -> [UInt8] {
    defer { output = [] }
    return output
  }
}

/// One frame's bytes, put together here and not by the code under test.
func frame(
  _ opcode: UInt8, _ payload: [UInt8], final: Bool = true, masked: Bool = true, reserved: UInt8 = 0
) -> [UInt8] {
  var bytes: [UInt8] = [(final ? 0x80 : 0) | reserved << 4 | opcode]
  let mask: UInt8 = masked ? 0x80 : 0
  switch payload.count {
  case ..<126: bytes.append(mask | UInt8(payload.count))
  case ..<65536: bytes += [mask | 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
  default: bytes += [mask | 127] + (0..<8).map { UInt8(truncatingIfNeeded: payload.count >> (56 - 8 * $0)) }
  }
  guard masked else { return bytes + payload }
  let key: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]
  return bytes + key + payload.enumerated().map { $0.element ^ key[$0.offset & 3] }
}

/// A close frame's payload.
func closing(_ code: UInt16, _ reason: String = "") -> [UInt8] {
  [UInt8(code >> 8), UInt8(code & 0xFF)] + bytes(reason)
}
