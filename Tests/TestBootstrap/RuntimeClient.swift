import Glibc
import HTTPWire

/// A blocking connection to the Runtime API that, unlike a runtime, also says what no runtime should say.
final class RuntimeClient {
  struct Answer {
    let status: Int
    let headers: HTTPHeaders
    let body: [UInt8]
  }

  private let address: String
  private var descriptor: Int32

  /// `address` is `AWS_LAMBDA_RUNTIME_API`: `127.0.0.1:40123`.
  init(_ address: String) {
    self.address = address
    descriptor = Self.connect(address)
  }

  func reconnect() {
    close(descriptor)
    descriptor = Self.connect(address)
  }

  func next() -> Answer {
    request("GET", "/2018-06-01/runtime/invocation/next", body: nil)
  }

  func post(_ path: String, _ body: [UInt8], headers: [(name: String, value: String)] = []) -> Answer {
    request("POST", "/2018-06-01/runtime/\(path)", headers: headers, body: body)
  }

  func request(
    _ method: StaticString, _ target: String, headers: [(name: String, value: String)] = [], body: [UInt8]?
  ) -> Answer {
    var bytes: [UInt8] = []
    HTTPWriter.append(
      request: method, target: target, headers: [("Host", address)] + headers, body: body, to: &bytes)
    write(bytes)
    return read()
  }

  func write(_ bytes: [UInt8]) {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes {
        send(descriptor, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { exit(90) }
      sent += count
    }
  }

  /// The gateway is gone when the connection is: as a runtime does, the process ends.
  func read() -> Answer {
    var reader = HTTPReader(.responses)
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while !reader.isComplete {
      let count = recv(descriptor, &buffer, buffer.count, 0)
      guard count > 0 else { exit(91) }
      do {
        let used = try buffer.withUnsafeBytes { try reader.consume(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        guard used == count else { exit(92) }
      } catch { exit(93) }
    }
    return Answer(status: reader.status, headers: reader.headers, body: reader.body)
  }

  private static func connect(_ address: String) -> Int32 {
    let port = UInt16(address.split(separator: ":").last ?? "") ?? 0
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var name = sockaddr_in()
    name.sin_family = sa_family_t(AF_INET)
    name.sin_port = port.bigEndian
    name.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let result = withUnsafePointer(to: &name) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard result == 0 else { exit(94) }
    return descriptor
  }
}
