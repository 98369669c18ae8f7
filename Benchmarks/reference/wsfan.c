/* wsfan.c - hold N WebSocket or SSE subscribers on a local pub/sub server, publish to them by HTTP POST, measure the deliveries.
 * build: gcc -O2 -Wall -o wsfan wsfan.c
 * usage: wsfan [-p 9580] [-k ws|sse] [-n 5000] [-m 100] [-b 300] [-s /ws?ch=a] [-u /pub?ch=a] [-g SERVER_MASTER_PID] [-c CPU] [-L label]
 *              [-J TYPE] [-w 0] [-a] [-I]
 *   -J TYPE  publish {"type":TYPE,"data":"mmm..."} (the body is JSON of B bytes) instead of B bytes of text
 *   -a       count only the master's memory and CPU, not its children's
 *   -w MS    so long after a message has reached all, before the next (phase 1)
 *   -I       idle only: connect, measure memory, print, publish nothing
 *   phase 1 (latency): publish one message, wait until all N subscribers have it, then the next; M messages
 *           last_p50_ms/last_p99_ms = publish -> last delivery; each_p50_ms/each_p99_ms = publish -> delivery, over all N*M deliveries
 *   phase 2 (burst):   publish M messages back to back; burst_per_s = N*M / (first publish -> last delivery)
 *   memory: Pss of the server's processes (master + children of -g) before connecting and with N idle subscribers
 *   server CPU per delivery (both phases), from the process CPU clocks of the same processes. Prints one JSON line.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

typedef struct { int fd, state, hn; uint8_t h[14]; uint64_t skip; int line, data; } sub;   /* state: 0 connecting, 1 headers, 2 live */
static int port = 9580, N = 5000, M = 100, B = 300, sse, cpu = -1; static pid_t srv;
static const char *jtype; static int alone, idle, rest;
static const char *spath, *ppath = "/pub?ch=a", *label = "";
static sub *subs; static int ep, live, failed; static uint64_t delivered; static int pubfd, pub_answers;
static int64_t t_pub; static double *each; static size_t ne; static char big[1 << 18];

