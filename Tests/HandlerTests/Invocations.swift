import AWS
import TestSupport

/// Remembers what would be invoked later.
final class Invocations: AsynchronousInvocation {
  private(set) var payloads: [String] = []
  var isRefusing = false

  /// What Lambda would run by now.
  func takeAll() -> [String] {
    defer { payloads = [] }
    return payloads.compactMap { $0.split(separator: " ", maxSplits: 1).last.map(String.init) }
  }

  func invokeLater(_ function: String, payload: [UInt8]) throws {
    if isRefusing { throw InvocationsRefused() }
    payloads.append("\(function) \(text(payload))")
  }
}

struct InvocationsRefused: Error {}
