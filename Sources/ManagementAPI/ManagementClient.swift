package import AWS
package import HTTPClient
import Messaging
package import Telemetry

/// Calls the `@connections` API of one endpoint over many kept connections at once.
///
///     let client = try ManagementClient(endpoint: "https://abc.execute-api.eu-west-1.amazonaws.com/prod")
///     let answer = try client.send(Call(.post(frame), id))     // one call, waited for
///
/// Many calls at once: `start` them as far as there is `room`, and `step` to hear how they ended. The caller sees to it
/// that a client has one post on its way at a time; answers come in any order.
///
/// A connection that was kept and turns out to be closed before it answered anything is replaced, and its call sent
/// once more on the new one: so a call may reach the API twice. Otherwise nothing is sent again.
package final class ManagementClient {
  package struct Options: Sendable {
    /// How many connections, and so calls on their way, there are at most.
    package var width = 64
    /// One connection is opened for so many calls that are expected.
    package var callsPerConnection = 50
    /// As many more are opened each time that further calls have waited for answers so long, all in all; where answers come
    /// sooner, after four times what they usually take.
    package var stallMilliseconds: Int64 = 20
    package var connectMilliseconds = 3_000
    /// From the first byte sent to the whole answer. API Gateway itself gives up after 29 s.
    package var answerMilliseconds = 10_000
    /// After a failed attempt to connect, while no connection stands, calls fail at once for so long.
    package var pauseMilliseconds = 1_000
    package var tls = TLSOptions.standard

    package init() {}
  }

  package let options: Options
  let clock: Clock
  let endpoint: HTTPURL
  let authority: SigningAuthority?
  var request: RequestEncoder
  let dialer: Dialer
  let epoll: EpollSet
  /// By number; nil where a lane was closed.
  var pool: [PooledConnection?]
  var idle: [PooledConnection] = []
  var liveCount = 0
  var wanted = 1
  /// How long answers were waited for while there were more calls to make, since there last was more room.
  var stalledMilliseconds: Int64 = 0
  /// What answers take lately, in milliseconds; nil: there was none.
  var usualMilliseconds: Double?
  /// Calls that wait for a lane.
  var waiting: [PendingCall] = []
  /// Calls that wait for a new lane, since an old one failed them.
  var waitingForNew: [PendingCall] = []
  var completions: [Completion] = []
  var buffer = [UInt8](repeating: 0, count: 16 << 10)
  /// The time as it was last read: once a step, not once a call.
  var now: Int64 = 0
  /// Why calls fail at once, and until when: the endpoint could not be reached, or there are no credentials.
  var outage: (kind: ManagementError.Kind, reason: String, until: Int64)?
  /// A lost packet is no reason to give up: an attempt to connect that was not answered is made once more.
  var hasDialedAgain = false
  /// No answer is overdue before.
  var nextOverdueCheck = Int64.max

  /// How many calls were started and have not been told of.
  package private(set) var inFlight = 0

  /// `endpoint` is everything before `/@connections`; a custom domain may have no stage in it. Without an authority
  /// calls are not signed.
  package init(
    endpoint: String, signedBy authority: SigningAuthority? = nil, options: Options = Options(),
    clock: Clock = .system
  ) throws(ManagementError) {
    self.authority = authority
    self.options = options
    self.clock = clock
    do throws(HTTPClientError) {
      self.endpoint = try HTTPURL(endpoint)
      dialer = try Dialer(tls: options.tls)
    } catch {
      throw ManagementError(.invalidEndpoint, tried: "read", host: "the endpoint \(endpoint)", message: error.message)
    }
    guard let epoll = EpollSet() else {
      throw ManagementError(.notConnected, tried: "start", host: endpoint, message: "no file descriptor left")
    }
    self.epoll = epoll
    request = RequestEncoder(endpoint: self.endpoint, authority: authority)
    pool = Array(repeating: nil, count: max(1, options.width))
  }

  // MARK: Calling

  /// Tells how many calls are coming, those started before included; connections are opened accordingly.
  package func expect(calls: Int) {
    wanted = min(pool.count, max(1, (calls + options.callsPerConnection - 1) / options.callsPerConnection))
  }

  /// Every call that was started is on its way.
  package var hasSentAll: Bool { liveCount > 0 && waiting.isEmpty && waitingForNew.isEmpty }

  /// How many calls can be started now.
  package var room: Int { max(wanted, liveCount) - inFlight }

  /// Starts a call; `step` will tell how it ended under this number.
  package func start(_ call: Call, token: Int) {
    if inFlight == 0 {
      now = clock.monotonicMilliseconds()
      authorize()
      closeDeadIdleConnections()
    }
    inFlight += 1
    let pending = PendingCall(call: call, token: token)
    if let outage, now < outage.until { return fail(pending, kind: outage.kind, reason: outage.reason) }
    if let pooled = idle.popLast() {
      begin(pending, on: pooled)
    } else {
      waiting.append(pending)
    }
  }

  /// Moves every call on, and waits until at least one has ended or the monotonic clock shows `milliseconds`, also when
  /// no call is on its way. Fills `ended` with those that have.
  ///
  /// `lacksRoom`: the caller has more calls than there is `room`. If answers take their time it gets more, and is told
  /// so by a return with nothing ended: one slow answer is no reason for the others to wait.
  package func step(
    untilMilliseconds milliseconds: Int64, lacksRoom: Bool = false, into ended: inout [Completion]
  ) {
    ended.removeAll(keepingCapacity: true)
    now = clock.monotonicMilliseconds()
    authorize()
    let canWiden = lacksRoom && room <= 0 && wanted < pool.count
    var hasRoom = false
    repeat {
      openConnections()
      // While a connection is being opened it is known that there will be more room.
      let isStalled = canWiden && dialer.openingCount == 0
      let widensAt = isStalled ? now + stallMilliseconds - stalledMilliseconds : .max
      let waited = wait(completions.isEmpty ? max(0, min(milliseconds, nextOverdueCheck, widensAt) - now) : 0)
      if isStalled { hasRoom = widen(after: waited) }
      now = clock.monotonicMilliseconds()
      if now >= nextOverdueCheck { endOverdue() }
    } while completions.isEmpty && now < milliseconds && !hasRoom
    inFlight -= completions.count
    swap(&ended, &completions)
  }

  /// Gives up on every call that was started: one that is on its way ends as `abandoned`, though it may have taken
  /// effect, one that waits for a connection as `notSent`.
  package func abandon(into ended: inout [Completion]) {
    for pooled in pool {
      guard let pooled, let pending = pooled.pending else { continue }
      close(pooled)
      fail(pending, kind: .abandoned, reason: "given up")
    }
    for pending in waiting { fail(pending, kind: pending.isSignedAgain ? .abandoned : .notSent, reason: "given up") }
    for pending in waitingForNew { fail(pending, kind: .abandoned, reason: "given up") }
    waiting = []
    waitingForNew = []
    inFlight -= completions.count
    ended = completions
    completions = []
  }

  /// One call, waited for. No other call may be on its way.
  package func send(_ call: Call) throws(ManagementError) -> Answer {
    precondition(inFlight == 0, "send waits for one call alone")
    expect(calls: 1)
    start(call, token: 0)
    var ended: [Completion] = []
    while ended.isEmpty { step(untilMilliseconds: .max, into: &ended) }
    switch ended[0].outcome {
    case .answered(let answer): return answer
    case .failed(let error): throw error
    }
  }
}
