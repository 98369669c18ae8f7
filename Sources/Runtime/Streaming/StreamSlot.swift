/// One of the answers that a process can have open at once, with its connection: asks for an event, answers it, asks
/// again.
final class StreamSlot<Answer> {
  enum Phase {
    /// `next` was sent.
    case waiting
    /// The handler has an answer open.
    case answering
    /// The handler is done with the answer; the rest of it goes out, and Lambda says that it has it.
    case ending
    /// An answer in one piece was sent.
    case responding
    /// `error` was sent.
    case reporting
  }

  /// So long nothing of an answer that is over needs to be taken before its slot gives it up.
  static var lingerMilliseconds: Int64 { 30_000 }

  var phase = Phase.waiting
  var connection: StreamConnection?
  /// Of `next`, `error` and an answer in one piece, which are sent once more if the connection dies before it answers.
  var request: [UInt8] = []
  var isRepeated = false

  /// Without its event.
  var invocation: Invocation?
  var writer = ResponseWriter()
  /// Set while `phase` is `answering`.
  var answer: Answer?
  /// Something of the answer was handed to the connection.
  var hasLeft = false
  /// Lambda answered before the end of the response.
  var isAnswered = false
  /// Of the loop's clock: when an open answer is resumed, or the rest of one that is over is given up.
  var dueMilliseconds: Int64 = 0
  var waitsForRoom = false

  func isDue(_ now: Int64) -> Bool {
    phase == .answering && (dueMilliseconds <= now || waitsForRoom && writer.hasRoom)
  }

  /// Before another connection is opened: a slot takes one descriptor.
  func disconnect() {
    connection?.close()
    connection = nil
  }

  func wait(milliseconds: Int64, from now: Int64) {
    dueMilliseconds = now + min(max(1, milliseconds), 1 << 40)
    waitsForRoom = false
  }

  var pollEntry: PollEntry {
    PollEntry(descriptor: connection?.descriptor ?? -1, sends: (connection?.unsentBytes ?? 0) > 0)
  }

  /// What an open answer of this invocation begins with.
  func begin(_ invocation: Invocation) {
    self.invocation = invocation
    writer = ResponseWriter()
    phase = .answering
    isRepeated = false
    hasLeft = false
    isAnswered = false
    dueMilliseconds = .min
    waitsForRoom = false
  }
}
