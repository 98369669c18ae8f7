/* runtime_api.c - a measuring stand-in for the AWS Lambda Runtime API (one process, one epoll loop). Adapted from the
 * project's measuring harness.
 *
 * Spawns a bootstrap again and again, serves it events, and measures:
 *   cold_ms        posix_spawn() -> first complete GET .../invocation/next
 *   first_ms       first event sent -> its response fully received
 *   answer_ms      posix_spawn() -> response to the first event fully received
 *   inv_s          warm invocations per second (whole cycles: next -> next)
 *   p50_us,p99_us  warm latency: event handed to the kernel -> POST .../response fully read
 *   turn_us        median of (202 sent -> next GET .../next fully read): the client's own turnaround
 *   init_cpu_ms    child CPU until its first GET next
 *   warm_cpu_us    child CPU per warm invocation (process CPU clock, all threads)
 *   user_ms,sys_ms child's whole-life CPU (wait4)
 *   hwm_kb         child's VmHWM just before it is killed (not ru_maxrss: that one inherits the
 *                  spawner's RSS across exec), anon_kb = RssAnon, pss_kb = Pss, threads
 *
 * build: gcc -O2 -Wall -o runtime_api runtime_api.c
 * usage: runtime_api -e event.json [-e more.json ...] [options] -- /path/to/bootstrap [args]
 *   -e FILE   event body (repeat: served round-robin)      -n N  warm invocations        (2000)
 *   -w N      unmeasured warm-up invocations        (100)  -r R  whole repetitions       (5)
 *   -p PORT   port, 0 = any                           (0)  -c N  pin this server to CPU N
 *   -C N      pin the child to CPU N                       -T S  give up on a run after S s (60)
 *   -H NAME   _HANDLER                 (app.handler)       -t D  LAMBDA_TASK_ROOT and cwd    (.)
 *   -E K=V    extra environment for the child (repeat)     -L S  label put in the JSON line
 *   -o FILE   child's stdout+stderr (append) (/dev/null)   -s    spin instead of sleeping in epoll
 *   -g US     gap: wait US microseconds between an answered invocation and the next event
 *   -a        print one JSON line per repetition too (to stderr)
 *   -i        give every event a connection id of its own, in place of the one it bears
 * Output: one JSON line on stdout, every number the median over the repetitions.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void die(const char *f, ...) {
    va_list a; va_start(a, f); vfprintf(stderr, f, a); va_end(a); fputc('\n', stderr); exit(2);
}
static int64_t now_ns(void) {
    struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* ---- options ---- */
#define MAXE 16
static char *ev[MAXE]; static size_t evlen[MAXE]; static char *idplace[MAXE]; static int nev;
static int N = 2000, W = 100, R = 5, port = 0, cpu_srv = -1, cpu_child = -1, tmo = 60, spin, all, own_ids;
static int64_t gap_ns;
static const char *handler = "app.handler", *root = ".", *label = "", *outfile = "/dev/null";
static char *extra[64]; static int nextra;

/* ---- one HTTP connection ---- */
typedef struct conn {
    int fd;
    char *buf; size_t len, cap;
} conn;

/* ---- one run ---- */
static int ep, lfd; static pid_t child; static clockid_t cclk;
static int64_t t_spawn, t_sent, t_202, t_warm0, t_warm1, t_due;
static int64_t cpu_init, cpu_w0, cpu_w1; static int nexts, done, errs, finished;
static double cold, first, answer; static double *lat, *turn; static char resp[161]; static char cur_id[40];
static conn *parked;
#define MAXC 1024
static conn *conns[MAXC];

