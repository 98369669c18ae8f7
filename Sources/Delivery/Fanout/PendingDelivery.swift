package import Connections
package import Frames
package import Messaging

/// A connection and the frames it is to get, in order.
///
/// The frames are encoded once by the caller and shared by all deliveries of the same ones: copying the value
/// copies references.
package struct PendingDelivery: Sendable {
  package let id: ConnectionID
  /// When its socket was opened, in milliseconds since the epoch.
  package let connectedAtMilliseconds: Int64
  package let frames: [OutgoingFrame]
  /// How many events its frames carry, for the counts.
  package let eventCount: Int
  /// Its connection is closed once it has its frames; at once if it has none.
  package let isClosedAfterwards: Bool
  /// The sequences of the alerts of level error that its frames carry: what becomes of them is logged.
  let alerts: [Int64]
  /// The events of its frames, where those of another stream may be put beside them.
  var events: [EncodedEvent] = []
  var accepts: Accepts = []
  /// Of which of several rounds that are posted together it is.
  private(set) var round = 0

  /// It has the events of several.
  static let severalRounds = -1

  func of(round: Int) -> Self {
    var delivery = self
    delivery.round = round
    return delivery
  }

  package init(
    id: ConnectionID, connectedAtMilliseconds: Int64, frames: [OutgoingFrame], eventCount: Int = 0,
    isClosedAfterwards: Bool = false, alerts: [Int64] = []
  ) {
    self.id = id
    self.connectedAtMilliseconds = connectedAtMilliseconds
    self.frames = frames
    self.eventCount = eventCount
    self.isClosedAfterwards = isClosedAfterwards
    self.alerts = alerts
  }
}

/// A delivery of which not every frame arrived, and why.
package struct DeliveryFailure: Sendable {
  package enum Reason: Sendable, Equatable {
    /// The gateway does not know the connection, which is too old to be on its way in; or has closed it as it was told.
    case gone
    /// The gateway refused with this status, at the last attempt if there were several. 410: the connection is young and
    /// may be on its way in.
    case refused(status: Int)
    /// The connection to the gateway broke before an answer came, at the last attempt.
    case broken(String)
    /// No answer came as long as one was waited for. The frame may have arrived nevertheless, or arrive later.
    case hung
    /// No call could be made, for this reason.
    case unreachable(String)
    /// Time was up before the frame in question was posted.
    case unsent
  }

  package let delivery: PendingDelivery
  package let reason: Reason
  /// The sequence of the first event that the connection lacks now; it may have some of those after it. 0: its frames carry
  /// no event.
  package let from: Int64
  /// The frames before the one that failed arrived.
  package let isPartial: Bool
  /// The sequence of the last event of the frames that arrived before it; 0: none did.
  package let after: Int64
  /// How many frames did not arrive, as far as is known.
  package var undelivered: Int

  package var id: ConnectionID { delivery.id }

  /// `frame`: the index of the first of its frames that did not arrive. One that has all of them and could not be closed
  /// counts as lacking the last.
  package init(_ reason: Reason, of delivery: PendingDelivery, frame: Int = 0) {
    let lacking = max(0, min(frame, delivery.frames.count - 1))
    self.delivery = delivery
    self.reason = reason
    from = delivery.frames.isEmpty ? 0 : delivery.frames[lacking].firstSequence
    isPartial = lacking > 0
    after = lacking > 0 ? delivery.frames[lacking - 1].lastSequence : 0
    undelivered = delivery.frames.count - lacking
  }

  /// The time for it was up: before it was posted, or before an answer came.
  var isUnsent: Bool { reason == .unsent || reason == .hung }
}

/// What came of a fan-out: how much was delivered, and what failed since the last page was asked for.
package struct DeliveryResult: Sendable {
  package var counts: DeliveryCounts
  package var failures: [DeliveryFailure]

  package init(counts: DeliveryCounts = DeliveryCounts(), failures: [DeliveryFailure] = []) {
    self.counts = counts
    self.failures = failures
  }
}

/// How many frames and connections a fan-out was about.
package struct DeliveryCounts: Sendable, Equatable {
  /// Frames that were posted and answered with 200.
  package var deliveries = 0
  /// Connections that turned out to be closed, each counted once.
  package var gone = 0
  /// Calls that were made again.
  package var retried = 0
  /// Frames given up: refused, or without an answer after the last attempt.
  package var failed = 0
  /// Frames for which the time was up.
  package var unsent = 0
  /// Connections one of whose answers came later than `promptMilliseconds`.
  package var slow: Set<ConnectionID> = []

  /// An answer that comes within so long is prompt.
  package static let promptMilliseconds: Int64 = 250
  /// Connections that were taken out of the table, by why.
  package var disconnects: [DisconnectReason: Int] = [:]
  /// False if the time was up before the last page was read: then `unsent` does not count the rest.
  package var isEveryPageRead = true

  package init() {}
}
