import TestSupport
import Testing
import WebSocketWire

@Suite("The WebSocket handshake and UTF-8 check")
struct WebSocketHandshakeTests {
  @Test("the key of RFC 6455 gets the answer of RFC 6455")
  func rfcExample() {
    #expect(WebSocketHandshake.accept(forKey: "dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
  }

  @Test("made keys are keys and differ")
  func madeKeys() {
    let keys = (0..<20).map { _ in WebSocketHandshake.makeKey() }
    #expect(keys.allSatisfy(WebSocketHandshake.isKey))
    #expect(Set(keys).count == 20)
  }

  @Test(
    "other texts are no keys",
    arguments: ["", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQ=a", "dGhl*HNhbXBsZSBub25jZQ=="])
  func notKeys(_ text: String) {
    #expect(!WebSocketHandshake.isKey(text))
  }

  @Test("every byte pair and triple is judged as the standard library judges it")
  func againstStandardLibrary() {
    let edges: [UInt8] = [
      0, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0,
      0xF1,
      0xF3, 0xF4, 0xF5, 0xFF,
    ]
    for a in edges {
      for b in edges {
        for c in edges {
          for text in [[a, b], [a, b, c], [a, b, c, 0x80], [a, b, c, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46]] {
            let valid = text.withUnsafeBytes { UTF8Check.isValid($0) }
            #expect(valid == (String(validating: text, as: UTF8.self) != nil), "\(text)")
          }
        }
      }
    }
  }
}
