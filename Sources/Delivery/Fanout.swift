package import ManagementAPI
package import Telemetry

/// Posts frames to many connections at once, and settles what to do with each answer.
///
///     let fanout = Fanout(client: client)
///     let tally = fanout.deliver(
///       deadlineMilliseconds: invocation.deadline,
///       nextPage: { listeners.next() },                      // nil after the last
///       settled: { listener, ending in … })                  // only those who did not get everything
///
/// Memory is bounded by the pages (two in hand at most) and the listeners begun, not by how many listeners there are.
package final class Fanout {
  package struct Options: Sendable {
    package var state = FanoutState.Options()
    /// Kept free before the deadline for what comes after the sending. No call starts in it; in its first half answers
    /// are still waited for.
    package var reserveMilliseconds: Int64 = 1_000
    /// How long the last ones are waited for once every listener was begun and others have been answered; nil: until they
    /// have ended. Whoever is not done by then ends as `unsent`: one client that takes its time does not hold up all others.
    package var patienceMilliseconds: Int64?

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

  /// Delivers to every listener of every page, in order for each connection.
  ///
  /// - `deadlineMilliseconds`: since the epoch, the invocation's deadline.
  /// - `nextPage` is called while calls are on their way, when the page before is nearly begun; nil ends the list. It
  ///   should return within a page's sending. If it fails, it is for the caller to remember and return nil.
  /// - `settled` is called once for each listener that did not get all of its frames, as soon as that is known. A
  ///   connection that is listed several times is told as gone once.
  /// - `keepsOn` is asked every half second, however long a page takes. False: nothing more is sent, and what is on its way is not
  ///   waited for.
  package func deliver(
    deadlineMilliseconds: Int64, keepsOn: () -> Bool = { true }, nextPage: () -> [Listener]?,
    settled: (Listener, Ending) -> Void
  ) -> Tally {
    var now = clock.monotonicMilliseconds()
    let epoch = clock.milliseconds() - now
    let stopAt = deadlineMilliseconds - epoch - options.reserveMilliseconds
    var giveUpAt = stopAt + options.reserveMilliseconds / 2
    var isPatienceSet = false
    // Until somebody is answered it may be the endpoint that takes its time, as while the first connections are opened.
    var hasAnswer = false
    var stateOptions = options.state
    stateOptions.width = min(stateOptions.width, client.options.width)
    var state = FanoutState(
      options: stateOptions, randomness: randomness, stopAtMilliseconds: stopAt, epochMilliseconds: epoch)
    var ended: [Completion] = []
    var asksAt = now + Self.askMilliseconds
    client.expect(calls: 1)
    while true {
      if now >= asksAt {
        asksAt = now + Self.askMilliseconds
        if !keepsOn() {
          client.abandon(into: &ended)
          tell(&state, ended, now)
          state.leavePages()
          state.giveUpRest()
        }
      }
      switch state.next(nowMilliseconds: now, room: client.room) {
      case .post(let token, let id, let frame): client.start(Call(.post(frame), id), token: token)
      case .delete(let token, let id): client.start(Call(.delete, id), token: token)
      case .settle(let listener, let ending): settled(listener, ending)
      case .page:
        readPage(&state, now < giveUpAt, nextPage)
        now = clock.monotonicMilliseconds()
      case .wait(let moment):
        if let patience = options.patienceMilliseconds, !isPatienceSet, hasAnswer, state.hasBegunAll {
          isPatienceSet = true
          giveUpAt = min(giveUpAt, now + patience)
        }
        client.step(untilMilliseconds: min(moment, giveUpAt, asksAt), into: &ended)
        now = clock.monotonicMilliseconds()
        hasAnswer = hasAnswer || ended.contains { $0.isAnswered }
        tell(&state, ended, now)
        if now >= giveUpAt {
          client.abandon(into: &ended)
          tell(&state, ended, now)
          state.giveUpRest()
        }
      case .done: return state.tally
      }
    }
  }

  private static var askMilliseconds: Int64 { 500 }

  private func readPage(_ state: inout FanoutState, _ hasTime: Bool, _ nextPage: () -> [Listener]?) {
    guard hasTime else { return state.leavePages() }
    guard let page = nextPage() else { return state.endPages() }
    state.add(page)
    client.expect(calls: state.listenerCount)
  }

  private func tell(_ state: inout FanoutState, _ ended: [Completion], _ now: Int64) {
    for completion in ended {
      switch completion.outcome {
      case .answered(let answer):
        state.answered(token: completion.token, status: answer.status, nowMilliseconds: now)
      case .failed(let error) where error.kind == .abandoned: state.abandoned(token: completion.token)
      case .failed(let error) where error.isLasting:
        state.cannotCall(token: completion.token, reason: error.description)
        state.leavePages()
      case .failed(let error):
        state.broke(token: completion.token, reason: error.description, nowMilliseconds: now)
      }
    }
  }
}

extension Completion {
  fileprivate var isAnswered: Bool {
    if case .answered = outcome { true } else { false }
  }
}
