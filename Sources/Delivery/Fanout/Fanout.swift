package import ManagementAPI
package import Telemetry

/// Posts frames to many connections at once, and decides by each answer what comes next.
///
///     let fanout = Fanout(client: client)
///     let result = fanout.deliver(deadlineMilliseconds: invocation.deadline) { failures in
///       lagging += failures        // of the pages before: only those that did not get everything
///       return pages.next()    // nil after the last
///     }
///     lagging += result.failures   // since then
///
/// Memory is bounded by the pages (two in hand at most) and the deliveries begun, not by how many there are.
package final class Fanout {
  package struct Options: Sendable {
    package var state = FanoutState.Options()
    /// Kept free before the deadline for what comes after the sending. No call starts in it; in its first half answers
    /// are still waited for.
    package var reserveMilliseconds: Int64 = 1_000
    /// How long the last ones are waited for once every delivery was begun; nil: until they have ended. One client that
    /// takes its time does not hold up all others. In its last third no call starts: what is given up before its answer
    /// may have come, and come again.
    package var tailTimeout: TailTimeout?

    package init() {}
  }

  private let client: ManagementClient
  private let options: Options
  private let clock: Clock
  private let randomness: Randomness

  /// The client's kept connections serve one fan-out after the other.
  package init(
    client: ManagementClient, options: Options = Options(), clock: Clock = .system, randomness: Randomness = .system
  ) {
    self.client = client
    self.options = options
    self.clock = clock
    self.randomness = randomness
  }

  /// Posts every delivery of every page, in order for each connection.
  ///
  /// - `deadlineMilliseconds`: since the epoch, the invocation's deadline.
  /// - `nextPage` is called while calls are on their way, when the page before is nearly begun; nil ends the list. It
  ///   should return within a page's sending. If it fails, it is for the caller to remember and return nil. It is given each
  ///   listener that did not get all of its frames, once, if that was not known when it was called before; those of which it
  ///   is known later come with the result. A connection that is listed several times is counted as gone once.
  /// - `keepsOn` is asked every half second, however long a page takes. False: nothing more is sent, and what is on its
  ///   way is not waited for.
  package func deliver(
    deadlineMilliseconds: Int64, keepsOn: () -> Bool = { true }, nextPage: ([DeliveryFailure]) -> [PendingDelivery]?
  ) -> DeliveryResult {
    var now = clock.monotonicMilliseconds()
    let epoch = clock.milliseconds() - now
    let stopAt = deadlineMilliseconds - epoch - options.reserveMilliseconds
    var state = state(stopAt, epoch: epoch)
    var bounds = Bounds(now, stopAt, options)
    var ended: [Completion] = []
    client.expect(calls: 1)
    while true {
      if bounds.isTimeToAsk(now: now), !keepsOn() {
        giveUp(&state, ended: &ended, now: now)
        state.leavePages()
      }
      switch state.next(nowMilliseconds: now, room: client.room) {
      case .post(let token, let id, let frame): client.start(Call(verb: .post(frame), id: id), token: token)
      case .delete(let token, let id): client.start(Call(verb: .delete, id: id), token: token)
      case .page:
        if now < bounds.giveUpAt { readPage(&state, nextPage) } else { state.leavePages() }
        now = clock.monotonicMilliseconds()
      case .wait(let moment):
        if state.hasBegunAll { bounds.startTail(now: now) }
        bounds.adaptTailTimeout(client.hasSentAll)
        let until = min(moment, bounds.nextEnd(after: now), bounds.asksAt)
        client.step(untilMilliseconds: until, lacksRoom: state.lacksRoom, into: &ended)
        now = clock.monotonicMilliseconds()
        bounds.record(ended)
        report(&state, ended: ended, now: now)
        if now >= bounds.giveUpAt { giveUp(&state, ended: &ended, now: now) }
        if now >= bounds.startsUntil { state.giveUpRest() }
      case .done: return DeliveryResult(counts: state.counts, failures: state.nextFailures())
      }
    }
  }

  private func state(_ stopAt: Int64, epoch: Int64) -> FanoutState {
    var options = options.state
    options.width = min(options.width, client.options.width)
    return FanoutState(
      options: options, randomness: randomness, stopAtMilliseconds: stopAt, epochMilliseconds: epoch)
  }

  private func readPage(_ state: inout FanoutState, _ nextPage: ([DeliveryFailure]) -> [PendingDelivery]?) {
    guard let page = nextPage(state.nextFailures()) else { return state.endPages() }
    state.add(page)
    client.expect(calls: state.deliveryCount)
  }

  /// Waits for no answer any more, and begins no delivery. Answers that came while this process had no processor count.
  private func giveUp(_ state: inout FanoutState, ended: inout [Completion], now: Int64) {
    while client.inFlight > 0 {
      client.step(untilMilliseconds: now, into: &ended)
      if ended.isEmpty { break }
      report(&state, ended: ended, now: now)
    }
    client.abandon(into: &ended)
    report(&state, ended: ended, now: now)
    state.giveUpRest()
  }

  private func report(_ state: inout FanoutState, ended: [Completion], now: Int64) {
    for completion in ended {
      switch completion.outcome {
      case .answered(let answer):
        if completion.answerMilliseconds > DeliveryCounts.promptMilliseconds {
          state.recordSlow(token: completion.token)
        }
        state.answered(token: completion.token, status: answer.status, nowMilliseconds: now)
      case .failed(let error) where error.kind == .abandoned: state.abandoned(token: completion.token)
      case .failed(let error) where error.kind == .notSent: state.notSent(token: completion.token)
      case .failed(let error) where error.isLasting:
        state.cannotCall(token: completion.token, reason: error.description)
        state.leavePages()
      case .failed(let error):
        state.broke(token: completion.token, reason: error.description, nowMilliseconds: now)
      }
    }
  }
}

