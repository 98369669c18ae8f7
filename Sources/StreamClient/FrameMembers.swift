import JSON

/// The members of one frame by name, each value as the bytes it came in; of equal names the last counts. A member that
/// is null is as good as none.
struct FrameMembers {
  /// Larger ones lose their last digits in languages whose only numbers are doubles.
  private static let largestNumber: Int64 = 9_007_199_254_740_991

  private var values: [String: ArraySlice<UInt8>] = [:]

  init(_ frame: [UInt8]) throws(FrameFault) {
    do throws(JSONError) {
      try read(frame)
    } catch {
      if case .wrongKind = error.code { throw FrameFault(.wrongShape, "a frame is one JSON object") }
      throw FrameFault(.notJSON, "\(error): \(String(decoding: frame.prefix(60), as: UTF8.self))")
    }
  }

  private mutating func read(_ frame: [UInt8]) throws(JSONError) {
    var reader = JSONReader(frame)
    let kind = try reader.peek()
    guard kind == .object else {
      // The kind is known by the first letter; whether it is JSON at all is not.
      try reader.skip()
      try reader.end()
      throw JSONError(.wrongKind(expected: "an object", found: kind), offset: 0)
    }
    try reader.beginObject()
    while let name = try reader.nextKey() { values[name] = try reader.rawValue() }
    try reader.end()
  }

  func has(_ name: String) -> Bool { value(name) != nil }

  private func value(_ name: String) -> ArraySlice<UInt8>? {
    guard let value = values[name], !value.elementsEqual("null".utf8) else { return nil }
    return value
  }

  // MARK: Kinds

  /// Nil if there is none; of another kind it is a fault.
  func string(_ name: String) throws(FrameFault) -> String? {
    guard let value = value(name) else { return nil }
    var reader = JSONReader(value)
    guard let string = try? reader.string() else { throw FrameFault(name: name, kind: "a string") }
    return string
  }

  /// From 0 to 2^53 - 1.
  func number(_ name: String) throws(FrameFault) -> Int64? {
    guard let value = value(name) else { return nil }
    var reader = JSONReader(value)
    guard let number = try? reader.integer(), (0...Self.largestNumber).contains(number) else {
      throw FrameFault(name: name, kind: "a whole number")
    }
    return number
  }

  func elements(_ name: String) throws(FrameFault) -> [[UInt8]]? {
    guard let value = value(name) else { return nil }
    var reader = JSONReader(value)
    do throws(JSONError) {
      var elements: [[UInt8]] = []
      try reader.beginArray()
      while try reader.nextElement() { elements.append(Array(try reader.rawValue())) }
      return elements
    } catch {
      throw FrameFault(name: name, kind: "a list")
    }
  }

  /// Whether it is `true`.
  func flag(_ name: String) throws(FrameFault) -> Bool {
    guard let value = value(name) else { return false }
    var reader = JSONReader(value)
    guard let flag = try? reader.boolean() else { throw FrameFault(name: name, kind: "true or false") }
    return flag
  }

  // MARK: Kinds that must be there

  func requiredString(_ name: String) throws(FrameFault) -> String {
    guard let string = try string(name) else { throw FrameFault(name: name, kind: "a string") }
    return string
  }

  func requiredNumber(_ name: String) throws(FrameFault) -> Int64 {
    guard let number = try number(name) else { throw FrameFault(name: name, kind: "a whole number") }
    return number
  }

  func requiredElements(_ name: String) throws(FrameFault) -> [[UInt8]] {
    guard let elements = try elements(name) else { throw FrameFault(name: name, kind: "a list") }
    return elements
  }
}

/// Why a frame is passed over.
struct FrameFault: Error {
  let code: Follower.Diagnostic.Code
  let message: String

  init(_ code: Follower.Diagnostic.Code, _ message: String) {
    self.code = code
    self.message = message
  }

  /// The member is something else than the protocol says.
  init(name: String, kind: String) { self.init(.wrongShape, "'\(name)' is to be \(kind)") }
}
