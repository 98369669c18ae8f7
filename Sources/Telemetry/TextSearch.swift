extension StringProtocol {
  /// Whether the text holds another one, by bytes.
  ///
  /// The standard library's `contains(_:)` for strings and `firstRange(of:)` bring the whole regular expression engine,
  /// a megabyte, into a static executable.
  package func holds(_ text: String) -> Bool { index(ofText: text) != nil }

  /// Where another text begins first; its first byte is that of a character, so the index is one of characters too.
  package func index(ofText text: String) -> Index? {
    let wanted = Array(text.utf8)
    var start = utf8.startIndex
    while start != utf8.endIndex {
      if utf8[start...].starts(with: wanted) { return start }
      start = utf8.index(after: start)
    }
    return wanted.isEmpty ? start : nil
  }
}
