import JSON

/// Which calls to a table fail on purpose: what `TABLE_FAULTS` holds.
///
///     {"seed": 7, "rate": 0.01, "outcome": "either", "who": "Publisher/3", "start": 1735689600000, "limit": 10}
///
/// Only `seed` and `rate` must stand there. `outcome` is `throttled` (the call is not done), `unknown` (it is done, and
/// its answer lost) or `either`. `from` and `until` are milliseconds since `start`, which is a time since the epoch in
/// milliseconds, by default that of the process's start.
package struct TableFaults: Equatable, Sendable {
  package static let variable = "TABLE_FAULTS"

  package enum Outcome: String, CaseIterable, Sendable { case throttled, unknown, either }

  package var seed: Int64
  /// The share of the calls that fail, from 0 to 1.
  package var rate: Double
  package var outcome = Outcome.either
  /// Whose calls they are; processes of other names fail at other calls.
  package var who = ""
  package var start: Int64?
  package var from: Int64 = 0
  package var until = Int64.max
  /// How many calls of this process fail at the most.
  package var limit = Int.max

  package init(seed: Int64, rate: Double) {
    self.seed = seed
    self.rate = rate
  }

  /// Reads the variable's text; the error names what cannot be.
  package init(_ text: String) throws(TableFaultsError) {
    self.init(seed: 0, rate: -1)
    var hasSeed = false
    var unknown: String?
    do throws(JSONError) {
      var reader = JSONReader(Array(text.utf8))
      try reader.beginObject()
      while let name = try reader.nextKey() {
        if name == "seed" { hasSeed = true }
        if try !read(name, reader: &reader) { unknown = unknown ?? name }
      }
      try reader.end()
    } catch { throw TableFaultsError("\(error)") }
    if let unknown { throw TableFaultsError("'\(unknown)' cannot be; allowed are \(Self.allowed)") }
    guard hasSeed else { throw TableFaultsError("'seed' is missing") }
    guard (0...1).contains(rate) else { throw TableFaultsError("'rate' is a number from 0 to 1") }
    guard limit > 0, from >= 0, from < until else {
      throw TableFaultsError("'limit' is above 0, 'from' is not negative, and 'until' after it")
    }
  }

  private static let allowed = "seed, rate, outcome (throttled, unknown, either), who, start, from, until, limit"

  /// False for a member that there is not, or an outcome that there is not.
  private mutating func read(_ name: String, reader: inout JSONReader) throws(JSONError) -> Bool {
    switch name {
    case "seed": seed = try reader.integer()
    case "rate": rate = Double(String(decoding: try reader.number(), as: UTF8.self)) ?? -1
    case "outcome":
      guard let value = Outcome(rawValue: try reader.string()) else { return false }
      outcome = value
    case "who": who = try reader.string()
    case "start": start = try reader.integer()
    case "from": from = try reader.integer()
    case "until": until = try reader.integer()
    case "limit": limit = Int(try reader.integer())
    default:
      try reader.skip()
      return false
    }
    return true
  }
}

/// What is wrong with `TABLE_FAULTS`.
package struct TableFaultsError: Error, Equatable, CustomStringConvertible {
  package let description: String

  init(_ reason: String) { description = "\(TableFaults.variable): \(reason)" }
}
