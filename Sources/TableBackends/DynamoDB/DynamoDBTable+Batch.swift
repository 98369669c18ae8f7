package import ConnectionStore
import JSON

extension DynamoDBTable {
  private static let batchWrites = 25
  /// 16 MB a request; JSON and Base64 take a third more.
  private static let batchBytes = 10 << 20
  /// So many requests side by side.
  private static let width = 4

  package func writeBatch(_ writes: [BatchWrite]) throws(TableError) {
    try RequestRules.check(writes)
    var rest = Self.batches(writes)
    var attempt = 1
    while !rest.isEmpty {
      let now = Array(rest.prefix(Self.width))
      rest.removeFirst(now.count)
      let calls = now.map { call($0) }
      var left: [BatchWrite] = []
      for ((batch, call), outcome) in zip(zip(now, calls), caller.send(calls)) {
        do throws(CallFailure) {
          left += try unprocessed(of: batch, in: try outcome.get())
        } catch {
          throw error.tableError(call, location: caller.location)
        }
      }
      guard !left.isEmpty else {
        attempt = 1
        continue
      }
      guard caller.pause(afterAttempts: attempt) else {
        throw TableError(
          code: .throttled, operation: "writeBatch", key: left[0].key, detail: "\(left.count) writes were left undone")
      }
      attempt += 1
      rest = Self.batches(left) + rest
    }
  }

  private static func batches(_ writes: [BatchWrite]) -> [[BatchWrite]] {
    var batches: [[BatchWrite]] = []
    var bytes = 0
    for write in writes {
      let size = if case .put(let item) = write { item.size } else { 100 }
      if batches.isEmpty || batches[batches.count - 1].count == batchWrites || bytes + size > batchBytes {
        batches.append([])
        bytes = 0
      }
      batches[batches.count - 1].append(write)
      bytes += size
    }
    return batches
  }

  private func call(_ writes: [BatchWrite]) -> DynamoDBCaller.Call {
    var writer = JSONWriter(reservingBytes: 4_096)
    writer.object { writer in
      writer.key("RequestItems")
      writer.object { writer in
        writer.key(tableName)
        writer.array { writer in
          for write in writes { Self.append(write, to: &writer) }
        }
      }
    }
    return .init(operation: "BatchWriteItem", body: writer.bytes, verb: "writeBatch", key: writes.first?.key)
  }

  private static func append(_ write: BatchWrite, to writer: inout JSONWriter) {
    writer.object { writer in
      switch write {
      case .put(let item):
        writer.key("PutRequest")
        writer.object { $0.member("Item", item: item) }
      case .delete(let key):
        writer.key("DeleteRequest")
        writer.object { $0.member("Key", itemKey: key) }
      }
    }
  }

  /// Those of the writes that DynamoDB says it did not do.
  private func unprocessed(of batch: [BatchWrite], in body: [UInt8]) throws(CallFailure) -> [BatchWrite] {
    var keys: Set<ItemKey> = []
    do throws(JSONError) {
      var reader = JSONReader(body)
      try reader.beginObject()
      while let name = try reader.nextKey() {
        if name == "UnprocessedItems" { try Self.readKeys(from: &reader, keys: &keys) } else { try reader.skip() }
      }
    } catch {
      throw .garbled("the answer is not JSON: \(error)")
    }
    return keys.isEmpty ? [] : batch.filter { keys.contains($0.key) }
  }

  private static func readKeys(from reader: inout JSONReader, keys: inout Set<ItemKey>) throws(JSONError) {
    if try reader.null() { return }
    try reader.beginObject()
    while try reader.nextKey() != nil {
      try reader.beginArray()
      while try reader.nextElement() {
        try reader.beginObject()
        while try reader.nextKey() != nil {
          try reader.beginObject()
          while try reader.nextKey() != nil {
            if let item = try reader.item() { keys.insert(item.key) }
          }
        }
      }
    }
  }
}
