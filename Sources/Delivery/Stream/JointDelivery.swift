import Connections
import EventLog
import Frames
import Messaging
import Telemetry

extension StreamSender {
  /// Posts the rounds of several streams in one fan-out: a client that takes batches gets the events of all of them in one
  /// frame.
  ///
  /// For example: a publish holds a price and a signal. A client that listens to both gets `{"type":"batch","events":[…]}` with
  /// the two; had each stream had a fan-out of its own, it would have got two frames in one window. If that frame fails, the
  /// client lags in both streams.
  func deliver(_ plans: [RoundPlan], progresses: inout [StreamProgress]) -> [RoundResult] {
    guard plans.count > 1 else { return zip(plans, progresses.indices).map { deliver($0, progress: &progresses[$1]) } }
    var joint = JointDelivery(
      rounds: zip(plans, progresses).map {
        RoundDelivery(streamSender: self, plan: $0, progress: $1, isJoint: true)
      }, shards: connections.shards)
    let stopAt = plans.map(\.stopAt).min() ?? 0
    let delivered = sender.deliver(
      deadlineMilliseconds: stopAt + Self.fanoutReserveMilliseconds, keepsOn: { joint.keepsOn() },
      nextPage: { failures in
        joint.record(failures)
        return joint.nextPage()
      })
    joint.record(delivered.failures)
    progresses = joint.rounds.map(\.progress)
    return joint.end(delivered.counts)
  }

  /// Rounds of several streams while they are posted.
  struct JointDelivery {
    private(set) var rounds: [RoundDelivery]
    private let shards: Int
    /// Of each round the listeners that were read and not handed on, in the order in which all streams are read.
    private var read: [[PendingDelivery]]
    private var isAllRead: [Bool]
    /// What the connections get that have one frame for several streams.
    private var merged: [ConnectionID: [Portion]] = [:]
    /// Nearly every connection of a page gets what the one before got.
    private var last: (portions: [Portion], frames: [OutgoingFrame])?

    /// What one stream adds to the frames of a connection.
    private struct Portion {
      let round: Int
      let delivery: PendingDelivery
      /// How many events there are up to its last one, with those of the streams before it.
      let end: Int64
    }

    init(rounds: [RoundDelivery], shards: Int) {
      self.rounds = rounds
      self.shards = shards
      read = rounds.map { _ in [] }
      isAllRead = rounds.map { _ in false }
    }
  }
}

extension StreamSender.JointDelivery {
  /// Where one has lost its lease the others end too: they were not all posted.
  mutating func keepsOn() -> Bool { rounds.indices.allSatisfy { rounds[$0].keepsOn() } }

  // MARK: Pages

  /// Streams are read side by side in the same order, so a connection that stands in several comes to its turn in all of them
  /// at once; nil: there are no more.
  mutating func nextPage() -> [PendingDelivery]? {
    for round in rounds.indices { readPage(of: round) }
    guard read.contains(where: { !$0.isEmpty }) else { return nil }
    let open = rounds.indices.filter { !isAllRead[$0] }
    let end = open.compactMap { read[$0].last.map(position) }.min { $0 < $1 }
    var page: [(position: Position, round: Int, delivery: PendingDelivery)] = []
    for round in rounds.indices {
      let some = read[round].prefix { delivery in end.map { position(delivery) <= $0 } ?? true }
      page += some.map { (position($0), round, $0) }
      read[round].removeFirst(some.count)
    }
    page.sort { ($0.position, $0.round) < ($1.position, $1.round) }
    return join(page.map { ($0.round, $0.delivery) })
  }

  private mutating func readPage(of round: Int) {
    while read[round].isEmpty, !isAllRead[round] {
      guard let page = rounds[round].nextPage() else {
        isAllRead[round] = true
        return
      }
      read[round] = page.map { (position($0), $0) }.sorted { $0.0 < $1.0 }.map(\.1)
    }
  }

  private typealias Position = StreamSender.ReadingPosition

  private func position(_ delivery: PendingDelivery) -> Position {
    Position(shard: Shard.index(of: delivery.id, count: shards), id: delivery.id.text)
  }

  // MARK: Frames

