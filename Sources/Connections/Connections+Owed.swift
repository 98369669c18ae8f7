package import ConnectionStore

extension Connections {
  /// Records that the state of all that a connection was owed was shown, unless it has changed since: then the next hello
  /// brings that state once more.
  package func settle(record: ConnectionRecord) throws(TableError) {
    guard !record.owed.isEmpty else { return }
    do {
      try table.update(
        ConnectionRow.key(id: record.id), change: ConnectionRow.settled(),
        if: ConnectionRow.isUnchanged(revision: record.revision))
    } catch {
      guard error.code == .conditionFailed else { throw error }
    }
  }
}
