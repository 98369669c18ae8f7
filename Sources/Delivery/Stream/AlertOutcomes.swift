import Connections
import Frames
import Messaging
import Telemetry

/// What became of alerts of level error, event by event: somebody may have to know whether one was seen.
struct AlertOutcomes {
  struct Outcome: Equatable {
    /// Connections that have it.
    var delivered = 0
    /// Connections that will have it from the log: they are slow, or could not be reached now.
    var lagging = 0
    /// Connections that it can never reach: no frame may be that large.
    var failed = 0
    /// Connections that turned out to have left.
    var gone = 0
  }

  private(set) var outcomes: [Int64: Outcome] = [:]

  /// Every alert among the events has a line, also one that is for nobody who is here.
  init(_ sequences: some Sequence<Int64> = []) { for sequence in sequences { outcomes[sequence] = Outcome() } }

  /// The alerts of level error among some events, by their index.
  static func sequences(among events: [PlacedEvent]) -> [Int: Int64] {
    var sequences: [Int: Int64] = [:]
    for (index, placed) in events.enumerated() where placed.event.isErrorAlert {
      sequences[index] = placed.placement.sequence
    }
    return sequences
  }

  /// Without those of which nothing is known but that somebody lacks them still.
  var settled: AlertOutcomes {
    var settled = self
    settled.outcomes = outcomes.filter { $1.delivered + $1.failed + $1.gone > 0 }
    return settled
  }

  mutating func begin(_ delivery: PendingDelivery) {
    for sequence in delivery.alerts { outcomes[sequence, default: Outcome()].delivered += 1 }
  }

  /// It did not get everything after all.
  mutating func discount(_ failure: DeliveryFailure) {
    for sequence in failure.delivery.alerts where sequence >= failure.from {
      outcomes[sequence, default: Outcome()].delivered -= 1
      if failure.isTooLarge {
        outcomes[sequence]?.failed += 1
      } else if failure.reason == .gone {
        outcomes[sequence]?.gone += 1
      } else {
        outcomes[sequence]?.lagging += 1
      }
    }
  }

  /// A connection that lags is left out of a round.
  mutating func leaveOut(_ sequences: [Int64]) {
    for sequence in sequences { outcomes[sequence, default: Outcome()].lagging += 1 }
  }
}

extension [Recipient.Match] {
  /// Of the alerts those that a connection gets.
  func sequences(ofAlerts alerts: [Int: Int64]) -> [Int64] {
    alerts.isEmpty ? [] : compactMap { alerts[$0.event] }
  }
}

extension StreamSender {
  /// A line for each alert.
  func log(_ alerts: AlertOutcomes, stream: String, _ event: (Int64) -> Event?) {
    for (sequence, outcome) in alerts.outcomes.sorted(by: { $0.key < $1.key }) {
      let event = event(sequence)
      log.info(
        "alert sent",
        [
          "stream": .stream(stream), "seq": .number(sequence),
          "correlationId": .text(event?.correlationID ?? event?.id ?? ""),
          "delivered": .number(Int64(outcome.delivered)), "lagging": .number(Int64(outcome.lagging)),
          "failed": .number(Int64(outcome.failed)), "gone": .number(Int64(outcome.gone)),
        ])
    }
  }
}
