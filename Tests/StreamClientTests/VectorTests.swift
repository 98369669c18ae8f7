import JSON
import StreamClient
import TestSupport
import Testing

@Suite("the client's half of the protocol")
struct VectorTests {
  @Test("each case of Vectors comes out as it says", arguments: try Vector.all())
  func vector(_ vector: Vector) throws {
    var follower = try vector.follower()
    for (position, step) in vector.steps.enumerated() {
      let label = "step \(position) at \(step.at)"
      if case .handled(.time) = step.input {
        let isDue = follower.nextMoment.map { $0 <= step.at } ?? false
        let wanted = String(describing: follower.nextMoment)
        #expect(isDue == !step.output.isEmpty, "\(label): wants to be told at \(wanted)")
      }
      let output = try follower.consume(step).map { try canonical($0.vectorForm()) }
      #expect(output == step.output, "\(label)")
      if let expected = step.position { #expect(follower.position == expected, "\(label)") }
    }
  }

  @Test("there are many, and no two of one name")
  func count() throws {
    let all = try Vector.all()
    #expect(all.count >= 100)
    #expect(Set(all.map(\.name)).count == all.count)
  }
}

extension Follower {
  fileprivate mutating func consume(_ step: Vector.Step) -> [Output] {
    switch step.input {
    case .handled(let input): handle(input, at: step.at)
    case .subscribe(let types, let keys): subscribe(types: types, keys: keys, at: step.at)
    }
  }
}

extension Follower.Output {
  /// As the vectors write it.
  fileprivate func vectorForm() -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      switch self {
      case .send(let frame): writer.member("send", raw: frame)
      case .show(let event): writer.member("show", raw: event.bytes)
      case .notice(let frame): writer.member("notice", raw: frame)
      case .diagnostic(let diagnostic): writer.member("diagnostic", diagnostic.code.rawValue)
      case .close(let reason): writer.member("close", reason.rawValue)
      case .reconnect(let milliseconds): writer.member("reconnect", milliseconds)
      case .snapshot(let snapshot): writer.member("snapshot", raw: snapshot.vectorForm())
      case .gap(let gap): writer.member("gap", raw: gap.vectorForm())
      case .stop(.expired): writer.member("stop", raw: bytes(#"{"reason":"expired"}"#))
      case .stop(.refused(let status)): writer.member("stop", raw: bytes(#"{"reason":"refused","status":\#(status)}"#))
      }
    }
    return writer.bytes
  }
}

extension Follower.Snapshot {
  fileprivate func vectorForm() -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("stream", stream)
      writer.member("seq", sequence)
      writer.key("events")
      writer.array { writer in for event in events { writer.raw(event) } }
      writer.member("first", isFirst)
      writer.member("last", isLast)
    }
    return writer.bytes
  }
}

extension Follower.Gap {
  fileprivate func vectorForm() -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      Self.append(missed, reason, to: &writer)
      writer.key("streams")
      writer.array { writer in
        for stream in streams {
          writer.object { writer in
            writer.member("stream", stream.stream)
            Self.append(stream.missed, stream.reason, to: &writer)
          }
        }
      }
    }
    return writer.bytes
  }

  private static func append(_ missed: Int64?, _ reason: String?, to writer: inout JSONWriter) {
    writer.key("missed")
    if let missed { writer.integer(missed) } else { writer.null() }
    writer.key("reason")
    if let reason { writer.string(reason) } else { writer.null() }
  }
}
