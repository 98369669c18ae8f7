import Telemetry

/// What the loop runs on.
struct StreamingGround {
  var address: SocketAddress
  var calls = SocketCalls.system
  var clock = Clock.system
  var log: Log
  /// How many answers are open at once.
  var concurrency = 1
  /// Told the trace of each invocation, if there is one at a time.
  var setTrace: (String?) -> Void = { _ in }
}

/// As `InvocationLoop`, for answers that are streamed, several at once: one `poll` waits for all of them.
///
/// Each answer has a slot, and a slot one connection at a time. It asks for an event (`next`), carries the answer on
/// the same connection, closes that, as a streamed response demands, and asks again on a new one. An answer that failed
/// before it began is reported (`error`) on the connection that is kept.
///
///     slot 1   next ──▶ event A ──▶ response: head, chunk … chunk, end ──▶ 202, close ──▶ next …
///     slot 2   next ──────────▶ event B ──▶ throws ──▶ error ──▶ 202 ──▶ next …
struct StreamingLoop<Handler: StreamingLambdaHandler> {
  typealias Slot = StreamSlot<Handler.Answer>

  var handler: Handler
  let ground: StreamingGround
  var messages: RuntimeMessages
  var slots: [Slot] = []
  /// What one `recv` may bring, for all slots.
  var received = [UInt8](repeating: 0, count: 16 << 10)
  private var entries: [PollEntry] = []
  /// The time of this turn.
  var now: Int64 = 0

  init(_ handler: Handler, on ground: StreamingGround) {
    self.handler = handler
    self.ground = ground
    messages = RuntimeMessages(host: ground.address)
  }

  /// Returns never; ends by the error after which no event can come any more, with all answers closed.
  mutating func run() throws(RuntimeAPIError) {
    do throws(RuntimeAPIError) {
      while true { try turn() }
    } catch {
      for slot in slots { close(slot, reason: .stopped) }
      throw error
    }
  }

  /// Waits until something can be done, and does it.
  mutating func turn() throws(RuntimeAPIError) {
    try addSlots()
    wait()
    for index in entries.indices where entries[index].isReady { try serve(slots[index], entry: entries[index]) }
    try resumeDue()
    try cutStuck()
  }

  /// The first slot alone, then eight a turn, so that the first event of a cold start does not wait for all of them.
  private mutating func addSlots() throws(RuntimeAPIError) {
    for _ in 0..<min(slots.isEmpty ? 1 : 8, ground.concurrency - slots.count) {
      let slot = Slot()
      slots.append(slot)
      try askForEvent(slot)
    }
  }

  private mutating func wait() {
    entries.removeAll(keepingCapacity: true)
    for slot in slots { entries.append(slot.pollEntry) }
    ground.calls.poll(&entries, slots.count < ground.concurrency ? 0 : millisecondsUntilDue())
    now = ground.clock.monotonicMilliseconds()
  }

  /// Until the first answer is due, or has been stuck for too long; -1 if none is open.
  private func millisecondsUntilDue() -> Int32 {
    let now = ground.clock.monotonicMilliseconds()
    var due = Int64.max
    for slot in slots where slot.phase == .answering || slot.phase == .ending {
      if slot.isDue(now) { return 0 }
      due = min(due, slot.dueMilliseconds)
    }
    return due == .max ? -1 : Int32(max(0, min(due - now, 86_400_000)))
  }

  private mutating func resumeDue() throws(RuntimeAPIError) {
    guard slots.contains(where: { $0.isDue(now) }) else { return }
    handler.prepare(nowMilliseconds: now)
    for slot in slots where slot.isDue(now) { try resume(slot) }
  }

  /// Whoever takes nothing of an answer that is over is not waited for: its slot has other work.
  private mutating func cutStuck() throws(RuntimeAPIError) {
    for slot in slots where slot.phase == .ending && slot.dueMilliseconds <= now { try giveUp(slot) }
  }
}
