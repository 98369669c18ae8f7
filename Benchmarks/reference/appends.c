/* appends.c - what SQLite itself takes for the appends of a stream's log: the same file, the same statements, blocks as large.
 * build: gcc -O2 -Wall -o appends appends.c -lsqlite3
 * usage: appends FILE APPENDS EVENTS BYTES    APPENDS transactions of EVENTS events, BYTES each
 *
 * A transaction reads the head and writes it, and puts one row that holds all its events; every eighth one looks for rows that
 * have expired. Each waits until it is on the disk. Prints one JSON line.
 */
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static sqlite3 *db;
static double micros(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}
static void run(const char *sql) {
  if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
    fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(db));
    exit(1);
  }
}
static sqlite3_stmt *prepare(const char *sql) {
  sqlite3_stmt *s;
  if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &s, NULL) != SQLITE_OK) {
    fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(db));
    exit(1);
  }
  return s;
}
static void step(sqlite3_stmt *s) {
  int code;
  while ((code = sqlite3_step(s)) == SQLITE_ROW) sqlite3_column_blob(s, 1);
  if (code != SQLITE_DONE) {
    fprintf(stderr, "%s\n", sqlite3_errmsg(db));
    exit(1);
  }
  sqlite3_reset(s);
}
static void key(sqlite3_stmt *s, const char *sort) {
  sqlite3_bind_blob(s, 1, "s#all%2Fprice%3Aupdate", 22, SQLITE_STATIC);
  sqlite3_bind_blob(s, 2, sort, strlen(sort), SQLITE_TRANSIENT);
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  int appends = atoi(argv[2]), events = atoi(argv[3]), bytes = atoi(argv[4]);
  if (sqlite3_open_v2(argv[1], &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) return 1;
  run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
      "CREATE TABLE items (partition BLOB NOT NULL, sort BLOB NOT NULL, expires INTEGER, attributes BLOB NOT NULL,"
      " PRIMARY KEY (partition, sort)) WITHOUT ROWID;"
      "CREATE INDEX items_by_expiry ON items (expires) WHERE expires IS NOT NULL;");
  sqlite3_stmt *begin = prepare("BEGIN IMMEDIATE"), *commit = prepare("COMMIT");
  sqlite3_stmt *get = prepare("SELECT expires, attributes FROM items WHERE partition = ?1 AND sort = ?2 AND (expires IS NULL OR expires > ?3)");
  sqlite3_stmt *put = prepare("REPLACE INTO items (partition, sort, expires, attributes) VALUES (?1, ?2, ?3, ?4)");
  sqlite3_stmt *expired = prepare("DELETE FROM items WHERE (partition, sort) IN"
                                  " (SELECT partition, sort FROM items WHERE expires <= ?1 ORDER BY expires LIMIT ?2)");
  char *block = malloc((size_t)events * bytes + 100), sort[16], head[64];
  memset(block, 'm', (size_t)events * bytes + 100);
  int64_t next = 1;
  double wall = micros(CLOCK_MONOTONIC), cpu = micros(CLOCK_PROCESS_CPUTIME_ID);
  for (int i = 0; i < appends; i++) {
    int64_t now = time(NULL);
    key(get, "!");
    sqlite3_bind_int64(get, 3, now);
    step(get);
    step(begin);
    step(get);
    memset(head, 'h', sizeof head);
    key(put, "!");
    sqlite3_bind_int64(put, 3, now + 30 * 24 * 3600);
    sqlite3_bind_blob(put, 4, head, sizeof head, SQLITE_STATIC);
    step(put);
    snprintf(sort, sizeof sort, "%012lld", (long long)next);
    key(put, sort);
    sqlite3_bind_int64(put, 3, now + 25 * 3600);
    sqlite3_bind_blob(put, 4, block, events * bytes + 100, SQLITE_STATIC);
    step(put);
    if (i % 8 == 7) {
      sqlite3_bind_int64(expired, 1, now);
      sqlite3_bind_int64(expired, 2, 32);
      step(expired);
    }
    step(commit);
    next += events;
  }
  wall = micros(CLOCK_MONOTONIC) - wall;
  cpu = micros(CLOCK_PROCESS_CPUTIME_ID) - cpu;
  double all = (double)appends * events;
  printf("{\"what\":\"reference\",\"events\":%.0f,\"batch\":%d,\"per_s\":%.0f,\"wall_us\":%.2f,\"cpu_us\":%.2f}\n", all, events, all * 1e6 / wall,
         wall / all, cpu / all);
  return 0;
}
