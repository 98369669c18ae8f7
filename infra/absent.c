#ifdef DEMANGLER

/* libstdc++ reads a mangled name only to print the type of an exception that nobody catches: -2 says that it cannot be read. */
char *__cxa_demangle(const char *name, char *buffer, unsigned long *length, int *status) {
  (void)name, (void)buffer, (void)length;
  if (status) *status = -2;
  return 0;
}

#else

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

/* The same functions for other widths, which Swift's module Glibc refers to in one piece with `errno`: a tenth of a megabyte.
   `package.sh` refuses a function of ours that calls one of these. */
#define UNCALLED(name) void name(void) { __builtin_trap(); }
UNCALLED(acosf) UNCALLED(acosl) UNCALLED(acoshf) UNCALLED(acoshl) UNCALLED(asinf) UNCALLED(asinl) UNCALLED(asinhf)
UNCALLED(asinhl) UNCALLED(atanf) UNCALLED(atanl) UNCALLED(atan2f) UNCALLED(atan2l) UNCALLED(atanhf) UNCALLED(atanhl)
UNCALLED(cbrtf) UNCALLED(cbrtl) UNCALLED(cos) UNCALLED(cosf) UNCALLED(cosl) UNCALLED(coshf) UNCALLED(coshl) UNCALLED(erff)
UNCALLED(erfl) UNCALLED(erfcf) UNCALLED(erfcl) UNCALLED(exp) UNCALLED(expf) UNCALLED(expl) UNCALLED(exp2) UNCALLED(exp2f)
UNCALLED(exp2l) UNCALLED(expm1f) UNCALLED(expm1l) UNCALLED(hypotf) UNCALLED(hypotl) UNCALLED(jn) UNCALLED(lgamma_r)
UNCALLED(lgammaf_r) UNCALLED(lgammal_r) UNCALLED(log) UNCALLED(logf) UNCALLED(logl) UNCALLED(log10) UNCALLED(log10f)
UNCALLED(log10l) UNCALLED(log1pf) UNCALLED(log1pl) UNCALLED(log2) UNCALLED(log2f) UNCALLED(log2l) UNCALLED(powf) UNCALLED(powl)
UNCALLED(sin) UNCALLED(sinf) UNCALLED(sinl) UNCALLED(sinhf) UNCALLED(sinhl) UNCALLED(tanf) UNCALLED(tanl) UNCALLED(tanhf)
UNCALLED(tanhl) UNCALLED(tgammaf) UNCALLED(tgammal) UNCALLED(yn)

/* The C library's resolver, which OpenSSL's BIO_lookup calls and libcurl does not: c-ares resolves names. In a static program it
   would look for modules of the host. EAI_FAIL says that a name cannot be resolved. */
struct addrinfo;
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
  (void)name, (void)service, (void)hints, (void)found;
  return -4;
}
void freeaddrinfo(struct addrinfo *found) { (void)found; }
const char *gai_strerror(int error) { (void)error; return "names are resolved by c-ares"; }
void *gethostbyname(const char *name) { (void)name; return 0; }
int getnameinfo(void) { return -4; }

#endif
