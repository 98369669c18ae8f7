import Frames
import Messaging
import Testing

@testable import EventLog

@Suite("where a client goes on in a stream")
struct ResumptionTests {
  private static let stream = "all/price:update"

  /// What a client's cursor says of the stream, or of others only.
  enum Said {
    case nothing
    case unreadable
    case sequence(Int64, epoch: String)
    case otherStreamsOnly

    var presented: Resumption.Presented {
      var cursor = Cursor()
      switch self {
      case .nothing: return .nothing
      case .unreadable: return .unreadable
      case .sequence(let sequence, let epoch):
        cursor.set(stream: stream, epoch: epoch, to: sequence)
        return .cursor(cursor, namesOthers: epoch == "e0")
      case .otherStreamsOnly:
        cursor.set(stream: "all/signal", epoch: "e7", to: 3)
        return .cursor(cursor, namesOthers: false)
      }
    }
  }

  @Test(
    "in a log of 1 to 9: after what it has, or lost where that says nothing of this log",
    arguments: [
      (.unreadable, nil, .lost(.unknown)), (.unreadable, 0, .lost(.unknown)), (.unreadable, 4, .lost(.unknown)),
      (.sequence(4, epoch: "e1"), nil, .after(4)), (.sequence(4, epoch: "e1"), 6, .after(6)),
      (.sequence(6, epoch: "e1"), 4, .after(6)), (.sequence(4, epoch: "e1"), 12, .after(4)),
      (.sequence(9, epoch: "e1"), nil, .after(9)), (.sequence(10, epoch: "e1"), nil, .lost(.epoch)),
      (.sequence(12, epoch: "e1"), 4, .lost(.epoch)),
      (.sequence(0, epoch: ""), nil, .after(0)), (.sequence(0, epoch: ""), 3, .after(3)),
      (.sequence(0, epoch: ""), 12, .after(0)),
      (.sequence(4, epoch: "e0"), nil, .lost(.epoch)), (.sequence(4, epoch: "e0"), 6, .lost(.epoch)),
      (.sequence(4, epoch: "e0"), 0, .after(0)),
      (.otherStreamsOnly, nil, .new), (.otherStreamsOnly, 6, .after(6)), (.otherStreamsOnly, 12, .lost(.epoch)),
      (.nothing, nil, .new), (.nothing, 0, .after(0)), (.nothing, 9, .after(9)), (.nothing, 10, .lost(.epoch)),
    ] as [(Said, Int64?, Resumption)])
  func withLog(said: Said, seen: Int64?, expected: Resumption) {
    let head = LogHead(epoch: "e1", next: 10)
    #expect(Resumption(stream: Self.stream, head: head, presented: said.presented, seen: seen) == expected)
  }

  @Test(
    "without a log: everything, unless the client has been in one or has seen an event",
    arguments: [
      (.unreadable, nil, .lost(.unknown)),
      (.sequence(0, epoch: ""), nil, .after(0)), (.sequence(0, epoch: ""), 0, .after(0)),
      (.sequence(0, epoch: ""), 3, .lost(.epoch)),
      (.sequence(4, epoch: "e0"), nil, .lost(.epoch)), (.sequence(4, epoch: "e0"), 0, .after(0)),
      (.sequence(4, epoch: "e0"), 6, .lost(.epoch)),
      (.otherStreamsOnly, nil, .new), (.otherStreamsOnly, 0, .after(0)), (.otherStreamsOnly, 3, .lost(.epoch)),
      (.nothing, nil, .new), (.nothing, 0, .after(0)), (.nothing, 3, .lost(.epoch)),
    ] as [(Said, Int64?, Resumption)])
  func withoutLog(said: Said, seen: Int64?, expected: Resumption) {
    #expect(Resumption(stream: Self.stream, head: nil, presented: said.presented, seen: seen) == expected)
  }
}
