package import Telemetry

/// How often a client may open streams. One that opens them as fast as it can is kept out for the price of nothing: this is
/// counted in the memory of each environment, to which such a client comes back, and not in the table. What is refused
/// for want of a credential counts there, for all environments together (`AttemptLimit`).
///
///     switch limit.acquire(.user("u-1"), isReconnect: lastEventID != nil) {
///     case .within: …
///     case .beyond(let seconds): …   // before the first success 429 with Retry-After; after it 200 with retry: and an error event
///     }
package struct OpeningLimit {
  /// Whose openings are counted together.
  package enum Opener: Hashable, Sendable {
    /// Who proved who it is, whatever its address.
    case user(String)
    /// Anybody at an address; an office has one, so this has room for many.
    case address(String)
  }

  package enum Verdict: Equatable, Sendable {
    case within
    /// When to come back, with jitter.
    case beyond(retryAfterSeconds: Int64)
  }

  private struct Rate {
    let burst: Int64
    let intervalMilliseconds: Int64
  }

  /// What is waited for, at least and at most.
  private static let waitSeconds = 2...10
  private static let maximumRemembered = 10_000
  /// Those whose right is whole again are looked for at most so often.
  private static let forgetMilliseconds: Int64 = 1_000

  private let clock: Clock
  private let randomness: Randomness
  /// When the right to open is whole again, of each, in milliseconds of the monotonic clock.
  private var fullAt: [Key: Int64] = [:]
  private var forgetAt: Int64 = 0

  /// How many are remembered.
  var remembered: Int { fullAt.count }

  private struct Key: Hashable {
    let opener: Opener
    let isReconnect: Bool
  }

  package init(clock: Clock = .system, randomness: Randomness = .system) {
    self.clock = clock
    self.randomness = randomness
  }

  /// Ten streams of a user that come back after slices of five seconds are two a second.
  private static func rate(_ key: Key) -> Rate {
    switch (key.opener, key.isReconnect) {
    case (.user, false): Rate(burst: 60, intervalMilliseconds: 500)
    case (.user, true): Rate(burst: 60, intervalMilliseconds: 100)
    case (.address, false): Rate(burst: 300, intervalMilliseconds: 50)
    case (.address, true): Rate(burst: 600, intervalMilliseconds: 10)
    }
  }

  /// Counts one. `isReconnect`: it brought the id of an event, as a client does that comes back to what it was reading.
  package mutating func acquire(_ opener: Opener, isReconnect: Bool) -> Verdict {
    let now = clock.monotonicMilliseconds()
    let key = Key(opener: opener.grouped, isReconnect: isReconnect)
    if fullAt.count >= Self.maximumRemembered, now >= forgetAt {
      fullAt = fullAt.filter { $0.value > now }
      forgetAt = now + Self.forgetMilliseconds
    }
    // So many at once are a flood of addresses: nobody is kept out by what cannot be remembered of others.
    if fullAt.count >= Self.maximumRemembered, fullAt[key] == nil { return .within }
    let rate = Self.rate(key)
    let full = max(fullAt[key] ?? now, now)
    guard full - now <= (rate.burst - 1) * rate.intervalMilliseconds else {
      return .beyond(retryAfterSeconds: Int64(randomness.integer(in: Self.waitSeconds)))
    }
    fullAt[key] = full + rate.intervalMilliseconds
    return .within
  }
}

extension OpeningLimit.Opener {
  /// Of IPv6 the first 64 bits, as everywhere.
  fileprivate var grouped: OpeningLimit.Opener {
    switch self {
    case .user: self
    case .address(let address): .address(AttemptLimit.group(of: address))
    }
  }
}
