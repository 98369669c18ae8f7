/* What stands in for the parts of SQLite that no table of ours uses: full-text search, R-trees, and tables about statistics and
   statements. SQLite calls each of these when it opens a database; nothing to do is done. */
struct sqlite3;
int sqlite3DbstatRegister(struct sqlite3 *database) { (void)database; return 0; }
int sqlite3Fts3Init(struct sqlite3 *database) { (void)database; return 0; }
int sqlite3Fts5Init(struct sqlite3 *database) { (void)database; return 0; }
int sqlite3RtreeInit(struct sqlite3 *database) { (void)database; return 0; }
int sqlite3StmtVtabInit(struct sqlite3 *database) { (void)database; return 0; }
