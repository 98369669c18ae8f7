/// Writes one JSON text into a byte array, without white space, placing the commas itself.
///
///     var writer = JSONWriter()
///     writer.object { writer in
///       writer.member("type", "pong")
///       writer.member("n", 7)
///     }
///     // writer.bytes is {"type":"pong","n":7}
package struct JSONWriter {
  package private(set) var bytes: [UInt8]
  /// A value was written at this level, so the next one needs a comma before it.
  private var needsComma = false

  package init(reservingBytes capacity: Int = 256) {
    bytes = []
    bytes.reserveCapacity(capacity)
  }

  // MARK: Containers

  package mutating func object<Failure: Error>(_ members: (inout JSONWriter) throws(Failure) -> Void) throws(Failure) {
    open(UInt8(ascii: "{"))
    try members(&self)
    close(UInt8(ascii: "}"))
  }

  package mutating func array<Failure: Error>(_ elements: (inout JSONWriter) throws(Failure) -> Void) throws(Failure) {
    open(UInt8(ascii: "["))
    try elements(&self)
    close(UInt8(ascii: "]"))
  }

  /// The key of the member whose value is written next.
  package mutating func key(_ name: String) {
    comma()
    quote(name)
    bytes.append(UInt8(ascii: ":"))
    needsComma = false
  }

  // MARK: Values

  package mutating func string(_ value: String) {
    comma()
    quote(value)
    needsComma = true
  }

  package mutating func integer(_ value: some BinaryInteger) {
    comma()
    if let value = Int64(exactly: value) {
      appendDecimal(value)
    } else {
      bytes.append(contentsOf: String(value).utf8)
    }
    needsComma = true
  }

  /// A finite number in the shortest form that reads back the same; JSON has no infinity and no NaN, they become null.
  package mutating func double(_ value: Double) {
    guard value.isFinite else { return null() }
    comma()
    bytes.append(contentsOf: value.description.utf8)
    needsComma = true
  }

  package mutating func boolean(_ value: Bool) {
    comma()
    bytes.append(contentsOf: value ? "true".utf8 : "false".utf8)
    needsComma = true
  }

  package mutating func null() {
    comma()
    bytes.append(contentsOf: "null".utf8)
    needsComma = true
  }

  /// Bytes that are known to be one JSON value, as they are.
  package mutating func raw(_ value: some Sequence<UInt8>) {
    comma()
    bytes.append(contentsOf: value)
    needsComma = true
  }

  // MARK: Members

  package mutating func member(_ name: String, _ value: String) {
    key(name)
    string(value)
  }

  package mutating func member(_ name: String, _ value: some BinaryInteger) {
    key(name)
    integer(value)
  }

  package mutating func member(_ name: String, _ value: Bool) {
    key(name)
    boolean(value)
  }

  package mutating func member(_ name: String, raw value: some Sequence<UInt8>) {
    key(name)
    raw(value)
  }

  /// Writes nothing, not even the key, if there is no value.
  package mutating func member(_ name: String, ifPresent value: String?) {
    if let value { member(name, value) }
  }

  // MARK: Bytes

  private mutating func open(_ bracket: UInt8) {
    comma()
    bytes.append(bracket)
    needsComma = false
  }

  private mutating func close(_ bracket: UInt8) {
    bytes.append(bracket)
    needsComma = true
  }

  private mutating func comma() {
    if needsComma { bytes.append(UInt8(ascii: ",")) }
  }

  private mutating func appendDecimal(_ value: Int64) {
    if value < 0 { bytes.append(UInt8(ascii: "-")) }
    var magnitude = value.magnitude
    let start = bytes.count
    repeat {
      bytes.append(UInt8(ascii: "0") + UInt8(magnitude % 10))
      magnitude /= 10
    } while magnitude > 0
    bytes[start...].reverse()
  }

  /// RFC 8259 section 7: quotes, backslashes and control characters are escaped, everything else stands as it is.
  private mutating func quote(_ value: String) {
    bytes.append(UInt8(ascii: "\""))
    // Nearly every text stands as it is, and is copied at once.
    let isCopied = value.utf8.withContiguousStorageIfAvailable { text in
      guard text.allSatisfy(Self.standsAsItIs) else { return false }
      bytes.append(contentsOf: text)
      return true
    }
    if isCopied != true { escape(value) }
    bytes.append(UInt8(ascii: "\""))
  }

  private static func standsAsItIs(_ byte: UInt8) -> Bool {
    byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
  }

  private mutating func escape(_ value: String) {
    for byte in value.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        bytes.append(UInt8(ascii: "\\"))
        bytes.append(byte)
      case 0x0A: bytes.append(contentsOf: "\\n".utf8)
      case 0x0D: bytes.append(contentsOf: "\\r".utf8)
      case 0x09: bytes.append(contentsOf: "\\t".utf8)
      case 0..<0x20:
        bytes.append(contentsOf: "\\u00".utf8)
        bytes.append(Self.hexadecimalDigits[Int(byte >> 4)])
        bytes.append(Self.hexadecimalDigits[Int(byte & 15)])
      default: bytes.append(byte)
      }
    }
  }

  private static let hexadecimalDigits = Array("0123456789abcdef".utf8)
}
