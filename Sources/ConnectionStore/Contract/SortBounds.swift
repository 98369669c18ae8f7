/// The sort keys a query still has to read, as bytes: from `from` up to, but not with, `to`.
///
/// UTF-8 never holds the byte 0xFF, so it is above every key, and behind a prefix it is above every key that begins so;
/// a key with a zero byte behind it is the very next one. Thus every range, with or without its ends, is one half-open
/// range.
package struct SortBounds: Equatable, Sendable {
  package private(set) var from: [UInt8] = []
  package private(set) var to: [UInt8] = [0xFF]

  package init(_ query: Query) {
    switch query.sort {
    case .all: break
    case .prefix(let prefix):
      from = Array(prefix.utf8)
      to = from + [0xFF]
    case .between(let first, let last):
      if let first { from = Array(first.utf8) }
      if let last { to = Array(last.utf8) + [0] }
    }
    if let after = query.after {
      let resumed = Array(after.utf8) + [0]
      if from.lexicographicallyPrecedes(resumed) { from = resumed }
    }
  }

  package var isEmpty: Bool { !from.lexicographicallyPrecedes(to) }
}
