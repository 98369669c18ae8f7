import ManagementAPI
import Messaging
package import Telemetry

/// Decides what is to be done next in a fan-out; does nothing itself and reads no clock.
///
/// `next` gives one action at a time; `add`, `endPages`, `answered` and `broke` tell what came of them. A connection has
/// one call on its way at most, and its next frame is posted only when the one before was delivered or given up.
package struct FanoutState {
  /// A listener that was begun.
  private struct Active {
    var listener: Listener
    let place: IDFilter.Place
    /// The frame to post.
    var frame = 0
    var attempts = 0
    /// It answered 410, or is not to stay: its connection is being closed.
    var isClosing = false
    /// It has ended, and its token can be given to another.
    var isFree = false
    /// The first frame that was given up, and why.
    var failure: Ending?
    /// The same connection was listed again: its later frames wait here.
    var later: [Listener] = []
  }

  private let options: Options
  private let randomness: Randomness
  private let stopAt: Int64
  /// Milliseconds since the epoch when the monotonic clock shows 0.
  private let epoch: Int64
  private var width: Width

  /// Listeners not begun.
  private var pending = ListenerPages()
  private var hasMorePages = true

  /// By token.
  private var active: [Active] = []
  private var freeTokens: [Int] = []
  private var activeIDs = IDFilter()
  private var ready: [Int] = []
  private var retries = DueQueue()
  private var inFlight = 0
  private var goneIDs: Set<ConnectionID> = []
  private var settled: [(Listener, Ending)] = []
  /// Why no further call can succeed, if none can.
  private var hopeless: Ending.Reason?

  package private(set) var tally = Tally()
  /// How many listeners were added.
  package private(set) var listenerCount = 0

  /// Starts no call at `stopAtMilliseconds` of the monotonic clock and later.
  package init(
    options: Options, randomness: Randomness, stopAtMilliseconds: Int64, epochMilliseconds: Int64
  ) {
    self.options = options
    self.randomness = randomness
    stopAt = stopAtMilliseconds
    epoch = epochMilliseconds
    width = Width(maximum: options.width)
  }

  // MARK: What to do

  /// `room` is how many calls can be started now.
  package mutating func next(nowMilliseconds now: Int64, room: Int) -> Action {
    if let hopeless { leave(hopeless) } else if now >= stopAt { leave(.unsent) }
    if !settled.isEmpty {
      let (listener, ending) = settled.removeLast()
      return .settle(listener, ending)
    }
    if room > 0, inFlight < width.current, let action = call(now) { return action }
    if hasMorePages, pending.count <= options.width, activeCount < options.maximumActive { return .page }
    if inFlight > 0 || activeCount > 0 || pending.count > 0 {
      // A retry that is due waits for an answer to make room.
      let due = inFlight < width.current && room > 0 ? retries.earliest ?? .max : .max
      return .wait(untilMilliseconds: now < stopAt ? min(due, stopAt) : .max)
    }
    return .done
  }

  private var activeCount: Int { active.count - freeTokens.count }

  private mutating func call(_ now: Int64) -> Action? {
    if let token = ready.popLast() ?? retries.take(dueAt: now) { return call(token: token) }
    while activeCount < options.maximumActive, let listener = pending.popFirst() {
      if !goneIDs.isEmpty, goneIDs.contains(listener.id) { continue }
      if let token = begin(listener) { return call(token: token) }
    }
    return nil
  }

  private mutating func call(token: Int) -> Action {
    inFlight += 1
    let one = active[token]
    return one.isClosing
      ? .delete(token: token, one.listener.id)
      : .post(token: token, one.listener.id, frame: one.listener.frames[one.frame])
  }

  // MARK: Listeners

  package mutating func add(_ page: [Listener]) {
    pending.add(page)
    listenerCount += page.count
  }

  /// There are no more pages.
  package mutating func endPages() { hasMorePages = false }

  /// There may be more pages, but no time to read them.
  package mutating func leavePages() {
    if hasMorePages { tally.isEveryPageRead = false }
    hasMorePages = false
  }

  /// Every listener was begun, and there are no more pages.
  package var hasBegunAll: Bool { !hasMorePages && pending.count == 0 }

  /// The time for those that are not done is up.
  package mutating func giveUpRest() { hopeless = .unsent }

  /// Its token; nil if there is nothing to call for now.
  private mutating func begin(_ listener: Listener) -> Int? {
    guard !listener.frames.isEmpty else { return nil }
    let place = IDFilter.place(of: listener.id)
    if activeIDs.mayContain(place),
      let other = active.firstIndex(where: { !$0.isFree && $0.listener.id == listener.id })
    {
      active[other].later.append(listener)
      return nil
    }
    activeIDs.insert(place)
    let one = Active(listener: listener, place: place)
    guard let token = freeTokens.popLast() else {
      active.append(one)
      return active.count - 1
    }
    active[token] = one
    return token
  }

  // MARK: What came of it

  /// The call was answered with this status.
  package mutating func answered(token: Int, status: Int, nowMilliseconds now: Int64) {
    inFlight -= 1
    width.record(isRefusal: status == 429)
    if active[token].isClosing { return closed(token, status, now) }
    switch status {
    case 200..<300:
      tally.deliveries += 1
      advance(token)
    case 410 where now + epoch - active[token].listener.connectedAtMilliseconds >= options.youngMilliseconds:
      active[token].isClosing = true
      active[token].attempts = 0
      ready.append(token)
    case 410, 429, 500...599: retry(token, .refused(status: status), now)
    case 413: giveUpFrame(token, .refused(status: status))
    default: giveUp(token, .refused(status: status))
    }
  }

  /// The call has no answer.
  package mutating func broke(token: Int, reason: String, nowMilliseconds now: Int64) {
    inFlight -= 1
    retry(token, .broken(reason), now)
  }

  /// The call could not be made, and no other can: those that are on their way are waited for, the rest is given up for
  /// the same reason.
  package mutating func cannotCall(token: Int, reason: String) {
    inFlight -= 1
    hopeless = .broken(reason)
    giveUp(token, .broken(reason))
  }

  /// The call has no answer and there is no time for another one.
  package mutating func abandoned(token: Int) {
    inFlight -= 1
    giveUp(token, .unsent)
  }

  /// The gateway was told to close the connection.
  private mutating func closed(_ token: Int, _ status: Int, _ now: Int64) {
    switch status {
    case 200..<300, 404, 410:
      let one = active[token]
      tally.gone += 1
      goneIDs.insert(one.listener.id)
      let firstMissing = min(one.failure?.firstMissing ?? one.frame, one.listener.frames.count - 1)
      settled.append((one.listener, Ending(.gone, firstMissing: firstMissing)))
      free(token)
    case 429, 500...599: retry(token, .refused(status: status), now)
    default: giveUp(token, .refused(status: status))
    }
  }

  private mutating func retry(_ token: Int, _ reason: Ending.Reason, _ now: Int64) {
    guard now < stopAt else { return giveUp(token, .unsent) }
    active[token].attempts += 1
    guard let delay = options.backoff.delayMilliseconds(afterAttempts: active[token].attempts, randomness) else {
      return giveUp(token, reason)
    }
    tally.retried += 1
    retries.add(token, dueAt: now + delay)
  }

  /// One frame cannot be delivered, the others may.
  private mutating func giveUpFrame(_ token: Int, _ reason: Ending.Reason) {
    tally.failed += 1
    if active[token].failure == nil {
      active[token].failure = Ending(reason, firstMissing: active[token].frame)
    }
    advance(token)
  }

  /// On to the listener's next frame, or, after its last, to its end.
  private mutating func advance(_ token: Int) {
    active[token].frame += 1
    active[token].attempts = 0
    if active[token].frame < active[token].listener.frames.count { return ready.append(token) }
    if active[token].listener.isClosedAfterwards {
      active[token].isClosing = true
      return ready.append(token)
    }
    if let failure = active[token].failure { settled.append((active[token].listener, failure)) }
    if active[token].later.isEmpty { return free(token) }
    active[token].listener = active[token].later.removeFirst()
    active[token].frame = 0
    active[token].failure = nil
    ready.append(token)
  }

  /// The listener's other frames are not delivered either, nor those of its later listings.
  private mutating func giveUp(_ token: Int, _ reason: Ending.Reason) {
    let one = active[token]
    free(token)
    // One that has all of its frames and could not be closed counts as lacking the last; one that was refused a frame as too
    // large lacks those after it for another reason.
    let firstMissing = one.failure?.firstMissing ?? min(one.frame, one.listener.frames.count - 1)
    settle(one.listener, Ending(reason, firstMissing: firstMissing), from: one.frame, reason)
    for listener in one.later { settle(listener, Ending(reason, firstMissing: 0), from: 0, reason) }
  }

  private mutating func settle(
    _ listener: Listener, _ ending: Ending, from frame: Int, _ reason: Ending.Reason
  ) {
    let count = listener.frames.count - frame
    if reason == .unsent { tally.unsent += count } else { tally.failed += count }
    settled.append((listener, ending))
  }

  /// Time is up, or calling is of no use: whatever is not on its way is not sent.
  private mutating func leave(_ reason: Ending.Reason) {
    while let token = ready.popLast() ?? retries.take(dueAt: .max) { giveUp(token, reason) }
    while settled.count < options.maximumActive, let listener = pending.popFirst() {
      if goneIDs.contains(listener.id) { continue }
      settle(listener, Ending(reason, firstMissing: 0), from: 0, reason)
    }
  }

  private mutating func free(_ token: Int) {
    active[token].isFree = true
    activeIDs.remove(active[token].place)
    freeTokens.append(token)
  }
}
