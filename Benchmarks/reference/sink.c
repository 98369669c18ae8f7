// A stand-in for API Gateway's @connections API: one thread, one epoll loop, HTTP/1.1 with connections kept. Answers
// every POST with an empty 200 as fast as it can. From the project's measuring harness.
//
// usage: sink [-k BYTES]
//   -k BYTES  check: every id is counted once and every body must be the BYTES bytes of bodies.h
// Listens on the loopback at a port that the system chooses, and prints it. On SIGTERM prints one JSON line:
//   requests, accepted (connections), and when checking: ids (distinct), repeated, wrong (bodies).
#define _GNU_SOURCE
#include "bodies.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct {
  int fd;
  char *in;
  size_t length, capacity;
} connection;

static uint64_t requests, accepted, ids, repeated, wrong;
static int checks;
static size_t expected_bytes;
static volatile sig_atomic_t stopping;

static void on_signal(int s) {
  (void)s;
  stopping = 1;
}

// Checking ------------------------------------------------------------------------------------------------------------

static uint64_t *seen;
static size_t seen_capacity;

// An open-addressed set of 64-bit FNV-1a hashes.
static void count_id(const char *id, size_t length) {
  uint64_t hash = 1469598103934665603ull;
  for (size_t i = 0; i < length; i++) hash = (hash ^ (unsigned char)id[i]) * 1099511628211ull;
  if (!hash) hash = 1;
  if (ids * 2 >= seen_capacity) {
    size_t old_capacity = seen_capacity;
    uint64_t *old = seen;
    seen_capacity = old_capacity ? old_capacity * 2 : 1 << 16;
    seen = calloc(seen_capacity, sizeof *seen);
    for (size_t i = 0; i < old_capacity; i++) {
      if (!old[i]) continue;
      size_t place = old[i] & (seen_capacity - 1);
      while (seen[place]) place = (place + 1) & (seen_capacity - 1);
      seen[place] = old[i];
    }
    free(old);
  }
  size_t place = hash & (seen_capacity - 1);
  while (seen[place] && seen[place] != hash) place = (place + 1) & (seen_capacity - 1);
  if (seen[place]) repeated++;
  else {
    seen[place] = hash;
    ids++;
  }
}

static void check(const char *path, const char *path_end, const char *body, size_t body_length) {
  const char *id = memmem(path, path_end - path, "@connections/", 13);
  if (!id) {
    wrong++;
    return;
  }
  count_id(id + 13, path_end - id - 13);
  int is_right = body_length == expected_bytes;
  for (size_t i = 0; is_right && i < body_length; i++) is_right = body[i] == body_byte(i);
  if (!is_right) wrong++;
}

// Serving -------------------------------------------------------------------------------------------------------------

static void drop(connection *c) {
  close(c->fd);
  free(c->in);
  free(c);
}

static size_t content_length(const char *head) {
  for (const char *line = head; (line = strchr(line, '\n'));) {
    line++;
    if ((*line | 32) == 'c' && !strncasecmp(line, "content-length:", 15)) return strtoul(line + 15, NULL, 10);
  }
  return 0;
}

// The bytes of the first whole request, answered; 0 if there is none yet, -1 if it is none.
static ssize_t take_request(connection *c, char *start, size_t length) {
  static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  char *end = memmem(start, length, "\r\n\r\n", 4);
  if (!end) return 0;
  size_t head = end - start + 4;
  *end = 0;
  size_t body = content_length(start);
  *end = '\r';
  if (length < head + body) return 0;
  char *path = memchr(start, ' ', head);
  char *path_end = path ? memchr(path + 1, ' ', end - path - 1) : NULL;
  if (!path_end) return -1;
  requests++;
  if (checks) check(path + 1, path_end, start + head, body);
  if (write(c->fd, answer, sizeof answer - 1) != sizeof answer - 1) return -1;
  return head + body;
}

static void serve(connection *c) {
  for (;;) {
    if (c->capacity - c->length < 8192) c->in = realloc(c->in, c->capacity = c->capacity * 2 + 16384);
    size_t room = c->capacity - c->length;
    ssize_t n = read(c->fd, c->in + c->length, room);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) return drop(c);
    c->length += n;
    size_t done = 0;
    for (ssize_t used; (used = take_request(c, c->in + done, c->length - done));) {
      if (used < 0) return drop(c);
      done += used;
    }
    memmove(c->in, c->in + done, c->length -= done);
    if ((size_t)n < room) return;
  }
}

static void accept_all(int epoll, int listener) {
  for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    connection *c = calloc(1, sizeof *c);
    c->fd = fd;
    accepted++;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
  }
}

int main(int argc, char **argv) {
  for (int o; (o = getopt(argc, argv, "k:")) != -1;) {
    if (o != 'k') return 2;
    checks = 1;
    expected_bytes = strtoul(optarg, NULL, 10);
  }
  signal(SIGPIPE, SIG_IGN);
  struct sigaction stop = {.sa_handler = on_signal};
  sigaction(SIGINT, &stop, NULL);
  sigaction(SIGTERM, &stop, NULL);
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);

  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  if (bind(listener, (void *)&address, size) || listen(listener, 4096) ||
      getsockname(listener, (void *)&address, &size)) {
    perror("sink");
    return 1;
  }
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);

  int epoll = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
  while (!stopping) {
    struct epoll_event events[256];
    int n = epoll_wait(epoll, events, 256, -1);
    for (int i = 0; i < n; i++) {
      if (events[i].data.ptr) serve(events[i].data.ptr);
      else accept_all(epoll, listener);
    }
  }
  printf("{\"requests\":%llu,\"accepted\":%llu,\"ids\":%llu,\"repeated\":%llu,\"wrong\":%llu}\n",
         (unsigned long long)requests, (unsigned long long)accepted, (unsigned long long)ids,
         (unsigned long long)repeated, (unsigned long long)wrong);
  return 0;
}
