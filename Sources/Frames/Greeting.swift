package import JSON
package import Messaging

/// What a greeting tells of a connection.
package struct GreetingFields: Sendable {
  package let connectionID: ConnectionID
  package let user: String?
  package let role: Role?
  /// RFC 3339.
  package let timestamp: String

  package init(connectionID: ConnectionID, user: String?, role: Role?, timestamp: String) {
    self.connectionID = connectionID
    self.user = user
    self.role = role
    self.timestamp = timestamp
  }

  package static let names = ["$connectionId", "$userId", "$role", "$timestamp"]

  fileprivate func isField(_ text: String) -> Bool { Self.names.contains(text) }

  fileprivate subscript(_ name: String) -> String? {
    switch name {
    case "$connectionId": connectionID.text
    case "$userId": user
    case "$role": role?.rawValue
    default: timestamp
    }
  }
}

extension ServerFrame {
  /// The frame that greets a client which says no `hello`. A string of the template that is the name of a field is written
  /// as what it stands for; a member whose field has no value is left out.
  package static func greeting(_ template: JSONValue, fields: GreetingFields) -> [UInt8] {
    var writer = JSONWriter()
    template.write(to: &writer, fields: fields)
    return writer.bytes
  }
}

extension JSONValue {
  fileprivate func write(to writer: inout JSONWriter, fields: GreetingFields) {
    switch self {
    case .object(let members):
      writer.object { writer in
        for member in members where !member.value.isMissing(fields) {
          writer.key(member.name)
          member.value.write(to: &writer, fields: fields)
        }
      }
    case .array(let elements):
      writer.array { writer in
        for element in elements where !element.isMissing(fields) { element.write(to: &writer, fields: fields) }
      }
    case .string(let text): writer.string(fields.isField(text) ? fields[text] ?? "" : text)
    case .plain(let bytes): writer.raw(bytes)
    }
  }

  private func isMissing(_ fields: GreetingFields) -> Bool {
    guard case .string(let text) = self else { return false }
    return fields.isField(text) && fields[text] == nil
  }
}
