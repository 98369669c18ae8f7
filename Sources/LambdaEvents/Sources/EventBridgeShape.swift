import JSON
import Messaging

/// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html
enum EventBridgeShape {
  /// Whether this is an event of EventBridge: it has `detail-type`, `source` and `detail`, and no `type` of its own.
  static func isEvent(_ bytes: [UInt8]) -> Bool {
    var marks: Set<String> = []
    var reader = JSONReader(bytes)
    do throws(JSONError) {
      try reader.beginObject()
      while let name = try reader.nextKey() {
        marks.insert(name)
        try reader.skip()
      }
    } catch {
      return false
    }
    return marks.isSuperset(of: ["detail-type", "source", "detail"]) && marks.isDisjoint(with: ["type", "events"])
  }

  static func record(_ bytes: [UInt8]) -> SourceRecord {
    let envelope = envelope(of: bytes)
    var record = SourceRecord(payload: .success(envelope.map(\.payload) ?? bytes))
    record.identifier = envelope?.identifier ?? ""
    record.name = record.identifier
    record.origin = envelope?.source ?? ""
    record.key = envelope?.key
    return record
  }

  /// What is published, and the key of the event.
  static func payload(of bytes: [UInt8]) -> (payload: [UInt8], key: String?) {
    envelope(of: bytes).map { ($0.payload, $0.key) } ?? (bytes, nil)
  }

  private struct Envelope {
    var identifier = ""
    var source = ""
    var account = ""
    var region = ""
    var type = ""
    var time: String?
    var detail: [UInt8] = Array("null".utf8)

    var key: String? {
      MessageKey.text("eventbridge", origin: [account, region, source, time ?? ""], identity: identifier)
    }

    /// The `detail`, if it has the form of a publish of ours; else an event of the type `detail-type` whose data is the
    /// detail. The findings of GuardDuty and Inspector, and what a partner sends, have a `type` too.
    var payload: [UInt8] {
      if EventForm.isPublish(detail) { return detail }
      var writer = JSONWriter(reservingBytes: detail.count + 128)
      writer.object { writer in
        writer.member("type", type)
        writer.member("timestamp", ifPresent: time)
        writer.member("data", raw: detail)
      }
      return writer.bytes
    }
  }

  private static func envelope(of bytes: [UInt8]) -> Envelope? {
    var envelope = Envelope()
    var reader = JSONReader(bytes)
    do throws(JSONError) {
      try reader.beginObject()
      while let name = try reader.nextKey() {
        switch name {
        case "detail": envelope.detail = Array(try reader.rawValue())
        case "detail-type": envelope.type = try reader.text() ?? ""
        case "time": envelope.time = try reader.text()
        case "id": envelope.identifier = try reader.text() ?? ""
        case "source": envelope.source = try reader.text() ?? ""
        case "account": envelope.account = try reader.text() ?? ""
        case "region": envelope.region = try reader.text() ?? ""
        default: try reader.skip()
        }
      }
    } catch {
      return nil
    }
    return envelope
  }
}