static int64_t child_cpu(void) {
    struct timespec t; if (clock_gettime(cclk, &t)) return 0; return t.tv_sec * 1000000000LL + t.tv_nsec;
}
static void conn_close(conn *c) {
    if (parked == c) parked = NULL;
    conns[c->fd] = NULL; close(c->fd); free(c->buf); free(c);
}
static void put(conn *c, struct iovec *v, int n) {          /* blocking-ish write: loopback, small */
    while (n) {
        ssize_t k = writev(c->fd, v, n);
        if (k < 0) { if (errno == EAGAIN) { sched_yield(); continue; } return; }
        while (n && (size_t)k >= v->iov_len) { k -= v->iov_len; v++; n--; }
        if (n) { v->iov_base = (char *)v->iov_base + k; v->iov_len -= k; }
    }
}
/* 15 characters and '=', as API Gateway's are; never the same twice, also not in another run */
static void stamp_id(char *p, const struct timespec *rt) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    static uint64_t last; uint64_t v = rt->tv_sec * 1000000000ULL + rt->tv_nsec;
    if (v <= last) v = last + 1;
    last = v;
    for (int i = 0; i < 11; i++, v >>= 6) p[i] = digits[v & 63];
}
static void serve_next(conn *c) {
    char h[768]; struct timespec rt; clock_gettime(CLOCK_REALTIME, &rt);
    int i = nexts % nev;
    if (idplace[i]) stamp_id(idplace[i], &rt);
    unsigned k = nexts;
    snprintf(cur_id, sizeof cur_id, "%08x-%04x-4%03x-8%03x-%012llx", k * 2654435761u, k & 0xffff, (k >> 3) & 0xfff,
             (k * 7) & 0xfff, (unsigned long long)(rt.tv_nsec));
    int n = snprintf(h, sizeof h,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: %s\r\n"
        "Lambda-Runtime-Deadline-Ms: %lld\r\nLambda-Runtime-Invoked-Function-Arn: "
        "arn:aws:lambda:us-east-1:123456789012:function:bench\r\nLambda-Runtime-Trace-Id: "
        "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1\r\n"
        "Date: Mon, 02 Nov 2026 10:00:00 GMT\r\nContent-Length: %zu\r\n\r\n",
        cur_id, (long long)(rt.tv_sec * 1000LL + rt.tv_nsec / 1000000 + 30000), evlen[i]);
    struct iovec v[2] = {{h, n}, {ev[i], evlen[i]}};
    nexts++;
    t_sent = now_ns();
    put(c, v, 2);
}
static void on_next(conn *c) {
    int64_t t = now_ns();
    if (nexts == 0) { cold = (t - t_spawn) / 1e6; cpu_init = child_cpu(); }
    if (done > W && done <= W + N && t_202) turn[done - 1 - W] = (t - t_202) / 1e3;
    if (done == 1 + W && !t_warm0) { t_warm0 = t; cpu_w0 = child_cpu(); }
    if (done == 1 + W + N) { t_warm1 = t; cpu_w1 = child_cpu(); finished = 1; return; }  /* leave it hanging */
    if (gap_ns && done) { t_due = now_ns() + gap_ns; parked = c; return; }
    serve_next(c);
}
static void simple(conn *c, const char *status, const char *body) {
    char h[256]; int n = snprintf(h, sizeof h, "HTTP/1.1 %s\r\nContent-Type: application/json\r\nDate: Mon, 02 Nov 2026 10:00:00 GMT\r\n"
                                  "Content-Length: %zu\r\n\r\n%s", status, strlen(body), body);
    struct iovec v = {h, n}; put(c, &v, 1);
}
static void on_result(conn *c, const char *body, size_t n, int is_err, const char *id, size_t idlen) {
    int64_t t = now_ns();
    if (idlen != strlen(cur_id) || memcmp(id, cur_id, idlen)) { errs++; simple(c, "400 Bad Request", "{\"errorType\":\"InvalidRequestID\"}"); return; }
    if (is_err) errs++;
    if (done == 0) {
        first = (t - t_sent) / 1e6; answer = (t - t_spawn) / 1e6;
        size_t k = n < sizeof resp - 1 ? n : sizeof resp - 1; memcpy(resp, body, k); resp[k] = 0;
    } else if (done > W) lat[done - 1 - W] = (t - t_sent) / 1e3;
    done++;
    simple(c, "202 Accepted", "{\"status\":\"OK\"}\n");
    t_202 = now_ns();
}
/* header value, case-insensitive; NULL when absent */
static const char *hdr(const char *h, const char *end, const char *name, size_t *len) {
    size_t nl = strlen(name);
    for (const char *p = memchr(h, '\n', end - h); p && p + 1 < end; p = memchr(p + 1, '\n', end - p - 1)) {
        const char *q = p + 1;
        if ((size_t)(end - q) > nl && q[nl] == ':' && !strncasecmp(q, name, nl)) {
            q += nl + 1; while (q < end && (*q == ' ' || *q == '\t')) q++;
            const char *e = memchr(q, '\r', end - q); if (!e) e = end;
            *len = e - q; return q;
        }
    }
    return NULL;
}
/* parse as many complete requests as there are; 0 = connection must be closed */
static int parse(conn *c) {
    for (;;) {
        char *end = memmem(c->buf, c->len, "\r\n\r\n", 4);
        if (!end) return 1;
        size_t hl = end - c->buf + 4, used = hl, vl; const char *v;
        char *body = end + 4; size_t bl = 0;
        if ((v = hdr(c->buf, end + 2, "expect", &vl)) && c->len == hl) { struct iovec x = {"HTTP/1.1 100 Continue\r\n\r\n", 25}; put(c, &x, 1); }
        if ((v = hdr(c->buf, end + 2, "transfer-encoding", &vl)) && vl >= 7 && !strncasecmp(v, "chunked", 7)) {
            char *p = body, *e = c->buf + c->len, *o = body;              /* decode in place, but only when whole */
            char *q = p; int whole = 0;
            while (q < e) {
                char *nl = memmem(q, e - q, "\r\n", 2); if (!nl) break;
                size_t k = strtoul(q, NULL, 16);
                if (k == 0) {                                             /* trailers end with an empty line */
                    char *t = memmem(nl, e - nl, "\r\n\r\n", 4); if (t) { whole = 1; q = t + 4; } break;
                }
                if ((size_t)(e - nl) < k + 4) break;
                q = nl + 2 + k + 2;
            }
            if (!whole) return 1;
            used = q - c->buf;
            for (q = p;;) {
                char *nl = memmem(q, e - q, "\r\n", 2); size_t k = strtoul(q, NULL, 16);
                if (!k) break;
                memmove(o, nl + 2, k); o += k; q = nl + 2 + k + 2;
            }
            bl = o - body;
        } else if ((v = hdr(c->buf, end + 2, "content-length", &vl))) {
            bl = strtoul(v, NULL, 10); used = hl + bl; if (c->len < used) return 1;
        }
        int close_after = 0;
        if ((v = hdr(c->buf, end + 2, "connection", &vl)) && vl >= 5 && !strncasecmp(v, "close", 5)) close_after = 1;
        const char *sp = memchr(c->buf, ' ', hl), *sp2 = sp ? memchr(sp + 1, ' ', end - sp) : NULL;
        if (!sp2) return 0;
        const char *path = sp + 1; size_t pl = sp2 - path;
        if (!strncmp(sp2 + 1, "HTTP/1.0", 8)) close_after = 1;
        static const char INV[] = "/2018-06-01/runtime/invocation/";
        size_t il = sizeof INV - 1;
        if (pl > il && !memcmp(path, INV, il)) {
            const char *r = path + il; size_t rl = pl - il;
            if (rl == 4 && !memcmp(r, "next", 4)) on_next(c);
            else if (rl > 9 && !memcmp(r + rl - 9, "/response", 9)) on_result(c, body, bl, 0, r, rl - 9);
            else if (rl > 6 && !memcmp(r + rl - 6, "/error", 6)) {
                if (errs < 3) fprintf(stderr, "error from child: %.*s\n", (int)bl, body);
                on_result(c, body, bl, 1, r, rl - 6);
            } else simple(c, "404 Not Found", "{}");
        } else if (memmem(path, pl, "/init/error", 11)) {
            fprintf(stderr, "init error from child: %.*s\n", (int)bl, body); errs++; finished = 2;
            simple(c, "202 Accepted", "{\"status\":\"OK\"}\n");
        } else simple(c, "404 Not Found", "{}");
        memmove(c->buf, c->buf + used, c->len - used); c->len -= used;
        if (close_after && parked != c && !finished) return 0;
        if (finished) return 1;
        if (!c->len) return 1;
    }
}
static void on_readable(conn *c) {
    for (;;) {
        if (c->cap - c->len < 16384) { c->cap = c->cap * 2 + 32768; c->buf = realloc(c->buf, c->cap); }
        ssize_t n = read(c->fd, c->buf + c->len, c->cap - c->len);
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0) { conn_close(c); return; }
        size_t room = c->cap - c->len; c->len += n;
        if (!parse(c)) { conn_close(c); return; }
        if ((size_t)n < room) return;                       /* short read: the socket is drained */
    }
}
static long status_kb(const char *file, const char *key) {
    char p[64], l[256]; long v = -1; snprintf(p, sizeof p, "/proc/%d/%s", child, file);
    FILE *f = fopen(p, "r"); if (!f) return -1;
    while (fgets(l, sizeof l, f)) if (!strncmp(l, key, strlen(key))) { v = strtol(l + strlen(key), NULL, 10); break; }
    fclose(f); return v;
}
static int cmpd(const void *a, const void *b) { double x = *(double *)a, y = *(double *)b; return x < y ? -1 : x > y; }
static double pct(double *a, int n, double p) { if (!n) return 0; int i = (int)(p * (n - 1) + 0.5); return a[i]; }

