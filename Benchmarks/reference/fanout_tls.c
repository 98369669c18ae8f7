// The floor for signed posting over TLS: connections that libcurl opens (CURLOPT_CONNECT_ONLY), bytes of our own through
// curl_easy_send and curl_easy_recv, epoll, no pipelining.
//
// usage: fanout_tls -p PORT -a ROOTS [-n DELIVERIES] [-c CONNECTIONS] [-b BYTES] [-r ROUNDS]
// Connects to https://localhost:PORT, verified by the PEM file ROOTS, then posts a body of BYTES to each of DELIVERIES ids,
// ROUNDS times. Prints the same JSON line as fanout_raw; the keys are the environment's (signing.h).
#define _GNU_SOURCE
#include "bodies.h"
#include "signing.h"
#include <curl/curl.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

typedef struct {
  CURL *easy;
  char in[4096];
  size_t length;
} slot;

static int deliveries = 10000, connections = 64, body_bytes = 300, rounds = 1, port;
static int next_id, ok, bad;
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

static void fail(const char *what) {
  fprintf(stderr, "fanout_tls: %s\n", what);
  exit(1);
}

static void post(slot *s) {
  char id[ID_LENGTH + 1], request[8192];
  connection_id(next_id++, id);
  size_t length = signed_post(&keys, id, body, body_bytes, request), sent = 0;
  s->length = 0;
  if (curl_easy_send(s->easy, request, length, &sent) != CURLE_OK || sent != length) fail("short send");
}

// True if an answer was read whole.
static int take(slot *s) {
  s->in[s->length] = 0;
  char *end = strstr(s->in, "\r\n\r\n");
  if (!end) return 0;
  char *field = strcasestr(s->in, "content-length:");
  size_t length = field ? strtoul(field + 15, NULL, 10) : 0;
  if (s->length < (size_t)(end - s->in) + 4 + length) return 0;
  if (memcmp(s->in + 9, "200", 3)) bad++;
  else ok++;
  return 1;
}

static void receive(slot *s) {
  for (;;) {
    size_t n = 0;
    CURLcode code = curl_easy_recv(s->easy, s->in + s->length, sizeof s->in - 1 - s->length, &n);
    if (code == CURLE_AGAIN) return;
    if (code != CURLE_OK || !n) fail("the sink closed a connection");
    s->length += n;
    // Bytes that TLS holds while the socket is silent can only be the rest of this answer.
    if (!take(s)) continue;
    if (next_id < deliveries) post(s);
    return;
  }
}

static slot *connect_all(int epoll, const char *roots) {
  CURLM *multi = curl_multi_init();
  slot *slots = calloc(connections, sizeof *slots);
  char url[80];
  sprintf(url, "https://%s/", host);
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, 4096L);
  for (int i = 0; i < connections; i++) {
    CURL *easy = slots[i].easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_CAINFO, roots);
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_ENABLE_ALPN, 0L);
    curl_multi_add_handle(multi, easy);
    for (int running = 1; running;) {
      curl_multi_perform(multi, &running);
      if (running) curl_multi_poll(multi, NULL, 0, 1000, NULL);
    }
    CURLMsg *message = NULL;
    for (int left; (message = curl_multi_info_read(multi, &left));)
      if (message->data.result != CURLE_OK) fail(curl_easy_strerror(message->data.result));
    size_t n;
    char byte;
    curl_easy_recv(easy, &byte, 1, &n);  // libcurl 7.88 ties the connection to its handle here.
    curl_socket_t socket = -1;
    curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &socket);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &slots[i]};
    epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event);
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
  const char *roots = NULL;
  for (int o; (o = getopt(argc, argv, "p:a:n:c:b:r:")) != -1;) {
    if (o == 'p') port = atoi(optarg);
    else if (o == 'a') roots = optarg;
    else if (o == 'n') deliveries = atoi(optarg);
    else if (o == 'c') connections = atoi(optarg);
    else if (o == 'b') body_bytes = atoi(optarg);
    else if (o == 'r') rounds = atoi(optarg);
    else return 2;
  }
  if (body_bytes > (int)sizeof body) body_bytes = sizeof body;
  fill_body(body, body_bytes);
  sprintf(host, "localhost:%d", port);
  curl_global_init(CURL_GLOBAL_SSL);
  int epoll = epoll_create1(0);
  slot *slots = connect_all(epoll, roots);
  double cpu[rounds], rate[rounds], first = 0;
  int refused = 0;
  for (int r = 0; r < rounds; r++) {
    signing_begin(&keys, host, body, body_bytes);
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
  printf("{\"client\":\"C on libcurl's connections\",\"deliveries\":%d,\"bad\":%d,\"cpu_us\":%.3f,\"first_cpu_us\":%.3f,"
         "\"per_second\":%.0f,\"peak_kb\":%ld}\n",
         deliveries, refused, cpu[rounds / 2], first, rate[rounds / 2], u.ru_maxrss);
  return refused != 0;
}
