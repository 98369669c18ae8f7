/* floor.c - the physical floor: a Lambda bootstrap on one raw blocking socket, no library but libc, no JSON parsing.
 * Answers every event with {"statusCode":200}. From the project's measuring harness.
 * build: gcc -O2 -static -o floor floor.c      run: only under runtime_api (needs AWS_LAMBDA_RUNTIME_API=ip:port)
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

static char buf[1 << 20]; static size_t len; static int s;

/* read one whole response; returns header length, whole length in *total */
static size_t get(size_t *total) {
    for (;;) {
        char *e = memmem(buf, len, "\r\n\r\n", 4);
        if (e) {
            size_t hl = e - buf + 4, cl = 0; char save = *e; *e = 0;
            char *p = strcasestr(buf, "\ncontent-length:"); if (p) cl = strtoul(p + 16, NULL, 10);
            *e = save;
            if (len >= hl + cl) { *total = hl + cl; return hl; }
        }
        ssize_t n = read(s, buf + len, sizeof buf - 1 - len);
        if (n <= 0) exit(1);
        len += n;
    }
}
static void drop(size_t n) { memmove(buf, buf + n, len - n); len -= n; }
static void put(const char *p, size_t n) { while (n) { ssize_t k = write(s, p, n); if (k <= 0) exit(1); p += k; n -= k; } }

int main(void) {
    char host[64], req[256], post[512]; const char *api = getenv("AWS_LAMBDA_RUNTIME_API"); if (!api) return 2;
    snprintf(host, sizeof host, "%s", api); char *c = strchr(host, ':'); if (!c) return 2; *c = 0;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(atoi(c + 1))}; inet_pton(AF_INET, host, &a.sin_addr);
    s = socket(AF_INET, SOCK_STREAM, 0); int one = 1; setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(s, (void *)&a, sizeof a)) return 1;
    size_t rl = snprintf(req, sizeof req, "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: %s\r\n\r\n", api), t;
    static const char body[] = "{\"statusCode\":200}";
    for (;;) {
        put(req, rl);
        get(&t);
        char *p = strcasestr(buf, "\nlambda-runtime-aws-request-id:"); if (!p) return 1;
        p += 31; while (*p == ' ') p++;
        int il = strcspn(p, "\r\n");
        size_t pl = snprintf(post, sizeof post, "POST /2018-06-01/runtime/invocation/%.*s/response HTTP/1.1\r\nHost: %s\r\n"
                             "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", il, p, api, sizeof body - 1, body);
        drop(t);
        put(post, pl);
        get(&t); drop(t);
    }
}
