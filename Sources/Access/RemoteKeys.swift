package import HTTPClient
import JSON
import Messaging
package import Telemetry

/// The keys at one URL, fetched when a token first needs them and kept for minutes.
///
/// A token with a name that is not known has them fetched again, since its owner may have taken a new key, but at most
/// once a minute: any client can make up names. A fetch that fails leaves the keys as they were.
package struct RemoteKeys {
  package typealias Fetch = (HTTPRequest) throws(HTTPClientError) -> HTTPResponse

  private let url: HTTPURL
  private let fetch: Fetch
  private let clock: Clock
  private let log: Log
  private var keys: [TokenKey]?
  /// By the monotonic clock, as the next two; nil: never.
  private var fetchedAt: Int64?
  private var triedAt: Int64?
  /// When a name that is not known was the reason.
  private var askedAgainAt: Int64?
  private var failure: LogText = ""

  static let keptMilliseconds: Int64 = 10 * 60_000
  static let pauseMilliseconds: Int64 = 60_000
  /// While there are no keys at all, everybody with a token waits outside.
  static let pauseWithoutKeysMilliseconds: Int64 = 5_000

  package init(url: HTTPURL, clock: Clock = .system, log: Log, fetch: @escaping Fetch) {
    self.url = url
    self.clock = clock
    self.log = log
    self.fetch = fetch
  }

  /// The keys that a token may have been signed with; a reason instead if there never were any.
  mutating func keys(for token: CompactToken) -> (keys: [TokenKey], unavailable: LogText?) {
    let now = clock.monotonicMilliseconds()
    if isDue(now: now) {
      refresh(now: now)
    } else if keys != nil, fitting(token).isEmpty, hasPassed(Self.pauseMilliseconds, since: askedAgainAt, now: now) {
      askedAgainAt = now
      refresh(now: now)
    }
    return (fitting(token), keys == nil ? failure : nil)
  }

  private func fitting(_ token: CompactToken) -> [TokenKey] { (keys ?? []).filter { $0.mayFit(token) } }

  private func isDue(now: Int64) -> Bool {
    guard hasPassed(Self.keptMilliseconds, since: fetchedAt, now: now) else { return false }
    let pause = keys == nil ? Self.pauseWithoutKeysMilliseconds : Self.pauseMilliseconds
    return hasPassed(pause, since: triedAt, now: now)
  }

  private func hasPassed(_ milliseconds: Int64, since moment: Int64?, now: Int64) -> Bool {
    moment.map { now - $0 >= milliseconds } ?? true
  }

  private mutating func refresh(now: Int64) {
    triedAt = now
    do throws(RemoteKeysFailure) {
      keys = try read()
      fetchedAt = now
      log.info("keys of tokens fetched", ["from": .identifier(url.origin), "keys": .number(Int64(keys?.count ?? 0))])
    } catch {
      failure = error.reason
      log.error(
        "keys of tokens not fetched",
        ["from": .identifier(url.origin), "reason": .own(error.reason), "kept": .number(Int64(keys?.count ?? 0))])
    }
  }

  private func read() throws(RemoteKeysFailure) -> [TokenKey] {
    let response: HTTPResponse
    do throws(HTTPClientError) {
      response = try fetch(
        HTTPRequest(
          url: url, headers: [("Accept", "application/json")], connectMilliseconds: 2_000, totalMilliseconds: 4_000,
          maximumBodyBytes: JSONWebKeys.maximumBytes))
    } catch {
      throw RemoteKeysFailure(reason: error.logText)
    }
    guard response.status == 200 else { throw RemoteKeysFailure(reason: "status \(response.status)") }
    let keys: [TokenKey]
    do throws(JSONError) {
      keys = try JSONWebKeys.decode(response.body)
    } catch {
      throw RemoteKeysFailure(reason: "no set of keys: \(known: error.description)")
    }
    guard !keys.isEmpty else { throw RemoteKeysFailure(reason: "no key for RS256 or ES256 in it") }
    return keys
  }
}

private struct RemoteKeysFailure: Error {
  let reason: LogText
}

extension RemoteKeys {
  /// Over a connection of its own each time: there are minutes between two.
  package static func overNetwork(_ request: HTTPRequest) throws(HTTPClientError) -> HTTPResponse {
    let tls =
      request.url.isSecure ? TLSOptions(rootsFile: TrustedRoots.fileForAnybody(environment: .process)) : .standard
    return try HTTPSession(tls: tls).send(request)
  }
}