enum { COLD, FIRST, ANSWER, INVS, P50, P99, TURN, ICPU, WCPU, USER, SYS, HWM, ANON, PSS, THR, ERRS, NM };
static const char *names[NM] = {"cold_ms","first_ms","answer_ms","inv_s","p50_us","p99_us","turn_us","init_cpu_ms","warm_cpu_us",
    "user_ms","sys_ms","hwm_kb","anon_kb","pss_kb","threads","errors"};

static int one_run(char **argv, char **env, double *m) {
    nexts = done = errs = finished = 0; t_warm0 = t_warm1 = t_202 = t_due = 0; parked = NULL; cold = first = answer = 0;
    memset(lat, 0, sizeof(double) * N); memset(turn, 0, sizeof(double) * N);
    posix_spawn_file_actions_t fa; posix_spawn_file_actions_init(&fa);
    posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&fa, 1, outfile, O_WRONLY | O_CREAT | O_APPEND, 0644);
    posix_spawn_file_actions_adddup2(&fa, 1, 2);
    posix_spawn_file_actions_addchdir_np(&fa, root);
    cpu_set_t old, set; sched_getaffinity(0, sizeof old, &old);   /* child inherits our affinity: set its own first */
    CPU_ZERO(&set); if (cpu_child >= 0) CPU_SET(cpu_child, &set); else { CPU_SET(0, &set); for (int i = 1; i < CPU_SETSIZE; i++) CPU_SET(i, &set); }
    sched_setaffinity(0, sizeof set, &set);
    t_spawn = now_ns();
    int rc = posix_spawn(&child, argv[0], &fa, NULL, argv, env);
    if (rc) die("spawn %s: %s", argv[0], strerror(rc));
    sched_setaffinity(0, sizeof old, &old);
    clock_getcpuclockid(child, &cclk);
    posix_spawn_file_actions_destroy(&fa);
    int64_t give_up = t_spawn + tmo * 1000000000LL; int dead = 0;
    while (!finished) {
        struct epoll_event e[64];
        int to = spin ? 0 : 100;
        if (parked) { int64_t d = t_due - now_ns(); to = d <= 0 ? 0 : spin || d < 1000000 ? 0 : (int)(d / 1000000); }
        int n = epoll_wait(ep, e, 64, to);
        if (parked && now_ns() >= t_due) { conn *c = parked; parked = NULL; serve_next(c); }
        for (int i = 0; i < n; i++) {
            if (e[i].data.fd == lfd) {
                for (;;) {
                    int fd = accept4(lfd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
                    if (fd < 0) break;
                    if (fd >= MAXC) { close(fd); continue; }
                    int one = 1; setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                    conn *c = calloc(1, sizeof *c); c->fd = fd; conns[fd] = c;
                    struct epoll_event x = {.events = EPOLLIN, .data.fd = fd}; epoll_ctl(ep, EPOLL_CTL_ADD, fd, &x);
                }
            } else if (conns[e[i].data.fd]) on_readable(conns[e[i].data.fd]);
        }
        if (n == 0 && !spin && !parked) {
            if (waitpid(child, NULL, WNOHANG) == child) { dead = 1; break; }
        }
        if (now_ns() > give_up) break;
    }
    struct rusage ru = {0};
    if (!dead) {
        m[HWM] = status_kb("status", "VmHWM:"); m[ANON] = status_kb("status", "RssAnon:");
        m[PSS] = status_kb("smaps_rollup", "Pss:"); m[THR] = status_kb("status", "Threads:");
        kill(child, SIGKILL); wait4(child, NULL, 0, &ru);
    }
    for (int i = 0; i < MAXC; i++) if (conns[i]) conn_close(conns[i]);
    if (finished != 1) { fprintf(stderr, "%s: run failed (%s) after %d invocations\n", label, dead ? "child exited" : finished == 2 ? "init error" : "timeout", done); return 0; }
    qsort(lat, N, sizeof *lat, cmpd); qsort(turn, N, sizeof *turn, cmpd);
    m[COLD] = cold; m[FIRST] = first; m[ANSWER] = answer; m[INVS] = N / ((t_warm1 - t_warm0) / 1e9);
    m[P50] = pct(lat, N, .5); m[P99] = pct(lat, N, .99); m[TURN] = pct(turn, N, .5);
    m[ICPU] = cpu_init / 1e6; m[WCPU] = (cpu_w1 - cpu_w0) / 1e3 / N;
    m[USER] = ru.ru_utime.tv_sec * 1e3 + ru.ru_utime.tv_usec / 1e3; m[SYS] = ru.ru_stime.tv_sec * 1e3 + ru.ru_stime.tv_usec / 1e3;
    m[ERRS] = errs;
    return 1;
}
static void line(FILE *o, double *m, int runs) {
    fprintf(o, "{\"label\":\"%s\",\"runs\":%d,\"warm\":%d", label, runs, N);
    for (int i = 0; i < NM; i++) fprintf(o, ",\"%s\":%.*f", names[i], i == COLD || i == FIRST || i == ANSWER || i == ICPU ? 3 : 1, m[i]);
    fprintf(o, ",\"response\":\"");
    for (char *p = resp; *p; p++) { if (*p == '"' || *p == '\\') fputc('\\', o); if ((unsigned char)*p >= 32) fputc(*p, o); }
    fprintf(o, "\"}\n"); fflush(o);
}
int main(int argc, char **argv) {
    int o;
    while ((o = getopt(argc, argv, "+e:n:w:r:p:c:C:T:H:t:E:L:o:g:sai")) != -1) switch (o) {
        case 'e': {
            FILE *f = fopen(optarg, "rb"); if (!f) die("cannot read %s", optarg);
            if (nev == MAXE) die("too many -e");
            struct stat st; fstat(fileno(f), &st); ev[nev] = malloc(st.st_size + 1);
            evlen[nev] = fread(ev[nev], 1, st.st_size, f); fclose(f); nev++; break;
        }
        case 'n': N = atoi(optarg); break;      case 'w': W = atoi(optarg); break;
        case 'r': R = atoi(optarg); break;      case 'p': port = atoi(optarg); break;
        case 'c': cpu_srv = atoi(optarg); break; case 'C': cpu_child = atoi(optarg); break;
        case 'T': tmo = atoi(optarg); break;    case 'H': handler = optarg; break;
        case 't': root = realpath(optarg, NULL); if (!root) die("no %s", optarg); break;
        case 'E': if (nextra == 64) die("too many -E"); extra[nextra++] = optarg; break;
        case 'L': label = optarg; break;        case 'o': outfile = optarg; break;
        case 'g': gap_ns = atoll(optarg) * 1000; break;
        case 's': spin = 1; break;              case 'a': all = 1; break;
        case 'i': own_ids = 1; break;
        default: die("see the usage comment at the top of runtime_api.c");
    }
    if (optind >= argc || !nev) die("usage: runtime_api -e event.json [options] -- /path/to/bootstrap [args]");
    char *cmd = realpath(argv[optind], NULL); if (!cmd) die("no such command: %s", argv[optind]);
    if (strchr(argv[optind], '/')) argv[optind] = argv[optind][0] == '/' ? argv[optind] : cmd; else die("give the command with its path");
    for (int i = 0; own_ids && i < nev; i++) {
        static const char key[] = "\"connectionId\":\"";
        ev[i][evlen[i]] = 0; idplace[i] = strstr(ev[i], key);
        if (!idplace[i]) die("-i: an event has no connectionId");
        idplace[i] += sizeof key - 1;
        if (strcspn(idplace[i], "\"") < 16) die("-i: the event's connectionId is shorter than 16 characters");
    }
    signal(SIGPIPE, SIG_IGN);
    if (cpu_srv >= 0) { cpu_set_t s; CPU_ZERO(&s); CPU_SET(cpu_srv, &s); sched_setaffinity(0, sizeof s, &s); }
    lfd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int one = 1; setsockopt(lfd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t al = sizeof a;
    if (bind(lfd, (void *)&a, sizeof a) || listen(lfd, 128)) die("bind: %s", strerror(errno));
    getsockname(lfd, (void *)&a, &al); port = ntohs(a.sin_port);
    ep = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event x = {.events = EPOLLIN, .data.fd = lfd}; epoll_ctl(ep, EPOLL_CTL_ADD, lfd, &x);

    char api[64], h[256], tr[512]; char *env[128]; int k = 0;
    snprintf(api, sizeof api, "AWS_LAMBDA_RUNTIME_API=127.0.0.1:%d", port);
    snprintf(h, sizeof h, "_HANDLER=%s", handler); snprintf(tr, sizeof tr, "LAMBDA_TASK_ROOT=%s", root);
    static char *fixed[] = {"AWS_REGION=us-east-1", "AWS_DEFAULT_REGION=us-east-1", "AWS_ACCESS_KEY_ID=AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "AWS_SESSION_TOKEN=IQoJb3JpZ2luX2VjEXAMPLETOKEN",
        "AWS_LAMBDA_FUNCTION_NAME=bench", "AWS_LAMBDA_FUNCTION_VERSION=$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256",
        "AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/bench", "AWS_LAMBDA_LOG_STREAM_NAME=2026/11/02/[$LATEST]0123456789abcdef",
        "AWS_LAMBDA_INITIALIZATION_TYPE=on-demand", "AWS_EXECUTION_ENV=AWS_Lambda_provided.al2023", "LANG=en_US.UTF-8",
        "TZ=:UTC", "PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/tmp", NULL};
    env[k++] = api; env[k++] = h; env[k++] = tr;
    for (char **f = fixed; *f; f++) {
        int over = 0; size_t kl = strchr(*f, '=') - *f + 1;
        for (int i = 0; i < nextra; i++) over |= !strncmp(extra[i], *f, kl);
        if (!over) env[k++] = *f;
    }
    for (int i = 0; i < nextra; i++) env[k++] = extra[i];
    env[k] = NULL;
    lat = calloc(N, sizeof *lat); turn = calloc(N, sizeof *turn);
    double (*ms)[NM] = calloc(R, sizeof *ms); int ok = 0;
    for (int r = 0; r < R; r++) if (one_run(argv + optind, env, ms[ok])) { if (all) line(stderr, ms[ok], 1); ok++; }
    if (!ok) die("{\"label\":\"%s\",\"runs\":0}", label);
    double med[NM], col[R];
    for (int i = 0; i < NM; i++) {
        for (int r = 0; r < ok; r++) col[r] = ms[r][i];
        qsort(col, ok, sizeof *col, cmpd); med[i] = ok & 1 ? col[ok / 2] : (col[ok / 2 - 1] + col[ok / 2]) / 2;
    }
    line(stdout, med, ok);
    return ok == R ? 0 : 1;
}
