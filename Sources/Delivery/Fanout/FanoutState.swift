import Frames
import ManagementAPI
import Messaging
package import Telemetry

/// Decides what is to be done next in a fan-out; does nothing itself and reads no clock.
///
/// `next` gives one action at a time; `add`, `endPages`, `answered` and `broke` tell what came of them. A connection
/// has one call on its way at most, and its next frame is posted only when the one before was delivered or given up.
package struct FanoutState {
  /// A delivery that was begun.
  struct Active {
    var delivery: PendingDelivery
    let slot: IDFilter.Slot
    /// The frame to post.
    var frame = 0
    var attempts = 0
    /// It has its frames and is not to stay: its connection is being closed.
    var isClosing = false
    /// How its last call ended, if it is made again.
    var lastFailure: DeliveryFailure.Reason?
    /// It has ended, and its token can be given to another.
    var isFree = false
    /// The first frame that was given up, by its index, and why.
    var refused: (frame: Int, reason: DeliveryFailure.Reason)?
    /// The same connection was listed again: its later frames wait here.
    var later: [PendingDelivery] = []
  }

  let options: Options
  let randomness: Randomness
  let stopAt: Int64
  /// Milliseconds since the epoch when the monotonic clock shows 0.
  let epoch: Int64
  var width: Width

  /// Deliveries not begun.
  var pending = DeliveryPages()
  private var hasMorePages = true
  /// The next page is read when so few of the one before are not begun: a delivery in that one does not wait for the
  /// reading, which may take longer than all of their posts.
  private var readsAheadAt = 0

  /// By token.
  var active: [Active] = []
  var freeTokens: [Int] = []
  var activeIDs = IDFilter()
  var ready: [Int] = []
  var retries = DueQueue()
  var inFlight = 0
  var goneIDs: Set<ConnectionID> = []
  var failures: [DeliveryFailure] = []
  /// Why no further call can succeed, if none can.
  var hopeless: DeliveryFailure.Reason?

  package internal(set) var counts = DeliveryCounts()
  /// How many deliveries were added.
  package private(set) var deliveryCount = 0

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
    if room > 0, inFlight < width.current, let action = call(now: now) { return action }
    if hasMorePages, pending.count <= readsAheadAt, activeCount < options.maximumActive { return .page }
    if inFlight > 0 || activeCount > 0 || pending.count > 0 {
      // A retry that is due waits for an answer to make room.
      let due = inFlight < width.current && room > 0 ? retries.first?.due ?? .max : .max
      return .wait(untilMilliseconds: now < stopAt ? min(due, stopAt) : .max)
    }
    return .done
  }

  /// Whether a call could be made if there was `room`. A retry is in no hurry.
  package var lacksRoom: Bool {
    inFlight < width.current && (!ready.isEmpty || pending.count > 0 && activeCount < options.maximumActive)
  }

  private var activeCount: Int { active.count - freeTokens.count }

  private mutating func call(now: Int64) -> Action? {
    if let token = ready.popLast() ?? retries.popFirst(dueAt: now) { return call(token: token) }
    while activeCount < options.maximumActive, let delivery = pending.popFirst() {
      if !goneIDs.isEmpty, goneIDs.contains(delivery.id) {
        passOver(delivery)
        continue
      }
      if let token = begin(delivery) { return call(token: token) }
    }
    return nil
  }

  private mutating func call(token: Int) -> Action {
    inFlight += 1
    let one = active[token]
    return one.isClosing
      ? .delete(token: token, one.delivery.id)
      : .post(token: token, one.delivery.id, frame: one.delivery.frames[one.frame].bytes)
  }

  // MARK: Deliveries

  /// The deliveries of which not every frame arrived, since this was asked last; each once, as soon as that is known. A
  /// connection that is listed several times is counted as gone once, and each delivery that was not begun is reported: it may
  /// be of another stream.
  package mutating func nextFailures() -> [DeliveryFailure] {
    defer { failures = [] }
    return failures
  }

  package mutating func add(_ page: [PendingDelivery]) {
    pending.add(page)
    deliveryCount += page.count
    readsAheadAt = min(options.width, page.count / 8)
  }

  /// There are no more pages.
  package mutating func endPages() { hasMorePages = false }

  /// There may be more pages, but no time to read them.
  package mutating func leavePages() {
    if hasMorePages { counts.isEveryPageRead = false }
    hasMorePages = false
  }

  /// Every delivery was begun, and there are no more pages.
  package var hasBegunAll: Bool { !hasMorePages && pending.count == 0 }

  /// An answer took longer than is prompt.
  package mutating func recordSlow(token: Int) { counts.slow.insert(active[token].delivery.id) }

  /// The time for those that are not done is up.
  package mutating func giveUpRest() { hopeless = .unsent }

  /// Its token; nil if there is nothing to call for now.
  private mutating func begin(_ delivery: PendingDelivery) -> Int? {
    guard !delivery.frames.isEmpty || delivery.isClosedAfterwards else { return nil }
    let slot = IDFilter.slot(of: delivery.id)
    if activeIDs.mayContain(slot),
      let other = active.firstIndex(where: { !$0.isFree && $0.delivery.id == delivery.id })
    {
      active[other].later.append(delivery)
      return nil
    }
    activeIDs.insert(slot)
    var one = Active(delivery: delivery, slot: slot)
    one.isClosing = delivery.frames.isEmpty
    guard let token = freeTokens.popLast() else {
      active.append(one)
      return active.count - 1
    }
    active[token] = one
    return token
  }
}