/// How long a delivery goes on, in milliseconds of the monotonic clock.
private struct Bounds {
  /// Answers are waited for until then.
  private(set) var giveUpAt: Int64
  /// Calls start until then; the end of the time given is the state's to know.
  private(set) var startsUntil = Int64.max
  /// When the caller is asked again whether to go on.
  private(set) var asksAt: Int64
  private let lastAt: Int64
  private let tailTimeout: TailTimeout?
  /// When the waiting for the last ones began.
  private var tailSince: Int64?
  private var times = AnswerTimes()

  private static let askMilliseconds: Int64 = 500

  init(_ now: Int64, _ stopAt: Int64, _ options: Fanout.Options) {
    lastAt = stopAt + options.reserveMilliseconds / 2
    giveUpAt = lastAt
    asksAt = now + Self.askMilliseconds
    tailTimeout = options.tailTimeout
  }

  mutating func isTimeToAsk(now: Int64) -> Bool {
    guard now >= asksAt else { return false }
    asksAt = now + Self.askMilliseconds
    return true
  }

  func nextEnd(after now: Int64) -> Int64 { startsUntil > now ? min(startsUntil, giveUpAt) : giveUpAt }

  mutating func record(_ ended: [Completion]) {
    for completion in ended {
      if case .answered = completion.outcome { times.record(completion.answerMilliseconds) }
    }
  }

  /// Every delivery was begun.
  mutating func startTail(now: Int64) { tailSince = tailSince ?? now }

  /// How long the last ones are waited for, by the answers that have come. Without any it may be the connections that
  /// are still being opened.
  mutating func adaptTailTimeout(_ hasSentAll: Bool) {
    guard let tailTimeout, let tailSince, times.count > 0 || hasSentAll else { return }
    let milliseconds = tailTimeout.milliseconds(times)
    giveUpAt = min(lastAt, tailSince + milliseconds)
    startsUntil = tailSince + milliseconds * 2 / 3
  }
}
