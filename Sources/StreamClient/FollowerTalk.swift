extension Follower {
  /// What happened.
  package enum Input: Equatable, Sendable {
    /// The handshake succeeded.
    case connected
    /// One text message from the server.
    case frame([UInt8])
    /// The connection is lost, or could not be had: then with the handshake's HTTP status, if there was an answer.
    case disconnected(status: Int?)
    /// Nothing but time has passed.
    case time
  }

  /// What is to be done.
  package enum Output: Equatable, Sendable {
    case send([UInt8])
    case show(Event)
    case snapshot(Snapshot)
    case gap(Gap)
    /// A frame that is no event but is worth telling: `connection`, `ready`, `error`, an acknowledgement.
    case notice([UInt8])
    /// A frame from the server that was passed over, or could not be kept.
    case diagnostic(Diagnostic)
    case close(CloseReason)
    case reconnect(afterMilliseconds: Int64)
    /// It is over; nothing that is handed in after it has an effect.
    case stop(StopReason)
  }

  /// What is shown once, and in order within its stream.
  package struct Event: Equatable, Sendable {
    /// The event as it came.
    package let bytes: [UInt8]
    /// Where it stands; nil from a server that has no streams.
    package let stream: String?
    package let sequence: Int64?
  }

  /// The state of a stream: it takes the place of what was shown of it before.
  package struct Snapshot: Equatable, Sendable {
    package let stream: String
    /// The newest event that it tells of.
    package let sequence: Int64
    /// The newest event of each key.
    package let events: [[UInt8]]
    /// A large one comes in several: the first clears what was known, the others add to it.
    package let isFirst: Bool
    package let isLast: Bool
  }

  /// Events that were missed and are not there any more.
  package struct Gap: Equatable, Sendable {
    /// Counted in stream events, so for a client that wants certain keys at most so many; nil: unknown.
    package let missed: Int64?
    package let reason: String?
    package let streams: [Stream]

    package struct Stream: Equatable, Sendable {
      package let stream: String
      package let missed: Int64?
      package let reason: String?
    }
  }

  package struct Diagnostic: Equatable, Sendable {
    package enum Code: String, Sendable {
      case notJSON = "not_json"
      case wrongShape = "wrong_shape"
      /// It answers a hello that was never said.
      case unknownReplay = "unknown_replay"
      case badGzip = "bad_gzip"
      case partDropped = "part_dropped"
      case tooLarge = "too_large"
      /// More live events came during a hello than are held; hello is said again.
      case bufferOverflow = "held_overflow"
      /// More streams than a place is kept in: what comes of the others is shown as it comes.
      case tooManyStreams = "too_many_streams"
    }

    package let code: Code
    package let message: String
  }

  package enum CloseReason: String, Sendable {
    case noReady = "no_ready"
    case noPong = "no_pong"
    case rotate
    case expired
  }

  package enum StopReason: Equatable, Sendable {
    /// The credentials that the connection was opened with are not valid any more.
    case expired
    /// The handshake was refused for good.
    case refused(status: Int)
  }
}
