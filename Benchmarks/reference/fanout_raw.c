// The floor for posting to many connections over plain HTTP/1.1: raw non-blocking sockets and epoll, no HTTP library,
// no pipelining. From the project's measuring harness.
//
// usage: fanout_raw -p PORT [-s] [-n DELIVERIES] [-c CONNECTIONS] [-b BYTES] [-r ROUNDS]
//   -s  sign each post with the keys of the environment (signing.h)
// Connects, then posts a body of BYTES to each of DELIVERIES ids, ROUNDS times. Prints one JSON line; CPU is user and
// system time of the posting alone, microseconds a delivery, median and first of the rounds.
#define _GNU_SOURCE
#include "bodies.h"
#include "signing.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

typedef struct {
  int fd;
  char in[1024];
  size_t length;
} slot;

static int deliveries = 10000, connections = 64, body_bytes = 300, rounds = 1, port;
static int next_id, ok, bad, signs;
static char body[4096], host[64];
static signing keys;

static double now_s(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static double cpu_us(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 + u.ru_utime.tv_usec + u.ru_stime.tv_usec;
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void post(slot *s) {
  char id[ID_LENGTH + 1], request[8192];
  connection_id(next_id++, id);
  int n;
  if (signs) {
    n = signed_post(&keys, id, body, body_bytes, request);
  } else {
    n = sprintf(request,
                "POST /prod/@connections/%.15s%%3D HTTP/1.1\r\nHost: %s\r\n"
                "Content-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n",
                id, host, body_bytes);
    memcpy(request + n, body, body_bytes);
    n += body_bytes;
  }
  s->length = 0;
  if (write(s->fd, request, n) != n) {
    perror("write");
    exit(1);
  }
}

static void receive(slot *s) {
  ssize_t n = read(s->fd, s->in + s->length, sizeof s->in - 1 - s->length);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) {
    fprintf(stderr, "fanout_raw: the sink closed a connection\n");
    exit(1);
  }
  s->length += n;
  s->in[s->length] = 0;
  char *end = strstr(s->in, "\r\n\r\n");
  if (!end) return;
  char *field = strcasestr(s->in, "content-length:");
  size_t length = field ? strtoul(field + 15, NULL, 10) : 0;
  if (s->length < (size_t)(end - s->in) + 4 + length) return;
  if (memcmp(s->in + 9, "200", 3)) bad++;
  else ok++;
  if (next_id < deliveries) post(s);
}

static slot *connect_all(int epoll) {
  slot *slots = calloc(connections, sizeof *slots);
  for (int i = 0; i < connections; i++) {
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = slots[i].fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    if (connect(fd, (void *)&a, sizeof a)) {
      perror("connect");
      exit(1);
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &slots[i]};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
  }
  return slots;
}

static void round_of_posts(int epoll, slot *slots) {
  next_id = ok = bad = 0;
  for (int i = 0; i < connections && i < deliveries; i++) post(&slots[i]);
  while (ok + bad < deliveries) {
    struct epoll_event events[256];
    int n = epoll_wait(epoll, events, 256, 1000);
    for (int i = 0; i < n; i++) receive(events[i].data.ptr);
  }
}

int main(int argc, char **argv) {
  for (int o; (o = getopt(argc, argv, "p:sn:c:b:r:")) != -1;) {
    if (o == 'p') port = atoi(optarg);
    else if (o == 's') signs = 1;
    else if (o == 'n') deliveries = atoi(optarg);
    else if (o == 'c') connections = atoi(optarg);
    else if (o == 'b') body_bytes = atoi(optarg);
    else if (o == 'r') rounds = atoi(optarg);
    else return 2;
  }
  if (body_bytes > (int)sizeof body) body_bytes = sizeof body;
  fill_body(body, body_bytes);
  sprintf(host, "127.0.0.1:%d", port);
  int epoll = epoll_create1(0);
  slot *slots = connect_all(epoll);
  double cpu[rounds], rate[rounds], first = 0;
  int refused = 0;
  for (int r = 0; r < rounds; r++) {
    if (signs) signing_begin(&keys, host, body, body_bytes);
    double c = cpu_us(), t = now_s();
    round_of_posts(epoll, slots);
    cpu[r] = (cpu_us() - c) / deliveries;
    rate[r] = deliveries / (now_s() - t);
    if (!r) first = cpu[0];
    refused += bad;
  }
  qsort(cpu, rounds, sizeof *cpu, by_value);
  qsort(rate, rounds, sizeof *rate, by_value);
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  printf("{\"client\":\"raw C\",\"deliveries\":%d,\"bad\":%d,\"cpu_us\":%.3f,\"first_cpu_us\":%.3f,"
         "\"per_second\":%.0f,\"peak_kb\":%ld}\n",
         deliveries, refused, cpu[rounds / 2], first, rate[rounds / 2], u.ru_maxrss);
  return refused != 0;
}
