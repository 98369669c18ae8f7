/// The tables of the file, and what is kept prepared to work on them.
enum Schema {
  /// `user_version` of our files: "TT" and the version of the schema, so that one read tells both.
  static let version: Int64 = 0x5454_0001

  /// `application_id` of our files, "tick", by which `file` and others tell whose a database is.
  static let application: Int64 = 0x7469_636B

  /// Keys are BLOBs, hence in byte order, and the rows lie in that order in one tree. The index is for deleting what
  /// has expired; items that stay are not in it.
  static let creation = """
    CREATE TABLE items (
      partition BLOB NOT NULL, sort BLOB NOT NULL, expires INTEGER, attributes BLOB NOT NULL,
      PRIMARY KEY (partition, sort)
    ) WITHOUT ROWID;
    CREATE INDEX items_by_expiry ON items (expires) WHERE expires IS NOT NULL;
    \(mark)
    PRAGMA user_version = \(version);
    """
  static let mark = "PRAGMA application_id = \(application);"

  enum SQL: String {
    case begin = "BEGIN IMMEDIATE"
    case commit = "COMMIT"
    case rollback = "ROLLBACK"
    case get = """
      SELECT expires, attributes FROM items
      WHERE partition = ?1 AND sort = ?2 AND (expires IS NULL OR expires > ?3)
      """
    case query = """
      SELECT sort, expires, attributes FROM items
      WHERE partition = ?1 AND sort >= ?2 AND sort < ?3 AND (expires IS NULL OR expires > ?4)
      ORDER BY sort LIMIT ?5
      """
    case store = "REPLACE INTO items (partition, sort, expires, attributes) VALUES (?1, ?2, ?3, ?4)"
    case remove = "DELETE FROM items WHERE partition = ?1 AND sort = ?2"
    /// The inner query reads the index alone.
    case removeExpired = """
      DELETE FROM items WHERE (partition, sort) IN
        (SELECT partition, sort FROM items WHERE expires <= ?1 ORDER BY expires LIMIT ?2)
      """
    case version = "PRAGMA user_version"
    case application = "PRAGMA application_id"
    /// Every page is read, and no index is compared with its table. Rows of faults, or one that says "ok".
    case check = "PRAGMA quick_check(3)"
    case isEmpty = "SELECT count(*) FROM sqlite_schema"
  }
}
