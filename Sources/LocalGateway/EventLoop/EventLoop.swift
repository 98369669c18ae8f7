import CLinux
import Glibc
import Telemetry

/// One thread, one epoll set: everything the gateway does happens on the thread that calls `run()`.
///
/// Level-triggered. A handler may add and remove descriptors, its own too, while it is called.
final class EventLoop {
  /// What may be done with a descriptor without waiting, or what is waited for.
  struct Readiness: OptionSet {
    let rawValue: UInt32
    static let readable = Readiness(rawValue: EPOLLIN.rawValue)
    static let writable = Readiness(rawValue: EPOLLOUT.rawValue)
    /// The other side closed its half, or the whole connection; told whether asked for or not.
    static let closed = Readiness(rawValue: EPOLLHUP.rawValue | EPOLLRDHUP.rawValue | EPOLLERR.rawValue)
    /// Of `closed`, what leaves nothing to be done with the connection: both halves closed, or an error.
    static let gone = Readiness(rawValue: EPOLLHUP.rawValue | EPOLLERR.rawValue)
  }

  /// Names a timer, to cancel it.
  struct TimerID: Hashable { fileprivate let number: UInt64 }

  private struct Timer {
    let due: Int64
    let number: UInt64
  }

  let clock: Clock
  private let epoll: Int32
  /// What is watched, with the number that the kernel's events about it bear.
  private struct Watch {
    let generation: UInt32
    let handler: any EventHandler
  }

  private var watches: [Int32: Watch] = [:]
  /// Tells a descriptor from an earlier one of the same number, whose events may still be in the round at hand.
  private var generation: UInt32 = 0
  private var events = [epoll_event](repeating: epoll_event(), count: 256)
  private var heap: [Timer] = []
  private var actions: [UInt64: () -> Void] = [:]
  private var timersMade: UInt64 = 0
  private var isStopping = false

  init(clock: Clock = .system) throws(SystemError) {
    self.clock = clock
    epoll = try SystemError.check("epoll_create1", result: epoll_create1(Int32(EPOLL_CLOEXEC)))
  }

  deinit { close(epoll) }

  // MARK: Descriptors

  /// Calls `handler` whenever `descriptor` is ready for what `interest` names. The loop keeps the handler alive.
  func add(descriptor: Int32, interest: Readiness, handler: any EventHandler) throws(SystemError) {
    generation &+= 1
    var event = Self.event(interest, descriptor: descriptor, generation: generation)
    try SystemError.check("epoll_ctl", result: epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event))
    watches[descriptor] = Watch(generation: generation, handler: handler)
  }

  /// Without `tellingOfHalfClose` only `gone` is told of unasked: for a connection whose other side is known to have
  /// closed its half, which would be told again in every round.
  func change(descriptor: Int32, to interest: Readiness, tellingOfHalfClose: Bool = true) {
    guard let watch = watches[descriptor] else { return }
    var event = Self.event(interest, descriptor: descriptor, generation: watch.generation)
    if !tellingOfHalfClose { event.events = interest.rawValue }
    epoll_ctl(epoll, EPOLL_CTL_MOD, descriptor, &event)
  }

  /// To be called before the descriptor is closed.
  func remove(descriptor: Int32) {
    epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, nil)
    watches[descriptor] = nil
  }

  private static func event(_ interest: Readiness, descriptor: Int32, generation: UInt32) -> epoll_event {
    epoll_event(
      events: interest.rawValue | EPOLLRDHUP.rawValue,
      data: epoll_data(u64: UInt64(generation) << 32 | UInt64(UInt32(bitPattern: descriptor))))
  }

  // MARK: Timers

  /// Calls `action` once, `milliseconds` from now (0: after the events at hand).
  @discardableResult
  func schedule(afterMilliseconds milliseconds: Int64, _ action: @escaping () -> Void) -> TimerID {
    timersMade += 1
    actions[timersMade] = action
    push(Timer(due: clock.monotonicMilliseconds() + milliseconds, number: timersMade))
    return TimerID(number: timersMade)
  }

  func cancel(_ timer: TimerID) { actions[timer.number] = nil }

  // MARK: Running

  /// Serves until `stop()`.
  func run() {
    while !isStopping { turn() }
  }

  /// One round: waits, at most so long, calls the handlers of what is ready, then the timers that are due.
  func turn(waitingAtMostMilliseconds limit: Int64 = .max) {
    let count = epoll_wait(epoll, &events, Int32(events.count), Int32(clamping: min(limit, waitMilliseconds())))
    for index in 0..<max(0, Int(count)) {
      let data = events[index].data.u64
      // A handler called earlier in this round may have removed this descriptor.
      guard let watch = watches[Int32(truncatingIfNeeded: data)], watch.generation == UInt32(data >> 32) else {
        continue
      }
      watch.handler.ready(Readiness(rawValue: events[index].events))
    }
    fireTimers()
  }

  func stop() { isStopping = true }

  private func waitMilliseconds() -> Int64 {
    while let first = heap.first, actions[first.number] == nil { pop() }
    // About 24 days: waking up once in a while does no harm.
    guard let first = heap.first else { return Int64(Int32.max) }
    return max(0, first.due - clock.monotonicMilliseconds())
  }

  private func fireTimers() {
    let now = clock.monotonicMilliseconds()
    // Those that come due only now wait for the next round, so that descriptors get their turn.
    let last = timersMade
    while let first = heap.first, first.due <= now, first.number <= last {
      pop()
      actions.removeValue(forKey: first.number)?()
    }
  }

  // MARK: Heap, the earliest first

  private func push(_ timer: Timer) {
    heap.append(timer)
    var child = heap.count - 1
    while child > 0, heap[child].due < heap[(child - 1) / 2].due {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  private func pop() {
    heap.swapAt(0, heap.count - 1)
    heap.removeLast()
    var parent = 0
    while true {
      let left = 2 * parent + 1
      guard left < heap.count else { return }
      let least = left + 1 < heap.count && heap[left + 1].due < heap[left].due ? left + 1 : left
      guard heap[least].due < heap[parent].due else { return }
      heap.swapAt(least, parent)
      parent = least
    }
  }
}

/// Something that owns a descriptor in an `EventLoop`.
protocol EventHandler: AnyObject {
  func ready(_ readiness: EventLoop.Readiness)
}
