/* What stands in for the parts of SQLite that no table of ours uses: full-text search, R-trees, JSON, and tables about statistics
   and statements. SQLite calls each of these when it opens a database; nothing to do is done. */
struct sqlite3;
int sqlite3DbstatRegister(struct sqlite3 *database) { (void)database; return 0; }
int sqlite3Fts3Init(struct sqlite3 *database) { (void)database; return 0; }
int sqlite3Fts5Init(struct sqlite3 *database) { (void)database; return 0; }
int sqlite3RtreeInit(struct sqlite3 *database) { (void)database; return 0; }
int sqlite3JsonTableFunctions(struct sqlite3 *database) { (void)database; return 0; }
void sqlite3RegisterJsonFunctions(void) {}
int sqlite3StmtVtabInit(struct sqlite3 *database) { (void)database; return 0; }

/* Its functions sin(), log() and so on, which bring a quarter of a megabyte of the C library's mathematics: no statement of ours
   calls one. `static-libraries.sh` gives SQLite's references to them these names; a statement that did call one would end the
   program, for a wrong number would be worse. */
#define ABSENT(name) double absent_##name(void) { __builtin_trap(); }
ABSENT(acos) ABSENT(acosh) ABSENT(asin) ABSENT(asinh) ABSENT(atan) ABSENT(atan2) ABSENT(atanh) ABSENT(cos) ABSENT(cosh)
ABSENT(exp) ABSENT(fmod) ABSENT(log) ABSENT(pow) ABSENT(sin) ABSENT(sinh) ABSENT(sqrt)
ABSENT(tan) ABSENT(tanh)
