// A stand-in for API Gateway's @connections API: one thread, one epoll loop, HTTP/1.1 with connections kept. Answers
// every POST with an empty 200 as fast as it can. From the project's measuring harness.
//
// usage: sink [-k BYTES] [-s] [-d MILLISECONDS]
//   -k BYTES         check: every id is counted once and every body must be the BYTES bytes of bodies.h
//   -s               check every signature too, with the keys of the environment (signing.h)
//   -d MILLISECONDS  each answer takes so long
// Listens on the loopback at a port that the system chooses, and prints it. On SIGTERM prints one JSON line:
//   requests, accepted (connections), and when checking: ids (distinct), repeated, wrong (bodies), forged (signatures).
#define _GNU_SOURCE
#include "bodies.h"
#include "signing.h"
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

typedef struct connection {
  int fd;
  char *in;
  size_t length, capacity;
  struct connection *next;
  uint64_t due_ms;
} connection;

static uint64_t requests, accepted, ids, repeated, wrong, forged;
static int checks, checks_signatures, delay_ms;
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

// A header's value, up to its line's end; empty if there is none.
static void header(const char *head, const char *name, char *value, size_t capacity) {
  size_t length = strlen(name);
  value[0] = 0;
  for (const char *line = head; (line = strchr(line, '\n'));) {
    line++;
    if (strncasecmp(line, name, length) || line[length] != ':') continue;
    snprintf(value, capacity, "%.*s", (int)strcspn(line + length + 2, "\r\n"), line + length + 2);
    return;
  }
}

// Signs the request as it came, at its own time and for its own host, and compares. The path came encoded once.
static void check_signature(const char *head, const char *path, const char *path_end, const char *body, size_t length) {
  static signing keys;
  char host[128], date[32], token[2048], said[4096], expected[4096], signature[65], signed_path[512], *p = signed_path;
  unsigned char digest[32];
  header(head, "host", host, sizeof host);
  header(head, "x-amz-date", date, sizeof date);
  header(head, "x-amz-security-token", token, sizeof token);
  header(head, "authorization", said, sizeof said);
  if (!keys.region[0]) signing_begin(&keys, host, "", 0);
  if (strlen(date) != 16 || strcmp(token, keys.token) || path_end - path > 100) {
    forged++;
    return;
  }
  snprintf(keys.host, sizeof keys.host, "%s", host);
  signing_at(&keys, date);
  SHA256((const unsigned char *)body, length, digest);
  hexadecimal(digest, keys.body_hash);
  for (const char *c = path; c < path_end; c++) {
    if (*c == '@') p = stpcpy(p, "%40");
    else if (*c == '%') p = stpcpy(p, "%25");
    else *p++ = *c;
  }
  *p = 0;
  sign_post(&keys, signed_path, signature);
  snprintf(expected, sizeof expected,
           "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=host;x-amz-date;x-amz-security-token, Signature=%s", keys.id,
           keys.scope, signature);
  if (strcmp(expected, said)) forged++;
}

// Answers that wait for their time, the first due first: each takes equally long.
static connection *first_due, *last_due;

static uint64_t now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000ull + t.tv_nsec / 1000000;
}

// Serving -------------------------------------------------------------------------------------------------------------

static void forget_answer(connection *c) {
  connection *before = NULL;
  for (connection *each = first_due; each; before = each, each = each->next) {
    if (each != c) continue;
    if (before) before->next = c->next;
    else first_due = c->next;
    if (last_due == c) last_due = before;
    return;
  }
}

static void drop(connection *c) {
  forget_answer(c);
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

static int answer(connection *c) {
  static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  return write(c->fd, text, sizeof text - 1) == sizeof text - 1;
}

// A client that does not pipeline has at most one answer outstanding on a connection.
static int answer_later(connection *c) {
  c->due_ms = now_ms() + delay_ms;
  c->next = NULL;
  if (last_due) last_due->next = c;
  else first_due = c;
  last_due = c;
  return 1;
}

// How long to wait for the next one, -1 for ever.
static int answer_due(void) {
  while (first_due) {
    uint64_t now = now_ms();
    if (first_due->due_ms > now) return first_due->due_ms - now;
    connection *c = first_due;
    first_due = c->next;
    if (!first_due) last_due = NULL;
    answer(c);
  }
  return -1;
}

// The bytes of the first whole request, answered; 0 if there is none yet, -1 if it is none.
static ssize_t take_request(connection *c, char *start, size_t length) {
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
  if (checks_signatures) {
    *end = 0;
    check_signature(start, path + 1, path_end, start + head, body);
    *end = '\r';
  }
  if (!(delay_ms ? answer_later(c) : answer(c))) return -1;
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
  for (int o; (o = getopt(argc, argv, "k:sd:")) != -1;) {
    if (o == 's') checks_signatures = 1;
    else if (o == 'd') delay_ms = atoi(optarg);
    else if (o == 'k') {
      checks = 1;
      expected_bytes = strtoul(optarg, NULL, 10);
    } else return 2;
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
    int n = epoll_wait(epoll, events, 256, answer_due());
    for (int i = 0; i < n; i++) {
      if (events[i].data.ptr) serve(events[i].data.ptr);
      else accept_all(epoll, listener);
    }
  }
  printf("{\"requests\":%llu,\"accepted\":%llu,\"ids\":%llu,\"repeated\":%llu,\"wrong\":%llu,"
         "\"forged\":%llu}\n",
         (unsigned long long)requests, (unsigned long long)accepted, (unsigned long long)ids,
         (unsigned long long)repeated, (unsigned long long)wrong, (unsigned long long)forged);
  return 0;
}
