package import ConnectionStore
package import Telemetry

/// How many attempts to connect an address has in a minute, counted in the table for all environments together.
package struct AttemptLimit {
  package enum Counting: String, CaseIterable, Sendable {
    /// Attempts that are refused: who proves who they are comes in whatever their neighbours do. An office shares an
    /// address, and one program in it with an old token tries for ever.
    case refused
    case all
  }

  /// `CONNECT_LIMIT_COUNTS` and `CONNECT_REFUSALS_PER_MINUTE`.
  package struct Settings: Equatable, Sendable {
    let counting: Counting
    let perMinute: Int64

    package init(environment: Environment) throws(AccessSettingError) {
      let keyword = environment["CONNECT_LIMIT_COUNTS"]
      guard let counting = keyword.map(Counting.init) ?? .refused else {
        throw AccessSettingError(
          "CONNECT_LIMIT_COUNTS=\(keyword ?? "") is neither refused nor all; for example CONNECT_LIMIT_COUNTS=refused")
      }
      let text = environment["CONNECT_REFUSALS_PER_MINUTE"]
      guard let number = text.map(Int64.init) ?? 5, (1...1_000_000).contains(number) else {
        throw AccessSettingError(
          "CONNECT_REFUSALS_PER_MINUTE=\(text ?? "") is no number from 1 to 1000000; for example "
            + "CONNECT_REFUSALS_PER_MINUTE=5")
      }
      (self.counting, perMinute) = (counting, number)
    }
  }

  package let counting: Counting
  package let perMinute: Int64
  private let table: any Table
  private let clock: Clock
  /// Addresses known to be over the limit in a window, so that a flood costs no writes and no lines of the log.
  private var exhausted: Set<String> = []
  private var window: Int64 = 0

  private static let windowSeconds = AttemptRow.windowSeconds
  private static let maximumRemembered = 10_000

  package init(settings: Settings, table: any Table, clock: Clock = .system) {
    counting = settings.counting
    perMinute = settings.perMinute
    self.table = table
    self.clock = clock
  }

  /// Where an attempt stands.
  package enum Verdict: Equatable, Sendable {
    case within
    /// One more than the limit allows, the first of its address in this window that this environment sees.
    case firstBeyond
    case beyond
  }

  /// Counts one attempt from an address.
  package mutating func acquire(_ address: String) throws(TableError) -> Verdict {
    let who = Self.group(of: address)
    let now = clock.seconds
    let start = now - now % Self.windowSeconds
    if start != window || exhausted.count >= Self.maximumRemembered {
      window = start
      exhausted = []
    }
    if exhausted.contains(who) { return .beyond }
    let count = try AttemptRow.increment(address: who, windowStart: start, in: table)
    guard count > perMinute else { return .within }
    exhausted.insert(who)
    return .firstBeyond
  }

  /// Counts an attempt before anything else is looked at, where all are counted. `isReconnect`: of a client that comes back to
  /// what it was reading, as all do at the end of a slice: no attempt, unless it is refused.
  package mutating func acquireBefore(_ address: String, isReconnect: Bool = false) throws(TableError) -> Verdict {
    counting == .all && !isReconnect ? try acquire(address) : .within
  }

  /// Counts an attempt that is refused, unless it was counted before, or the refusal says nothing of who asked.
  package mutating func acquireAfter(
    _ refusal: AccessRefusal, from address: String, isReconnect: Bool = false
  ) throws(TableError) -> Verdict {
    (counting == .refused || isReconnect) && refusal.isOfTheClient ? try acquire(address) : .within
  }

  /// For `Retry-After`: until the next window begins and up to half a window more, so that not all whom one outage has kept out
  /// come back in the same second.
  package func retryAfterSeconds(randomness: Randomness) -> Int64 {
    let left = Self.windowSeconds - clock.seconds % Self.windowSeconds
    return left + Int64(randomness.integer(in: 0...Int(Self.windowSeconds / 2)))
  }

  /// The client that an address stands for: of IPv6 the first 64 bits, for a client that has one such address has all.
  static func group(of address: String) -> String {
    let text = address.lowercased()
    let isAddress = text.utf8.allSatisfy { byte in
      (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte) || byte == UInt8(ascii: ".")
        || byte == UInt8(ascii: ":")
    }
    guard isAddress, (1...45).contains(text.utf8.count) else { return "other" }
    guard text.utf8.contains(UInt8(ascii: ":")) else { return text }
    return IPv6Prefix.network(of: text) ?? "other"
  }
}

enum IPv6Prefix {
  /// The first four groups of an address in hexadecimal with colons (RFC 4291, section 2.2); an IPv4 address in it
  /// (`::ffff:192.0.2.1`) stands for itself. Nil if it is none.
  static func network(of text: String) -> String? {
    let colon = UInt8(ascii: ":")
    if let last = text.utf8.split(separator: colon).last, last.contains(UInt8(ascii: ".")) {
      return String(Substring(last))
    }
    let halves = split(Array(text.utf8))
    guard let front = groups(halves.front), let back = groups(halves.back ?? []) else { return nil }
    let missing = 8 - front.count - back.count
    guard halves.back == nil ? missing == 0 : missing >= 1 else { return nil }
    let all = front + Array(repeating: 0, count: missing) + back
    return all.prefix(4).map { String($0, radix: 16) }.joined(separator: ":") + "::"
  }

  /// Before and after `::`.
  private static func split(_ bytes: [UInt8]) -> (front: [UInt8], back: [UInt8]?) {
    let colon = UInt8(ascii: ":")
    guard let index = bytes.indices.dropLast().first(where: { bytes[$0] == colon && bytes[$0 + 1] == colon }) else {
      return (bytes, nil)
    }
    return (Array(bytes[..<index]), Array(bytes[(index + 2)...]))
  }

  private static func groups(_ bytes: [UInt8]) -> [UInt16]? {
    if bytes.isEmpty { return [] }
    var groups: [UInt16] = []
    for part in bytes.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false) {
      guard (1...4).contains(part.count), let group = UInt16(String(decoding: part, as: UTF8.self), radix: 16) else {
        return nil
      }
      groups.append(group)
    }
    return groups
  }
}
