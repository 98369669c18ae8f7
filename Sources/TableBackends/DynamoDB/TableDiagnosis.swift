package import ConnectionStore
import JSON

/// What is to be seen of a DynamoDB table from outside its items.
package struct TableDiagnosis: Equatable, Sendable {
  /// `ACTIVE`, `CREATING` …; nil: the caller may not ask, but may read items.
  package var status: String?
  /// Name, key type and attribute type of each part of the key: `pk HASH S`.
  package var keys: [String] = []
  /// The attribute by which items expire; nil: none is set, or the caller may not ask.
  package var expiryAttribute: String?
  package var mayAskForExpiry = true

  /// As `infra/template.yaml` makes it.
  package static let rightKeys = ["pk HASH S", "sk RANGE S"]
  package static let rightExpiryAttribute = "expires"
}

extension DynamoDBTable {
  /// Asks for the table's description. Throws where the table cannot be used at all.
  package func diagnose() throws(TableError) -> TableDiagnosis {
    var diagnosis = TableDiagnosis()
    do throws(CallFailure) {
      try diagnosis.readTable(try ask("DescribeTable"))
    } catch {
      // A role that may use the table need not be allowed to describe it.
      guard error.isDenial else { throw error.tableError(call("DescribeTable"), location: caller.location) }
      _ = try get(ItemKey(partition: "-", sort: "-"), consistency: .strong)
    }
    do throws(CallFailure) {
      try diagnosis.readExpiry(try ask("DescribeTimeToLive"))
    } catch {
      diagnosis.mayAskForExpiry = false
    }
    return diagnosis
  }

  private func call(_ operation: String) -> DynamoDBCaller.Call {
    .init(operation: operation, body: request { _ in }, verb: "describe", key: nil)
  }

  private func ask(_ operation: String) throws(CallFailure) -> [UInt8] { try caller.send(call(operation)) }
}

extension CallFailure {
  fileprivate var isDenial: Bool {
    guard case .refused(let refusal) = self else { return false }
    return refusal.type == "AccessDeniedException" || refusal.type == "AccessDenied"
  }
}

extension TableDiagnosis {
  fileprivate mutating func readTable(_ answer: [UInt8]) throws(CallFailure) {
    do throws(JSONError) {
      var types: [String: String] = [:]
      var keys: [(name: String, kind: String)] = []
      var reader = JSONReader(answer)
      try reader.members(of: "Table") { (name, reader) throws(JSONError) in
        switch name {
        case "TableStatus": status = try reader.string()
        case "AttributeDefinitions":
          for pair in try reader.pairs("AttributeName", second: "AttributeType") { types[pair.0] = pair.1 }
        case "KeySchema": keys = try reader.pairs("AttributeName", second: "KeyType").map { (name: $0.0, kind: $0.1) }
        default: try reader.skip()
        }
      }
      self.keys = keys.map { "\($0.name) \($0.kind) \(types[$0.name] ?? "?")" }
    } catch {
      throw .garbled("\(error)")
    }
  }

  fileprivate mutating func readExpiry(_ answer: [UInt8]) throws(CallFailure) {
    do throws(JSONError) {
      var isOn = false
      var attribute: String?
      var reader = JSONReader(answer)
      try reader.members(of: "TimeToLiveDescription") { (name, reader) throws(JSONError) in
        switch name {
        case "TimeToLiveStatus":
          let status = try reader.string()
          isOn = status == "ENABLED" || status == "ENABLING"
        case "AttributeName": attribute = try reader.string()
        default: try reader.skip()
        }
      }
      expiryAttribute = isOn ? attribute : nil
    } catch {
      throw .garbled("\(error)")
    }
  }
}

extension JSONReader {
  /// Goes through the members of the object under `member` of the object that comes next.
  fileprivate mutating func members(
    of member: String, _ read: (String, inout JSONReader) throws(JSONError) -> Void
  ) throws(JSONError) {
    try beginObject()
    while let name = try nextKey() {
      guard name == member else {
        try skip()
        continue
      }
      try beginObject()
      while let name = try nextKey() { try read(name, &self) }
    }
  }

  /// Of an array of objects, the values of two of their members.
  fileprivate mutating func pairs(_ first: String, second: String) throws(JSONError) -> [(String, String)] {
    var pairs: [(String, String)] = []
    try beginArray()
    while try nextElement() {
      var pair = ("", "")
      try beginObject()
      while let name = try nextKey() {
        switch name {
        case first: pair.0 = try string()
        case second: pair.1 = try string()
        default: try skip()
        }
      }
      pairs.append(pair)
    }
    return pairs
  }
}
