import Glibc

/// The process's environment variables, read one at a time.
package struct Environment: Sendable {
  private let read: @Sendable (String) -> String?

  package init(_ read: @escaping @Sendable (String) -> String?) { self.read = read }

  package init(_ values: [String: String]) { self.init { values[$0] } }

  package static let process = Environment { name in getenv(name).map { String(cString: $0) } }

  /// The value, or nil if the variable is unset or empty.
  package subscript(_ name: String) -> String? {
    guard let value = read(name), !value.isEmpty else { return nil }
    return value
  }

  /// The value of a variable the program cannot run without.
  package func required(_ name: String, example: String) throws(MissingVariable) -> String {
    guard let value = self[name] else { throw MissingVariable(name: name, example: example) }
    return value
  }
}

/// A variable the program cannot run without is unset or empty.
package struct MissingVariable: Error, CustomStringConvertible, LogTextConvertible {
  package let name: String
  package let example: String

  package var description: String { "\(name) is not set; for example \(name)=\(example)" }
  package var logText: LogText { LogText(known: description) }
}
