extension String {
  /// Whether both are the same bytes. `==` would also take a letter with a combining mark for the composed letter: two
  /// keys of the table for one key of ours.
  package func hasSameBytes(as other: String) -> Bool { self == other && utf8.elementsEqual(other.utf8) }

  /// Whether the bytes begin with those of `prefix`; `hasPrefix` goes by whole characters.
  package func hasBytePrefix(_ prefix: String) -> Bool { utf8.starts(with: prefix.utf8) }
}
