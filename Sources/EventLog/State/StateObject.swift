import JSON
import Messaging

/// The members of a JSON object in their order, each value as the bytes that it was written in: `152.50` stays `152.50`.
struct StateObject: Equatable {
  private(set) var members: [Member] = []
  private var indices: [[UInt8]: Int] = [:]

  struct Member: Equatable {
    let name: String
    var value: [UInt8]
  }

  init() {}

  /// Nil for what is no object. Of two members of one name the last one counts, as every parser has it.
  init?(_ bytes: [UInt8]) {
    var reader = JSONReader(bytes)
    do throws(JSONError) {
      try reader.beginObject()
      while let name = try reader.nextKey() { self[name] = Array(try reader.rawValue()) }
      try reader.end()
    } catch {
      return nil
    }
  }

  func without(_ name: String) -> StateObject {
    var rest = StateObject()
    for member in members where !member.name.hasSameBytes(as: name) { rest[member.name] = member.value }
    return rest
  }

  subscript(_ name: String) -> [UInt8]? {
    get { indices[Array(name.utf8)].map { members[$0].value } }
    set {
      guard let newValue else { return }
      if let index = indices[Array(name.utf8)] {
        members[index].value = newValue
      } else {
        indices[Array(name.utf8)] = members.count
        members.append(Member(name: name, value: newValue))
      }
    }
  }

  /// These members, and those of another object in the place of, or after, its own.
  func merging(_ other: StateObject) -> StateObject {
    var merged = self
    for member in other.members { merged[member.name] = member.value }
    return merged
  }

  /// These members, and after them those that another object has beside.
  func filled(from other: StateObject) -> StateObject {
    var filled = self
    for member in other.members where filled[member.name] == nil { filled[member.name] = member.value }
    return filled
  }

  var bytes: [UInt8] {
    var writer = JSONWriter(reservingBytes: members.reduce(2) { $0 + $1.name.utf8.count + $1.value.count + 4 })
    writer.object { writer in
      for member in members { writer.member(member.name, raw: member.value) }
    }
    return writer.bytes
  }

  /// A string's text; nil: there is none, or it is no string.
  func text(_ name: String) -> String? {
    guard let value = self[name], value.first == UInt8(ascii: "\"") else { return nil }
    var reader = JSONReader(value)
    return try? reader.string()
  }

  /// A number, written as one or as a string; nil: there is none, or it is null.
  func decimal(_ name: String) throws(EventRefusal) -> ExactDecimal? {
    guard let value = self[name], value != Array("null".utf8) else { return nil }
    do throws(ExactDecimal.Fault) {
      guard let text = text(name) else { return try ExactDecimal(value) }
      return try ExactDecimal(text)
    } catch {
      throw EventRefusal(
        code: .invalidField,
        message:
          "'data.\(name)' \(error.rawValue); allowed is a number below 10^18, or one in a string, with at most "
          + "\(ExactDecimal.significantDigits) digits")
    }
  }
}
