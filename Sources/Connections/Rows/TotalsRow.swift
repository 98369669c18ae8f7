import ConnectionStore
import JSON
import Messaging

/// The row that says how many connections there were when they were counted last. `Docs/data-model.md`.
enum TotalsRow {
  enum Attribute {
    static let version = "v"
    static let at = "at"
    static let total = "total"
    static let active = "active"
    static let users = "users"
    static let isCut = "cut"
    static let roles = "roles"
    static let most = "most"
  }

  static let partition = "totals"
  static let sort = "connections"
  static let key = ItemKey(partition: partition, sort: sort)
  /// What is older says nothing any more.
  static let keptSeconds: Int64 = 24 * 60 * 60

  /// A count that took longer does not replace one that began after it.
  static func isOlder(than milliseconds: Int64) -> Condition {
    .any([.absent, .less(Attribute.at, .number(milliseconds))])
  }

  static func item(_ totals: ConnectionTotals) -> Item {
    var item = Item(
      key: key,
      attributes: [
        Attribute.version: .number(1), Attribute.at: .number(totals.countedAtMilliseconds),
        Attribute.total: .number(Int64(totals.total)), Attribute.active: .number(Int64(totals.active)),
        Attribute.users: .number(Int64(totals.users)), Attribute.roles: .bytes(counts(totals.byRole)),
        Attribute.most: .bytes(counts(totals.most)),
      ], expires: totals.countedAtMilliseconds / 1_000 + keptSeconds)
    if totals.isCut { item[Attribute.isCut] = .number(1) }
    return item
  }

  /// `[["viewer",135],["admin",3]]`
  private static func counts(_ list: [ConnectionTotals.Count]) -> [UInt8] {
    var writer = JSONWriter()
    writer.array { writer in
      for one in list {
        writer.array { writer in
          writer.string(one.name)
          writer.integer(one.connections)
        }
      }
    }
    return writer.bytes
  }

  fileprivate static func list(_ bytes: [UInt8]?) -> [ConnectionTotals.Count]? {
    guard let bytes else { return nil }
    var reader = JSONReader(bytes)
    var list: [ConnectionTotals.Count] = []
    do {
      try reader.beginArray()
      while try reader.nextElement() {
        try reader.beginArray()
        guard try reader.nextElement() else { return nil }
        let name = try reader.string()
        guard try reader.nextElement() else { return nil }
        list.append(ConnectionTotals.Count(name: name, connections: Int(try reader.integer())))
        guard try !reader.nextElement() else { return nil }
      }
      try reader.end()
      return list
    } catch {
      return nil
    }
  }
}

extension ConnectionTotals {
  private typealias Attribute = TotalsRow.Attribute

  /// Nil for a row that this release does not understand.
  init?(_ item: Item) {
    guard let at = item.number(Attribute.at), let total = item.number(Attribute.total),
      let active = item.number(Attribute.active), let users = item.number(Attribute.users),
      let byRole = TotalsRow.list(item.bytes(Attribute.roles)), let most = TotalsRow.list(item.bytes(Attribute.most))
    else { return nil }
    self.init(
      countedAtMilliseconds: at, total: Int(total), active: Int(active), byRole: byRole, users: Int(users),
      isCut: item.number(Attribute.isCut) != nil, most: most)
  }
}
