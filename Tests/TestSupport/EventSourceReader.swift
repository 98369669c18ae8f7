/// Reads a `text/event-stream` as the HTML standard says it (section 9.2.6), byte by byte, so that tests see what a browser sees.
package struct EventSourceReader {
  /// What `addEventListener` would get.
  package struct Message: Equatable, Sendable {
    /// `message` where no `event:` stood.
    package let event: String
    package let data: String
    /// As it stands when the event is dispatched: the newest `id` so far.
    package let lastEventID: String
    /// Whether an `id` stood in this very block.
    package let hasOwnID: Bool
  }

  package private(set) var messages: [Message] = []
  package private(set) var comments: [String] = []
  /// Every `retry` in order, in milliseconds.
  package private(set) var retries: [Int64] = []
  package private(set) var lastEventID = ""
  /// The names of the fields in the order in which they stood, of each block.
  package private(set) var blocks: [[String]] = []

  private var line: [UInt8] = []
  private var endsWithCarriageReturn = false
  private var event = ""
  private var data: [String] = []
  private var idBuffer: String?
  private var fields: [String] = []

  package init() {}

  package mutating func read(_ bytes: [UInt8]) {
    for byte in bytes {
      if byte == 0x0A, endsWithCarriageReturn {
        endsWithCarriageReturn = false
        continue
      }
      endsWithCarriageReturn = byte == 0x0D
      if byte == 0x0A || byte == 0x0D {
        take(String(decoding: line, as: UTF8.self))
        line = []
      } else {
        line.append(byte)
      }
    }
  }

  private mutating func take(_ text: String) {
    if text.isEmpty { return dispatch() }
    if text.hasPrefix(":") {
      comments.append(String(text.dropFirst()).trimmingOneSpace)
      return
    }
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    let value = parts.count == 2 ? parts[1].trimmingOneSpace : ""
    fields.append(parts[0])
    switch parts[0] {
    case "event": event = value
    case "data": data.append(value)
    case "id": if !value.utf8.contains(0) { idBuffer = value }
    case "retry":
      if !value.isEmpty, value.utf8.allSatisfy({ 0x30...0x39 ~= $0 }), let number = Int64(value) {
        retries.append(number)
      }
    default: break
    }
  }

  private mutating func dispatch() {
    if let idBuffer { lastEventID = idBuffer }
    if !data.isEmpty {
      messages.append(
        Message(
          event: event.isEmpty ? "message" : event, data: data.joined(separator: "\n"), lastEventID: lastEventID,
          hasOwnID: idBuffer != nil))
    }
    if !fields.isEmpty { blocks.append(fields) }
    (event, data, idBuffer, fields) = ("", [], nil, [])
  }
}

extension String {
  fileprivate var trimmingOneSpace: String { hasPrefix(" ") ? String(dropFirst()) : self }
}
