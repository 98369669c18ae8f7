/// Where each of many names stands in a list. Found by length, then by comparing: event types are few, and hashing one
/// takes longer than comparing it with the two or three others that are as long.
struct NameIndex: Sendable {
  /// By length in bytes; visible ASCII only, so that equal characters of the same length are equal bytes.
  private var byLength: [[Entry]] = []

  private struct Entry: Sendable {
    let name: String
    let index: Int
  }

  /// False, adding nothing, if the name is there already.
  mutating func insert(_ name: String, at index: Int) -> Bool {
    guard find(name) == nil else { return false }
    let length = name.utf8.count
    while byLength.count <= length { byLength.append([]) }
    byLength[length].append(Entry(name: name, index: index))
    return true
  }

  func find(_ name: String) -> Int? {
    let length = name.utf8.count
    guard length < byLength.count else { return nil }
    for entry in byLength[length] where entry.name == name { return entry.index }
    return nil
  }
}
