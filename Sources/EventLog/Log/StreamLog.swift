package import ConnectionStore
package import Connections
import Messaging
package import Telemetry

/// The logs of all streams over a table: dense, in order, each append whole or not at all.
///
/// A stream has a head, which says its epoch and the next sequence number, and segments, each with the events of one
/// append. An append is one transaction that moves the head, on the condition that no other append did, and puts the
/// segment where the head stood: so no reader sees 5 before 4 exists, and there are no holes.
package struct StreamLog {
  let table: any Table
  let clock: Clock
  let randomness: Randomness
  var activeStreams: ActiveStreams
  let limits: StreamLimits
  /// Of which events a state is kept; nil: of none, for whoever only reads.
  package var states: StateRules?
  /// By type how many keys the last append took out of states, for others.
  package internal(set) var evictedStates: [String: Int] = [:]

  package init(
    table: any Table, shards: Int = 1, limits: StreamLimits = StreamLimits(), states: StateRules? = nil,
    clock: Clock = .system,
    randomness: Randomness = .system
  ) {
    self.limits = limits
    self.states = states
    self.table = table
    self.clock = clock
    self.randomness = randomness
    activeStreams = ActiveStreams(table: table, shards: shards, limits: limits, clock: clock)
  }

  /// The most events and bytes of one segment: an item of the table holds 400 KB.
  static let segmentEvents = 512
  static let segmentBytes = 256 * 1024
  /// A transaction has 100 writes: head, segment, open row, and these.
  static let claimsPerAppend = 97
  /// Each failed attempt means that another's append was done.
  static let attempts = 200

  /// The head of a stream; nil: nothing was ever appended, or so long ago that it is forgotten.
  package func head(stream: String) throws(TableError) -> LogHead? {
    try table.get(LogHeadRow.key(stream: stream), consistency: .strong).flatMap(LogHead.init)
  }
}

/// Where a stream's log stands.
package struct LogHead: Equatable, Sendable {
  /// `{created ms}-{random}`: changes if the log is made anew.
  package let epoch: String
  /// The sequence number the next event gets.
  package let next: Int64

  /// When a log of that epoch was begun, in milliseconds since the epoch.
  package static func beganAtMilliseconds(epoch: String) -> Int64? { EventTime.milliseconds(ofID: epoch) }

  /// Of the newest event; 0: there is none.
  package var last: Int64 { next - 1 }

  package init(epoch: String, next: Int64) {
    self.epoch = epoch
    self.next = next
  }
}
