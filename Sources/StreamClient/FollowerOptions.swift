extension Follower {
  /// What a client wants, and its bounds. The defaults are the protocol's.
  package struct Options: Sendable {
    package var eventTypes: [String] = []
    /// Only these keys; empty is every key. A trailing `*` stands for any ending.
    package var keys: [String] = []
    /// False: it subscribes as clients do that know no hello, and gets live events only.
    package var saysHello = true

    /// How long `ready` may be waited for, counted from the last frame that answered the hello.
    package var readyMilliseconds: Int64 = 10_000
    /// How many hellos one connection is worth, if none is answered.
    package var helloAttempts = 6
    /// API Gateway closes a connection that was silent for 10 minutes.
    package var pingMilliseconds: Int64 = 240_000
    package var pongMilliseconds: Int64 = 10_000
    /// A connection that was ready and stood for so long has lived: when it is lost, the client comes back at once.
    package var livedMilliseconds: Int64 = 10_000
    package var basePauseMilliseconds: Int64 = 500
    package var maximumPauseMilliseconds: Int64 = 30_000
    /// Within what time a `rotate` is followed that names none.
    package var rotateMilliseconds: Int64 = 30_000

    /// How many live events are held while a hello waits for its `ready`, and how many bytes of them.
    package var bufferedEvents = 10_000
    /// What a frame may grow to when it is decompressed or joined, and what may wait to be joined, in bytes.
    package var joinedBytes = 8 << 20
    /// How many streams a place is kept in.
    package var streams = 256

    package init() {}
  }

  /// Where a client is in its streams.
  package struct Position: Equatable, Sendable {
    /// The last whole cursor, opaque.
    package var cursor: String?
    /// The newest event of each stream it had.
    package var seen: [String: Int64]

    package init(cursor: String? = nil, seen: [String: Int64] = [:]) {
      self.cursor = cursor
      self.seen = seen
    }
  }
}
