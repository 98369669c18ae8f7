import JSON

/// The members of one object of a fault plan, taken one by one, each with its own refusal.
struct FaultMembers {
  /// What the refusals call the object.
  var name: String
  private var values: [(name: String, json: [UInt8])] = []

  init(_ json: [UInt8], of name: String) throws(FaultPlanError) {
    self.name = name
    do throws(JSONError) {
      var reader = JSONReader(json)
      try reader.beginObject()
      while let key = try reader.nextKey() { values.append((key, Array(try reader.rawValue()))) }
      try reader.end()
    } catch { throw FaultPlanError("\(name) is no JSON object: \(error)") }
    for (index, value) in values.enumerated() where values[..<index].contains(where: { $0.name == value.name }) {
      throw FaultPlanError("\(name): '\(value.name)' stands there twice")
    }
  }

  /// Refuses whatever is not among `names`.
  func allow(_ names: [String]) throws(FaultPlanError) {
    for value in values where !names.contains(value.name) {
      throw FaultPlanError("\(name): '\(value.name)' is no member of it; allowed are \(names.joined(separator: ", "))")
    }
  }

  func required<Value>(_ member: String, value: Value?, allowed: String) throws(FaultPlanError) -> Value {
    guard let value else { throw FaultPlanError("\(name): '\(member)' is missing; it is \(allowed)") }
    return value
  }

  // MARK: Values, nil where the member is missing

  func integer(_ member: String, in range: ClosedRange<Int64>) throws(FaultPlanError) -> Int64? {
    let bounds = range == Int64.min...Int64.max ? "" : " from \(range.lowerBound) to \(range.upperBound)"
    let number = try value(member, allowed: "a whole number\(bounds)") { (reader) throws(JSONError) in
      try reader.integer()
    }
    guard let number, !range.contains(number) else { return number }
    throw FaultPlanError("\(name): '\(member)' is a whole number\(bounds), not \(number)")
  }

  func share(_ member: String) throws(FaultPlanError) -> Double? {
    let digits = try value(member, allowed: "a number from 0 to 1") { (reader) throws(JSONError) in
      String(decoding: try reader.number(), as: UTF8.self)
    }
    guard let digits else { return nil }
    guard let number = Double(digits), (0...1).contains(number) else {
      throw FaultPlanError("\(name): '\(member)' is a number from 0 to 1, not \(digits)")
    }
    return number
  }

  func string(_ member: String) throws(FaultPlanError) -> String? {
    try value(member, allowed: "a string") { (reader) throws(JSONError) in try reader.string() }
  }

  /// One of an enumeration's words.
  func keyword<Keyword: RawRepresentable & CaseIterable>(
    _ member: String, type: Keyword.Type, among keywords: [Keyword] = Array(Keyword.allCases)
  ) throws(FaultPlanError) -> Keyword? where Keyword.RawValue == String {
    guard let text = try string(member) else { return nil }
    guard let keyword = keywords.first(where: { $0.rawValue.utf8.elementsEqual(text.utf8) }) else {
      throw FaultPlanError("\(name): '\(member)' is \(keywords.sentence), not '\(text)'")
    }
    return keyword
  }

  /// The elements of an array, which must be there.
  func elements(_ member: String) throws(FaultPlanError) -> [[UInt8]] {
    let elements = try value(member, allowed: "an array") { (reader) throws(JSONError) in
      var elements: [[UInt8]] = []
      try reader.beginArray()
      while try reader.nextElement() { elements.append(Array(try reader.rawValue())) }
      return elements
    }
    return try required(member, value: elements, allowed: "an array of faults")
  }

  private func value<Value>(
    _ member: String, allowed: String, _ read: (inout JSONReader) throws(JSONError) -> Value
  ) throws(FaultPlanError) -> Value? {
    guard let json = values.first(where: { $0.name == member })?.json else { return nil }
    do throws(JSONError) {
      var reader = JSONReader(json)
      return try read(&reader)
    } catch {
      throw FaultPlanError("\(name): '\(member)' is \(allowed), not \(String(decoding: json, as: UTF8.self))")
    }
  }
}

extension Sequence where Element: RawRepresentable, Element.RawValue == String {
  /// `one of a, b, c`
  var sentence: String { "one of " + map(\.rawValue).joined(separator: ", ") }
}
