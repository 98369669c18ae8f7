package import AWSSigning
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
  private let authority: SigningAuthority?
  private var request: RequestBytes
  private let dialer: Dialer
  private let epoll: EpollSet
  /// By number; nil where a lane was closed.
  private var lanes: [Lane?]
  private var idle: [Lane] = []
  private var liveCount = 0
  private var wanted = 1
  /// Calls that wait for a lane.
  private var waiting: [Errand] = []
  /// Calls that wait for a new lane, since an old one failed them.
  private var waitingForNew: [Errand] = []
  private var completions: [Completion] = []
  private var buffer = [UInt8](repeating: 0, count: 16 << 10)
  /// The time as it was last read: once a step, not once a call.
  private var now: Int64 = 0
  /// Why calls fail at once, and until when: the endpoint could not be reached, or there are no credentials.
  private var outage: (kind: ManagementError.Kind, reason: String, until: Int64)?
  /// A lost packet is no reason to give up: an attempt to connect that was not answered is made once more.
  private var hasDialedAgain = false
  /// No answer is overdue before.
  private var nextOverdueCheck = Int64.max

  /// How many calls were started and have not been told of.
  package private(set) var inFlight = 0

  /// `endpoint` is everything before `/@connections`; a custom domain may have no stage in it. Without an authority calls
  /// are not signed.
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
    request = RequestBytes(self.endpoint, authority)
    lanes = Array(repeating: nil, count: max(1, options.width))
  }

  // MARK: Calling

  /// Tells how many calls are coming, those started before included; connections are opened accordingly.
  package func expect(calls: Int) {
    wanted = min(lanes.count, max(1, (calls + options.callsPerConnection - 1) / options.callsPerConnection))
  }

  /// How many calls can be started now.
  package var room: Int { max(wanted, liveCount) - inFlight }

  /// Starts a call; `step` will tell how it ended under this number.
  package func start(_ call: Call, token: Int) {
    if inFlight == 0 {
      now = clock.monotonicMilliseconds()
      authorize()
      closeDeadIdleLanes()
    }
    inFlight += 1
    let errand = Errand(call: call, token: token)
    if let outage, now < outage.until { return fail(errand, outage.kind, outage.reason) }
    if let lane = idle.popLast() {
      begin(errand, on: lane)
    } else {
      waiting.append(errand)
    }
  }

  /// Moves every call on, and waits until at least one has ended or the monotonic clock shows `milliseconds`, also when
  /// no call is on its way. Fills `ended` with those that have.
  package func step(untilMilliseconds milliseconds: Int64, into ended: inout [Completion]) {
    ended.removeAll(keepingCapacity: true)
    now = clock.monotonicMilliseconds()
    authorize()
    repeat {
      openLanes()
      wait(completions.isEmpty ? max(0, min(milliseconds, nextOverdueCheck) - now) : 0)
      now = clock.monotonicMilliseconds()
      if now >= nextOverdueCheck { endOverdue() }
    } while completions.isEmpty && now < milliseconds
    inFlight -= completions.count
    swap(&ended, &completions)
  }

  /// Gives up on every call that is on its way: each ends as `abandoned`, though it may have taken effect.
  package func abandon(into ended: inout [Completion]) {
    for lane in lanes {
      guard let lane, let errand = lane.errand else { continue }
      close(lane)
      fail(errand, .abandoned, "given up")
    }
    for errand in waiting + waitingForNew { fail(errand, .abandoned, "given up") }
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

  // MARK: Waiting

  private func wait(_ milliseconds: Int64) {
    var milliseconds = milliseconds
    if dialer.openingCount > 0 {
      takeOpened(dialer.poll(milliseconds: Int(clamping: milliseconds), besides: epoll.descriptor))
      milliseconds = 0
    }
    for place in 0..<epoll.wait(milliseconds: milliseconds) { handle(epoll.event(place)) }
  }

  private func handle(_ event: EpollSet.Event) {
    // A lane that was closed earlier in this round has left its place.
    guard let lane = lanes[event.number] else { return }
    guard lane.errand != nil else { return closeIdle(lane) }
    if event.isWritable {
      let progress = lane.send()
      // While it sends, a lane is told of both; once all is sent, of answers only.
      if case .waiting(isSending: false) = progress {
        epoll.change(lane.connection.descriptor, number: lane.number, awaitsWriting: false)
      } else if !event.isReadable {
        return take(progress, from: lane)
      }
    }
    if event.isReadable { take(lane.receive(&buffer), from: lane) }
  }

  private func take(_ progress: Lane.Progress, from lane: Lane) {
    guard let errand = lane.errand else { return }
    switch progress {
    case .waiting: break
    case .answered(let answer, let isReusable):
      settle(errand, answer, date: answer.status < 400 ? nil : lane.date)
      isReusable ? next(lane) : close(lane)
    case .dead(let reason):
      close(lane)
      if lane.hasServed, !errand.isRepeated {
        waitingForNew.append(Errand(call: errand.call, token: errand.token, isRepeated: true))
      } else {
        fail(errand, .closed, reason)
      }
    case .garbled(let reason):
      close(lane)
      fail(errand, .garbled, reason)
    }
  }

  private func settle(_ errand: Errand, _ answer: Answer, date: String?) {
    if answer.status >= 400, let authority, let proof = errand.proof, !errand.isSignedAgain {
      let refusal = SigningAuthority.Refusal(
        status: answer.status, date: date, errorType: answer.errorType, body: answer.body)
      let used = SigningAuthority.Proof(
        credentials: proof.signer.credentials, signedAt: proof.secondsSinceEpoch)
      if authority.learn(from: refusal, of: used) {
        authorize()
        return waiting.insert(Errand(call: errand.call, token: errand.token, isSignedAgain: true), at: 0)
      }
    }
    completions.append(Completion(token: errand.token, outcome: .answered(answer)))
  }

  /// The time and the credentials that the next calls are signed with.
  private func authorize() {
    if let outage, now < outage.until { return }
    outage = nil
    do throws(CredentialError) {
      try request.authorize()
    } catch {
      outage = (.noCredentials, error.description, now + Int64(options.pauseMilliseconds))
    }
  }

  private func fail(_ errand: Errand, _ kind: ManagementError.Kind, _ reason: String) {
    let error = ManagementError(kind, tried: errand.call.name, host: endpoint.origin, message: reason)
    completions.append(Completion(token: errand.token, outcome: .failed(error)))
  }

  private func endOverdue() {
    nextOverdueCheck = .max
    for lane in lanes {
      guard let lane, let errand = lane.errand else { continue }
      if lane.dueMilliseconds <= now {
        close(lane)
        fail(errand, .timedOut, "no answer within \(options.answerMilliseconds) ms")
      } else {
        nextOverdueCheck = min(nextOverdueCheck, lane.dueMilliseconds)
      }
    }
  }

  // MARK: Lanes

  private func begin(_ errand: Errand, on lane: Lane) {
    let due = now + Int64(options.answerMilliseconds)
    nextOverdueCheck = min(nextOverdueCheck, due)
    let progress = lane.begin(errand, request, dueMilliseconds: due)
    if case .waiting(isSending: true) = progress {
      epoll.change(lane.connection.descriptor, number: lane.number, awaitsWriting: true)
    }
    take(progress, from: lane)
  }

  /// The lane's call has ended well: it takes a call that waits, or waits itself.
  private func next(_ lane: Lane) {
    lane.release()
    if waiting.isEmpty {
      idle.append(lane)
    } else {
      begin(waiting.removeFirst(), on: lane)
    }
  }

  private func close(_ lane: Lane) {
    lanes[lane.number] = nil
    liveCount -= 1
    lane.connection.close()
  }

  private func closeIdle(_ lane: Lane) {
    idle.removeAll { $0 === lane }
    close(lane)
  }

  /// Whatever an idle connection has to say, it is of no more use: most often it was closed while nothing was sent.
  private func closeDeadIdleLanes() {
    guard !idle.isEmpty else { return }
    for place in 0..<epoll.wait(milliseconds: 0) { handle(epoll.event(place)) }
  }

  /// The first connection is opened alone: the others then find the name resolved, the certificates loaded and a TLS
  /// session to resume.
  private func openLanes() {
    let calls = waiting.count + waitingForNew.count
    guard calls > 0 else { return }
    let most = max(wanted, waitingForNew.isEmpty ? 0 : liveCount + 1)
    let bound = liveCount == 0 ? 1 : min(most, lanes.count) - liveCount
    while dialer.openingCount < min(bound, calls) {
      do throws(HTTPClientError) {
        _ = try dialer.begin(endpoint, connectMilliseconds: options.connectMilliseconds)
      } catch {
        return giveUpOpening(error)
      }
    }
  }

  private func takeOpened(_ opened: [(ticket: Dialer.Ticket, outcome: Dialer.Outcome)]) {
    for (_, outcome) in opened {
      switch outcome {
      case .opened(let connection): add(connection)
      case .failed(let error): giveUpOpening(error)
      }
    }
  }

  private func add(_ connection: Connection) {
    guard let number = lanes.firstIndex(where: { $0 == nil }) else { return connection.close() }
    let lane = Lane(number: number, connection: connection)
    lanes[number] = lane
    liveCount += 1
    hasDialedAgain = false
    epoll.add(connection.descriptor, number: number)
    if !waitingForNew.isEmpty {
      begin(waitingForNew.removeFirst(), on: lane)
    } else if !waiting.isEmpty {
      begin(waiting.removeFirst(), on: lane)
    } else {
      idle.append(lane)
    }
  }

  /// A connection could not be opened: the calls go on with those there are. Those that cannot go on fail.
  private func giveUpOpening(_ error: HTTPClientError) {
    guard dialer.openingCount == 0 else { return }
    wanted = max(1, liveCount)
    let stranded = liveCount == 0 ? waitingForNew + waiting : waitingForNew
    if liveCount == 0, error.kind == .timedOut, !hasDialedAgain {
      hasDialedAgain = true
      return
    }
    let (kind, reason) = told(error)
    waitingForNew = []
    if liveCount == 0 {
      waiting = []
      outage = (kind, reason, now + Int64(options.pauseMilliseconds))
    }
    for errand in stranded { fail(errand, kind, reason) }
  }

  private func told(_ error: HTTPClientError) -> (kind: ManagementError.Kind, reason: String) {
    switch error.kind {
    case .timedOut where liveCount == 0:
      (.unreachable, "\(error.message); a function in a VPC needs a route: a NAT gateway or an execute-api endpoint")
    case .timedOut: (.timedOut, error.message)
    case .tls: (.notTrusted, error.message)
    default: (.notConnected, error.message)
    }
  }
}
