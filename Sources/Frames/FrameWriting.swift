package import JSON
import Messaging

extension JSONWriter {
  /// A frame: a JSON object whose first member is its type.
  package static func frame(_ type: String, _ members: (inout JSONWriter) -> Void) -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.member(Member.type, type)
      members(&writer)
    }
    return writer.bytes
  }

  /// A frame of the protocol's own.
  static func frame(_ type: ControlType, _ members: (inout JSONWriter) -> Void) -> [UInt8] {
    frame(type.rawValue, members)
  }
}

extension JSONWriter {
  /// `null` where there is none.
  mutating func optional(_ name: String, text: String?) {
    key(name)
    if let text { string(text) } else { null() }
  }

  mutating func optional(_ name: String, number: Int64?) {
    key(name)
    if let number { integer(number) } else { null() }
  }

  mutating func member(_ name: String, ifPresent number: Int64?) {
    if let number { member(name, number) }
  }

  mutating func member(_ name: String, list: some Sequence<String>) {
    key(name)
    array { writer in
      for text in list { writer.string(text) }
    }
  }

  mutating func member(_ name: String, refused: [SubscriptionRequest.Refusal]) {
    key(name)
    array { writer in
      for refusal in refused {
        writer.object { writer in
          writer.member("name", refusal.name)
          writer.member(Member.code, refusal.code.rawValue)
          writer.member(Member.message, refusal.message)
        }
      }
    }
  }
}
