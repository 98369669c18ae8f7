import JSON

/// The header fields of a handshake as the JSON object they came in; looked into only when asked, since few are.
public struct GatewayHeaders {
  /// The event that they are a part of, so that neither keeping them nor a look into them copies any.
  private let bytes: [UInt8]
  private let range: Range<Int>?

  package init() {
    bytes = []
    range = nil
  }

  /// `json` must be one valid JSON object.
  package init(json: ArraySlice<UInt8>) { self.init(json: json, of: Array(json), from: 0) }

  /// `json` must be a slice of `event`.
  init(json: ArraySlice<UInt8>, of event: [UInt8]) { self.init(json: json, of: event, from: json.startIndex) }

  private init(json: ArraySlice<UInt8>, of bytes: [UInt8], from start: Int) {
    self.bytes = bytes
    range = start..<start + json.count
  }

  /// `{"Host":"…",…}`, or nil if the event has no `headers`. Names keep the case the client wrote.
  package var json: ArraySlice<UInt8>? { range.map { bytes[$0] } }

  /// The value of a field, its name compared without regard to case; nil if it is absent or no string.
  public subscript(_ name: String) -> String? {
    guard let range else { return nil }
    var reader = JSONReader(bytes, in: range)
    guard (try? reader.beginObject()) != nil else { return nil }
    while let key = try? reader.nextKey() {
      if HTTPFields.isSame(key, as: name) { return try? reader.string() }
      guard (try? reader.skip()) != nil else { return nil }
    }
    return nil
  }
}

/// The query parameters of a handshake, decoded by API Gateway, in its order.
public struct QueryParameters {
  /// Name and value of each, as they stood in the address.
  public private(set) var pairs: [(name: String, value: String)]

  package init(_ pairs: [(name: String, value: String)] = []) { self.pairs = pairs }

  /// The value of a parameter; of several with that name the last.
  public subscript(_ name: String) -> String? { pairs.last { $0.name == name }?.value }

  init(_ reader: inout JSONReader) throws(JSONError) {
    pairs = []
    try reader.beginObject()
    while let name = try reader.nextKey() {
      // API Gateway writes strings only; a test event by hand may hold a null.
      if try reader.null() { continue }
      pairs.append((name, try reader.string()))
    }
  }
}
