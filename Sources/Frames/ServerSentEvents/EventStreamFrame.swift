import JSON

/// One frame of a `text/event-stream` (HTML standard, section 9.2, "Server-sent events").
///
///     event: price:update
///     data: {"symbol":"AAPL","price":152.50}
///     id: 1735819801000-000004f2a1.AYPz0cFqBwk
///     retry: 5000
///
/// in that order, and an empty line. A field's value ends where a line ends, so nothing of it may hold a carriage return or a
/// line feed; an `id` with a NUL is passed over by browsers. Data may have several lines: each is a `data:` of its own, and the
/// reader joins them again.
package enum EventStreamFrame {
  /// The name of the event and its data, without the empty line that ends a frame: the part that is the same for every client.
  package static func head(event: String?, data: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(data.count + 48)
    if let event { append(field: "event: ", value: event, to: &bytes) }
    append(data: data, to: &bytes)
    return bytes
  }

  /// What a client gets of an event beside its name and data.
  package static func append(id: String?, retryMilliseconds: Int64?, to bytes: inout [UInt8]) {
    if let id { append(field: "id: ", value: id, to: &bytes) }
    if let retryMilliseconds { append(field: "retry: ", value: "\(retryMilliseconds)", to: &bytes) }
    bytes.append(lineFeed)
  }

  /// A whole frame.
  package static func frame(
    event: String?, data: [UInt8], id: String? = nil, retryMilliseconds: Int64? = nil
  ) -> [UInt8] {
    var bytes = head(event: event, data: data)
    append(id: id, retryMilliseconds: retryMilliseconds, to: &bytes)
    return bytes
  }

  /// `: keepalive` and an empty line: readers pass it over.
  package static func comment(_ text: String) -> [UInt8] {
    var bytes: [UInt8] = []
    append(field: ": ", value: text, to: &bytes)
    bytes.append(lineFeed)
    return bytes
  }

  /// The time after which a client comes back, and nothing else.
  package static func retry(milliseconds: Int64) -> [UInt8] { Array("retry: \(milliseconds)\n\n".utf8) }

  // MARK: Bytes

  private static let lineFeed = UInt8(ascii: "\n")
  private static let carriageReturn = UInt8(ascii: "\r")

  /// Without what would end the line, or what makes a reader drop the field.
  private static func append(field: String, value: String, to bytes: inout [UInt8]) {
    bytes.append(contentsOf: field.utf8)
    bytes.append(contentsOf: value.utf8.lazy.filter { $0 != lineFeed && $0 != carriageReturn && $0 != 0 })
    bytes.append(lineFeed)
  }

  /// A line break is CR LF, LF or CR. JSON has them between its tokens only, so a value stays the same value.
  private static func append(data: [UInt8], to bytes: inout [UInt8]) {
    guard data.contains(where: { $0 == lineFeed || $0 == carriageReturn }) else {
      bytes.append(contentsOf: "data: ".utf8)
      bytes.append(contentsOf: data)
      bytes.append(lineFeed)
      return
    }
    var start = 0
    var index = 0
    while index < data.count {
      let byte = data[index]
      index += 1
      guard byte == lineFeed || byte == carriageReturn else { continue }
      append(line: data[start..<index - 1], to: &bytes)
      if byte == carriageReturn, index < data.count, data[index] == lineFeed { index += 1 }
      start = index
    }
    append(line: data[start...], to: &bytes)
  }

  private static func append(line: ArraySlice<UInt8>, to bytes: inout [UInt8]) {
    bytes.append(contentsOf: "data: ".utf8)
    bytes.append(contentsOf: line)
    bytes.append(lineFeed)
  }
}