static int64_t now_ns(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1000000000LL + t.tv_nsec; }
static int cmpd(const void *a, const void *b) { double x = *(double *)a, y = *(double *)b; return x < y ? -1 : x > y; }
static int dial(int nb) {
    int fd = socket(AF_INET, SOCK_STREAM | (nb ? SOCK_NONBLOCK : 0), 0), one = 1; setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (connect(fd, (void *)&a, sizeof a) && errno != EINPROGRESS) { perror("connect"); exit(1); }
    return fd;
}
static void got(int n) { delivered += n; if (each && n) { double d = (now_ns() - t_pub) / 1e6; while (n-- && ne < (size_t)N * M) each[ne++] = d; } }
static int eat_ws(sub *s, const uint8_t *p, size_t n) {               /* count whole server frames with text/binary payload */
    int c = 0;
    while (n) {
        if (s->skip) { size_t k = n < s->skip ? n : s->skip; s->skip -= k; p += k; n -= k; if (!s->skip) { if ((s->h[0] & 15) < 3) c++; s->hn = 0; } continue; }
        s->h[s->hn++] = *p++; n--;
        int need = 2; if (s->hn >= 2) { int l = s->h[1] & 127; need = l == 126 ? 4 : l == 127 ? 10 : 2; }
        if (s->hn == need && s->hn >= 2) {
            int l = s->h[1] & 127; uint64_t len = l; if (l == 126) len = s->h[2] << 8 | s->h[3]; else if (l == 127) { len = 0; for (int i = 2; i < 10; i++) len = len << 8 | s->h[i]; }
            if ((s->h[0] & 15) == 9) { uint8_t pong[6] = {0x8a, 0x80, 0, 0, 0, 0}; if (write(s->fd, pong, 6) < 0) {} }
            s->skip = len; if (!len) { if ((s->h[0] & 15) < 3) c++; s->hn = 0; }
        }
    }
    return c;
}
static int eat_sse(sub *s, const uint8_t *p, size_t n) {              /* an event = a blank line after at least one data line */
    int c = 0; static const char D[] = "data";
    for (; n--; p++) {
        if (*p == '\n') { if (s->line == 0 && s->data) { c++; s->data = 0; } s->line = 0; continue; }
        if (s->line >= 0 && s->line < 4 && *p == (uint8_t)D[s->line]) { if (++s->line == 4) { s->data = 1; s->line = -1; } } else s->line = -1;
    }
    return c;
}
static void drop(sub *s) { epoll_ctl(ep, EPOLL_CTL_DEL, s->fd, NULL); close(s->fd); if (s->state == 2) live--; s->state = 3; failed++; }
static void on_sub(sub *s, uint32_t ev) {
    if (s->state == 0 && ev & EPOLLOUT) {
        char rq[512]; int n = sse ? snprintf(rq, sizeof rq, "GET %s HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n", spath)
            : snprintf(rq, sizeof rq, "GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", spath);
        if (write(s->fd, rq, n) != n) { drop(s); return; }
        s->state = 1; struct epoll_event x = {.events = EPOLLIN, .data.ptr = s}; epoll_ctl(ep, EPOLL_CTL_MOD, s->fd, &x); return;
    }
    for (;;) {
        ssize_t n = read(s->fd, big, sizeof big - 1);
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0) { drop(s); return; }
        char *p = big; size_t l = n;
        if (s->state == 1) {
            big[n] = 0; char *e = strstr(big, "\r\n\r\n"); if (!e) return;      /* loopback: headers come whole */
            if (memcmp(big + 9, sse ? "200" : "101", 3)) { if (!failed) fprintf(stderr, "refused: %.80s\n", big); drop(s); return; }
            s->state = 2; live++; p = e + 4; l -= p - big;
        }
        got(sse ? eat_sse(s, (uint8_t *)p, l) : eat_ws(s, (uint8_t *)p, l));
        if (n < (ssize_t)sizeof big - 1) return;
    }
}
static void pump(int ms) {
    struct epoll_event e[512]; int n = epoll_wait(ep, e, 512, ms);
    for (int i = 0; i < n; i++) {
        if (e[i].data.ptr) { on_sub(e[i].data.ptr, e[i].events); continue; }
        ssize_t k = read(pubfd, big, sizeof big - 1); if (k <= 0) { fprintf(stderr, "publisher closed\n"); exit(1); }
        big[k] = 0; for (char *p = big; (p = strstr(p, "HTTP/1.1 ")); p += 9) { pub_answers++; if (p[9] != '2') { fprintf(stderr, "publish: %.60s\n", p); exit(1); } }
    }
}
static void publish(int seq) {
    char rq[512 + 8192]; int n = snprintf(rq, 512, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", ppath, B);
    memset(rq + n, 'm', B);
    if (jtype) { int h = sprintf(rq + n, "{\"type\":\"%s\",\"data\":\"%08d", jtype, seq); rq[n + h] = ' '; rq[n + B - 2] = '"'; rq[n + B - 1] = '}'; }
    else { sprintf(rq + n, "%08d", seq); rq[n + 8] = ' '; }
    if (write(pubfd, rq, n + B) != n + B) { perror("publish"); exit(1); }
}
static void servers(void (*f)(pid_t, void *), void *u) {
    if (!srv) return;
    f(srv, u); if (alone) return;
    DIR *d = opendir("/proc"); struct dirent *e;
    while ((e = readdir(d))) { char p[300], b[512]; pid_t id = atoi(e->d_name); if (id <= 0) continue; snprintf(p, sizeof p, "/proc/%d/stat", id); FILE *g = fopen(p, "r"); if (!g) continue;
        int pp = 0; if (fgets(b, sizeof b, g)) { char *c = strrchr(b, ')'); if (c) sscanf(c + 2, "%*c %d", &pp); } fclose(g); if (pp == srv) f(id, u); }
    closedir(d);
}
static void add_pss(pid_t p, void *u) { char f[64], l[256]; snprintf(f, sizeof f, "/proc/%d/smaps_rollup", p); FILE *g = fopen(f, "r"); if (!g) return; while (fgets(l, sizeof l, g)) if (!strncmp(l, "Pss:", 4)) *(double *)u += atof(l + 4); fclose(g); }
static void add_cpu(pid_t p, void *u) { clockid_t c; struct timespec t; if (!clock_getcpuclockid(p, &c) && !clock_gettime(c, &t)) *(double *)u += t.tv_sec * 1e6 + t.tv_nsec / 1e3; }
int main(int argc, char **argv) {
    int o; while ((o = getopt(argc, argv, "p:k:n:m:b:s:u:g:c:L:J:w:aI")) != -1) switch (o) {
        case 'p': port = atoi(optarg); break; case 'k': sse = !strcmp(optarg, "sse"); break; case 'n': N = atoi(optarg); break; case 'm': M = atoi(optarg); break; case 'b': B = atoi(optarg); break;
        case 's': spath = optarg; break; case 'u': ppath = optarg; break; case 'g': srv = atoi(optarg); break; case 'c': cpu = atoi(optarg); break; case 'L': label = optarg; break; case 'J': jtype = optarg; break; case 'w': rest = atoi(optarg); break; case 'a': alone = 1; break; case 'I': idle = 1; break; default: return 2; }
    if (!spath) spath = sse ? "/sse?ch=a" : "/ws?ch=a";
    if (B < 16) B = 16;
    if (B > 8192) B = 8192;
    if (cpu >= 0) { cpu_set_t s; CPU_ZERO(&s); CPU_SET(cpu, &s); sched_setaffinity(0, sizeof s, &s); }
    struct rlimit rl; getrlimit(RLIMIT_NOFILE, &rl); rl.rlim_cur = rl.rlim_max; setrlimit(RLIMIT_NOFILE, &rl);
    double pss0 = 0, pss1 = 0, c0 = 0, c1 = 0, c2 = 0; servers(add_pss, &pss0);
    ep = epoll_create1(0); subs = calloc(N, sizeof *subs); int64_t t0 = now_ns(), stop;
    for (int i = 0; i < N; i++) {
        subs[i].fd = dial(1); struct epoll_event x = {.events = EPOLLIN | EPOLLOUT, .data.ptr = &subs[i]}; epoll_ctl(ep, EPOLL_CTL_ADD, subs[i].fd, &x);
        while (i + 1 - live - failed > 200) pump(1000);
    }
    for (stop = now_ns() + 180000000000LL; live + failed < N && now_ns() < stop;) pump(100);
    double conn_s = (now_ns() - t0) / 1e9; 
    uint64_t greeted;   /* until nothing came for a while: a greeting is no delivery */
    do { greeted = delivered; for (stop = now_ns() + 1000000000LL; now_ns() < stop;) pump(50); } while (delivered != greeted);
    servers(add_pss, &pss1);
    if (!live) { fprintf(stderr, "no subscriber connected (%d failed)\n", failed); return 1; }
    if (idle) {
        printf("{\"label\":\"%s\",\"kind\":\"idle\",\"subs\":%d,\"failed\":%d,\"connect_per_s\":%.0f,\"pss_idle_kb\":%.0f,\"pss_subs_kb\":%.0f,\"bytes_per_sub\":%.0f}\n",
            label, live, failed, live / conn_s, pss0, pss1, (pss1 - pss0) * 1024 / live);
        return failed != 0;
    }
    pubfd = dial(0); struct epoll_event x = {.events = EPOLLIN, .data.ptr = NULL}; epoll_ctl(ep, EPOLL_CTL_ADD, pubfd, &x);
    double last[M]; each = calloc((size_t)N * M, 8); uint64_t lost = 0; servers(add_cpu, &c0);
    for (int m = 0; m < M; m++) {
        delivered = 0; int a = pub_answers; t_pub = now_ns(); publish(m);
        for (stop = t_pub + 10000000000LL; delivered < (uint64_t)live && now_ns() < stop;) pump(100);
        last[m] = (now_ns() - t_pub) / 1e6; lost += live - delivered;
        while (pub_answers == a && now_ns() < stop) pump(100);
        for (stop = now_ns() + rest * 1000000LL; now_ns() < stop;) pump(10);
    }
    servers(add_cpu, &c1); double *keep = each; each = NULL; delivered = 0; uint64_t want = (uint64_t)live * M; t0 = now_ns();
    for (int m = 0; m < M; m++) { int a = pub_answers; publish(m); for (stop = now_ns() + 10000000000LL; pub_answers == a && now_ns() < stop;) pump(100); }
    for (stop = now_ns() + 20000000000LL; delivered < want && now_ns() < stop;) pump(100);
    double bs = (now_ns() - t0) / 1e9; uint64_t bdel = delivered; servers(add_cpu, &c2);
    double sum = 0; for (int i = 0; i < M; i++) sum += last[i];
    qsort(last, M, 8, cmpd); qsort(keep, ne, 8, cmpd); struct rusage ru; getrusage(RUSAGE_SELF, &ru);
    printf("{\"label\":\"%s\",\"kind\":\"%s\",\"subs\":%d,\"failed\":%d,\"messages\":%d,\"connect_per_s\":%.0f,\"lat_per_s\":%.0f,\"last_p50_ms\":%.2f,\"last_p99_ms\":%.2f,\"each_p50_ms\":%.2f,\"each_p99_ms\":%.2f,\"lost\":%llu,"
        "\"burst_per_s\":%.0f,\"burst_lost\":%llu,\"srv_cpu_us_lat\":%.3f,\"srv_cpu_us_burst\":%.3f,\"pss_idle_kb\":%.0f,\"pss_subs_kb\":%.0f,\"bytes_per_sub\":%.0f}\n", label, sse ? "sse" : "ws", live, failed, M, live / conn_s,
        (double)live * M / (sum / 1e3), last[M / 2], last[(int)(M * .99)], ne ? keep[ne / 2] : 0, ne ? keep[(size_t)(ne * .99)] : 0, (unsigned long long)lost, bdel / bs, (unsigned long long)(want - bdel),
        (c1 - c0) / ((double)live * M), (c2 - c1) / ((double)live * M), pss0, pss1, (pss1 - pss0) * 1024 / live);
    return lost || want != bdel;
}
