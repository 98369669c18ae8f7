import Glibc
import HTTPClient
import Synchronization
import Telemetry
import TestSupport

@testable import tickertape

/// A terminal that remembers, and surroundings with nothing real in them.
final class Screen {
  private(set) var output: [UInt8] = []
  private(set) var errors: [UInt8] = []

  var outputText: String { text(output) }
  var errorText: String { text(errors) }
  var outputLines: [String] { outputText.split(separator: "\n").map(String.init) }

  func remember(_ bytes: [UInt8]) { errors += bytes }

  func terminal(isInteractive: Bool = false, hasColours: Bool = false) -> Terminal {
    Terminal(
      isInteractive: isInteractive, hasColours: hasColours, output: { self.output += $0 },
      errors: { self.errors += $0 })
  }

  func context(
    input: String = "", isInteractive: Bool = false, environment: [String: String] = [:],
    exchange: InvokeAPI.Exchange? = nil
  ) -> CommandContext {
    var context = CommandContext(
      terminal: terminal(isInteractive: isInteractive), environment: Environment(environment), clock: .system,
      executableDirectory: "/opt/tickertape", input: { .text(input) })
    if let exchange { context.makeExchange = { _, _ in exchange } }
    return context
  }

  func run(_ words: String..., in context: CommandContext? = nil) -> ExitCode {
    Tool.run(words, in: context ?? self.context())
  }
}

extension ByteSource {
  /// In pieces of `pieceBytes`.
  static func text(_ text: String, pieceBytes: Int = 7, name: String = "test.csv") -> ByteSource {
    .bytes(Array(text.utf8), pieceBytes: pieceBytes, name: name)
  }

  static func bytes(_ bytes: [UInt8], pieceBytes: Int = 7, name: String = "test.csv") -> ByteSource {
    var rest = bytes[...]
    return ByteSource(
      name: name, size: bytes.count,
      next: {
        let piece = rest.prefix(pieceBytes)
        rest = rest.dropFirst(pieceBytes)
        return Array(piece)
      })
  }
}

/// A directory of its own for a test, removed with it.
final class Scratch {
  let path: String

  init() throws {
    path = "/tmp/tickertape-test-\(Randomness.system.hexadecimal())"
    try System.makeDirectories(path: path)
  }

  func write(_ name: String, _ content: String) -> String {
    let path = Path.join(path, name: name)
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    defer { close(descriptor) }
    try? System.write(Array(content.utf8), to: descriptor)
    return path
  }

  deinit {
    // Flat: tests put files here, no directories.
    guard let directory = opendir(path) else { return }
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      unlink(Path.join(path, name: name))
    }
    closedir(directory)
    rmdir(path)
  }
}

/// Answers like a Publisher that accepts everything.
final class ScriptedPublisher: Sendable {
  private let taken = Mutex<[[UInt8]]>([])

  /// The payloads, in order.
  var payloads: [String] { taken.withLock { $0.map { text($0) } } }

  /// The events of all payloads, as their bytes.
  var events: [String] {
    taken.withLock { $0 }.flatMap { JSONMembers($0)?.elements("events") ?? [] }.map { text($0) }
  }

  func exchange(_ request: HTTPRequest) throws(HTTPClientError) -> InvokeAPI.Answer {
    let payload = request.body ?? []
    taken.withLock { $0.append(payload) }
    let count = JSONMembers(payload)?.elements("events")?.count ?? 0
    return .init(status: 200, body: #"{"accepted":\#(count),"rejected":0,"deliveries":\#(2 * count),"failed":0}"#)
  }
}

extension InvokeAPI.Answer {
  init(status: Int, functionError: String? = nil, body: String) {
    self.init(status: status, functionError: functionError, body: Array(body.utf8))
  }
}