  /// One delivery for each connection that takes batches; for any other one a stream.
  private mutating func join(_ page: [(round: Int, delivery: PendingDelivery)]) -> [PendingDelivery] {
    var joined: [PendingDelivery] = []
    joined.reserveCapacity(page.count)
    var rest = page[...]
    while let first = rest.first {
      let same = rest.prefix { $0.delivery.id == first.delivery.id }
      rest = rest.dropFirst(same.count)
      let mergeable = same.filter { !$0.delivery.events.isEmpty }
      if mergeable.count > 1 {
        joined.append(merge(Array(mergeable)))
        joined += same.lazy.filter { $0.delivery.events.isEmpty }.map { $0.delivery.of(round: $0.round) }
      } else {
        joined += same.map { $0.delivery.of(round: $0.round) }
      }
    }
    return joined
  }

  private mutating func merge(_ deliveries: [(round: Int, delivery: PendingDelivery)]) -> PendingDelivery {
    var count: Int64 = 0
    let portions = deliveries.map { round, delivery in
      count += Int64(delivery.events.count)
      return Portion(round: round, delivery: delivery, end: count)
    }
    let first = deliveries[0].delivery
    merged[first.id] = portions
    let frames = frames(portions)
    return PendingDelivery(
      id: first.id, connectedAtMilliseconds: first.connectedAtMilliseconds, frames: frames, eventCount: Int(count)
    ).of(round: PendingDelivery.severalRounds)
  }

  private mutating func frames(_ portions: [Portion]) -> [OutgoingFrame] {
    if let last, last.portions.count == portions.count,
      zip(last.portions, portions).allSatisfy({
        $0.round == $1.round && $0.delivery.frames == $1.delivery.frames && $0.delivery.accepts == $1.delivery.accepts
      })
    {
      return last.frames
    }
    let frames = FramePacking.joint(
      portions.map(\.delivery.events), cursor: cursor(portions), accepts: portions[0].delivery.accepts)
    last = (portions, frames)
    return frames
  }

  /// Of the streams of these portions.
  private func cursor(_ portions: [Portion]) -> String {
    var cursor = Cursor()
    for portion in portions {
      let plan = rounds[portion.round].plan
      cursor.set(stream: plan.stream, epoch: plan.epoch, to: plan.end)
    }
    return cursor.text
  }

  // MARK: The end

  /// A frame that failed is lacking in each stream of which it, or one after it, holds an event.
  mutating func record(_ failures: [DeliveryFailure]) {
    for failure in failures {
      guard failure.delivery.round == PendingDelivery.severalRounds else {
        rounds[failure.delivery.round].record([failure])
        continue
      }
      var undelivered = failure.undelivered
      for portion in merged.removeValue(forKey: failure.id) ?? [] where portion.end > failure.after {
        var own = DeliveryFailure(failure.reason, of: portion.delivery)
        // A frame of several streams counts in the first of them.
        own.undelivered = undelivered
        undelivered = 0
        rounds[portion.round].record([own])
      }
    }
  }

  /// What became of each round. If not every listener was begun no stream's checkpoint passes the round: who had its frames
  /// gets them again, since what was read of one stream and not handed on is not where its reading stopped.
  mutating func end(_ counts: DeliveryCounts) -> [RoundResult] {
    let isCut = !counts.isEveryPageRead || read.contains { !$0.isEmpty }
    for round in rounds.indices { rounds[round].giveUp(read[round]) }
    return rounds.indices.map { round in
      var own = round == 0 ? counts : DeliveryCounts()
      own.isEveryPageRead = counts.isEveryPageRead
      var result = rounds[round].end(own)
      guard isCut else { return result }
      switch result.ending {
      case .complete, .outOfTime, .aborted: result.ending = .aborted(nil)
      case .failed, .leaseLost: break
      }
      return result
    }
  }
}

extension StreamSender {
  /// Where a connection stands in the order in which the listeners of each stream are read.
  struct ReadingPosition: Comparable {
    let shard: Int
    let id: String

    static func < (left: Self, right: Self) -> Bool {
      left.shard == right.shard ? left.id.utf8.lexicographicallyPrecedes(right.id.utf8) : left.shard < right.shard
    }
  }
}
