/// One line of a fault plan: what goes wrong, how often, and between which bounds.
package struct Fault: Equatable, Sendable {
  package enum Kind: String, CaseIterable, Sendable {
    /// A post is answered 410 although the connection lives; nothing is delivered.
    case gone
    /// A post is answered 429, for a while perhaps; nothing is delivered.
    case throttled
    /// A request is answered 5xx; nothing is done.
    case failed
    /// A request is answered late.
    case slow
    /// A request is done, and its connection closed without an answer.
    case lost
    /// A route event, or an asynchronous invocation, is given to its function twice.
    case duplicated
    /// A route event is given to its function after the next one of its connection.
    case reordered
    /// `$disconnect` is never invoked.
    case lostDisconnect = "lost-disconnect"
    /// A function's process is killed in the middle of an invocation.
    case killed
    /// A function's process is stopped in the middle of an invocation, and goes on later.
    case stopped
    /// A call of a function to its table is refused, or is done and not answered.
    case tableThrottled = "table-throttled"
    /// What a function streams first reaches the client with what it streams next.
    case firstChunkHeld = "first-chunk-held"
    /// Each thing that a function streams reaches the client with the next one.
    case chunkLate = "chunk-late"
    /// What a function streams reaches the client when there is enough of it.
    case chunksHeld = "chunks-held"
    /// An answer that ends without a byte of a body is left open.
    case emptyBodyHeld = "empty-body-held"
    /// The client's connection is cut in the middle of a stream.
    case streamCut = "stream-cut"
  }

  /// Which requests a fault is about.
  package enum Target: String, CaseIterable, Sendable {
    /// `POST @connections`.
    case posts
    /// Lambda's Invoke API; of `duplicated`, its asynchronous invocations.
    case invokes
    /// What routes give to their functions.
    case routes
    case all

    func includes(_ target: Target) -> Bool { self == .all || self == target }
  }

  /// Whom a 429 is for.
  package enum Scope: String, CaseIterable, Sendable { case connection, all }

  /// What a slow post delays.
  package enum Delay: String, CaseIterable, Sendable {
    /// The frame is sent at once, the answer late.
    case answer
    /// Both are late: the frame may come after ones that were posted later.
    case effect
  }

  /// How a call to the table fails.
  package enum TableOutcome: String, CaseIterable, Sendable {
    /// It was not done, and the caller is told so.
    case throttled
    /// It was done, and the caller is told that this is not known.
    case unknown
    /// One of the two, by the hash.
    case either
  }

  package let kind: Kind
  /// The share of the occasions, from 0 to 1.
  package let rate: Double
  package var scope = Scope.connection
  package var target = Target.posts
  package var delay = Delay.answer
  package var outcome = TableOutcome.either
  package var status = 500
  /// How long it lasts.
  package var milliseconds: Int64 = 0
  /// What a function writes of that size at once is not held back.
  package var bytes = 16 << 10
  /// It begins a hashed time after the invocation, at most so many milliseconds.
  package var within: Int64 = 20
  /// Only this function's processes; nil: those of all.
  package var function: String?
  /// Milliseconds since the gateway's start: from the one on, until before the other.
  package var from: Int64 = 0
  package var until: Int64 = .max
  /// How often it happens at the most.
  package var limit = Int.max

  package init(_ kind: Kind, rate: Double) {
    self.kind = kind
    self.rate = rate
    switch kind {
    case .lost: target = .all
    case .duplicated: target = .routes
    case .slow: milliseconds = 100
    case .reordered: milliseconds = 50
    case .stopped: milliseconds = 500
    case .emptyBodyHeld: milliseconds = 960_000
    case .streamCut: within = 1000
    default: break
    }
  }
}

extension Fault.Kind {
  /// What a plan may say of it, beside `kind` and `rate`.
  var members: [Fault.Member] {
    let own: [Fault.Member] =
      switch self {
      case .gone, .lostDisconnect: []
      case .throttled: [.scope, .milliseconds]
      case .failed: [.status, .on]
      case .slow: [.milliseconds, .delays, .on]
      case .lost: [.on]
      case .duplicated: [.milliseconds, .on]
      case .reordered: [.milliseconds]
      case .killed: [.within, .function]
      case .stopped: [.milliseconds, .within, .function]
      case .tableThrottled: [.outcome, .function]
      case .firstChunkHeld, .chunkLate, .chunksHeld: [.bytes, .function]
      case .emptyBodyHeld: [.milliseconds, .function]
      case .streamCut: [.within, .function]
      }
    return own + [.from, .until, .limit]
  }

  /// What it may be about, where there is a choice.
  var targets: [Fault.Target] { self == .duplicated ? [.routes, .invokes, .all] : [.posts, .invokes, .all] }
}

extension Fault {
  enum Member: String, CaseIterable {
    case kind, rate, scope, on, status, milliseconds, bytes, within, delays, outcome, function, from, until, limit
  }
}
