/* subscribers.c - many clients of the streams' protocol, in one process: they say hello, wait for ready, and time what comes.
 * build: gcc -O2 -Wall -o subscribers subscribers.c -lz
 * usage: subscribers -p PORT [-n 1000] [-m 100] [-r 5] [-k 1] [-e 1] [-u 0] [-b 150] [-w /dev] [-g] [-c CPU] [-L label]
 *        subscribers -p PORT -R ROUNDS [-m 1000] [-b 150] [-g] [-c CPU] [-L label]
 *
 *   -m publishes of -e events each, -r publishes a second, each over a connection of its own if those before are not answered;
 *      event n has the key n mod (-k)
 *   -u every so many publishes are of high priority; their latency is told apart
 *   -g clients accept gzip too, beside batch and parts
 *   -R instead: ROUNDS times a client that has left comes back with its cursor, and lacks -m events; from its hello to ready
 *
 * A publish is timed from the moment it was due, not from when it could be written. The latency is that of the events shown; for
 * the ratio those count too which another of their key stands for, as its "folded" says. What the state of the stream tells is
 * not counted. Prints one JSON line; the exit status is 1 if a client lacks an event, or was shown one twice.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

enum { CONNECTING, UPGRADING, GREETED, READY, LEFT };
enum { MOST_PUBLISHERS = 64 };

typedef struct {
  int fd, state, hellos, publisher; /* publisher: a connection to the Invoke API, not a client */
  uint8_t *in;
  size_t length, capacity;
  uint8_t *has;              /* a bit an event */
  uint64_t shown, folded, repeated, replayed;
  int64_t hello_ns, ready_ns;
  char cursor[1100];
  char *part;
  size_t part_length;
  int busy, answers;
} client;

static int port, clients_n = 1000, publishes = 100, keys = 1, each = 1, bytes = 150, urgent, takes_gzip, cpu = -1, rounds;
static double rate = 5;
static const char *path = "/dev", *label = "";
static int ep, events_n, ready_n, left_n;
static int64_t *due;         /* of each publish */
static float *latency;       /* of each arrival, in ms */
static uint8_t *is_urgent; /* of each arrival */
static size_t arrivals;
static uint64_t frames, text_bytes, unread, counted;
static char scratch[1 << 20];

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}
static void die(const char *format, ...) {
  va_list list;
  va_start(list, format);
  vfprintf(stderr, format, list);
  va_end(list);
  fputc('\n', stderr);
  exit(1);
}

// Sockets -------------------------------------------------------------------------------------------------------------

static void dial(client *c) {
  int one = 1;
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (c->fd < 0) die("socket: %s", strerror(errno));
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (connect(c->fd, (void *)&a, sizeof a) && errno != EINPROGRESS) die("connect: %s", strerror(errno));
  struct epoll_event e = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
  epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e);
  c->state = CONNECTING;
  c->length = 0;
}
static void leave(client *c) {
  if (c->state == READY) ready_n--;
  if (c->state != LEFT) close(c->fd);
  c->state = LEFT;
}
/* Everything sent here is small or goes to a server that reads at once. */
static void send_all(client *c, const void *data, size_t n) {
  const char *p = data;
  while (n) {
    ssize_t k = write(c->fd, p, n);
    if (k < 0 && errno == EAGAIN) {
      usleep(100);
      continue;
    }
    if (k <= 0) die("a server closed a connection while it was written to");
    p += k;
    n -= k;
  }
}
/* Masked with zeros: the bytes stay as they are. */
static void send_text(client *c, const char *text) {
  size_t n = strlen(text), h = 2;
  uint8_t head[8] = {0x81, 0x80 | (n < 126 ? n : 126)};
  if (n > 65535) die("a client's frame is too long");
  if (n >= 126) head[2] = n >> 8, head[3] = n, h = 4;
  memset(head + h, 0, 4);
  char whole[2048];
  memcpy(whole, head, h + 4);
  memcpy(whole + h + 4, text, n);
  send_all(c, whole, h + 4 + n);
}
static void say_hello(client *c) {
  char text[1600], cursor[1200] = "";
  if (c->cursor[0]) snprintf(cursor, sizeof cursor, "\"cursor\":\"%s\",", c->cursor);
  snprintf(text, sizeof text, "{\"type\":\"hello\",\"n\":%d,%s\"eventTypes\":[\"price:update\"],\"accept\":[\"batch\",%s\"parts\"]}",
           ++c->hellos, cursor, takes_gzip ? "\"gzip\"," : "");
  c->hello_ns = now_ns();
  send_text(c, text);
}

// What comes ----------------------------------------------------------------------------------------------------------

static int is_urgent_publish(int64_t publish) { return urgent && publish % urgent == urgent - 1; }
static void arrived(client *c, int64_t n, int64_t now) {
  if (n < 0 || n >= events_n) return;
  if (c->has[n / 8] >> n % 8 & 1) {
    c->repeated++;
    return;
  }
  c->has[n / 8] |= 1 << n % 8;
  is_urgent[arrivals] = is_urgent_publish(n / each);
  latency[arrivals++] = (now - due[n / each]) / 1e6;
}
/* Walks over the events of a frame: each ends with its number, and says "folded" before it. */
static void count_events(client *c, const char *text, size_t length, int64_t now) {
  const char *p = text, *end = text + length, *mark;
  while ((mark = memmem(p, end - p, "\"bench\":", 8))) {
    int64_t n = strtoll(mark + 8, NULL, 10), folded = 0;
    const char *f = memmem(p, mark - p, "\"folded\":", 9);
    if (memmem(p, mark - p, "\"replay\":", 9)) {
      c->replayed++;
    } else {
      if (f) folded = strtoll(f + 9, NULL, 10);
      c->shown++;
      c->folded += folded;
      counted += 1 + folded;
      if (due) arrived(c, n, now);
    }
    p = mark + 8;
  }
}
static int begins(const char *text, size_t length, const char *with) {
  return length >= strlen(with) && !memcmp(text, with, strlen(with));
}
static void frame(client *c, const char *text, size_t length, int64_t now);

static void gunzip(client *c, const char *text, size_t length, int64_t now) {
  const char *data = memmem(text, length, "\"data\":\"", 8);
  if (!data) die("a gzip frame without data");
  static int8_t value[256];
  static uint8_t packed[1 << 17];
  static char open[1 << 20];
  if (!value['B'])
    for (int i = 0; i < 64; i++) value[(int)"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[i]] = i;
  size_t n = 0;
  uint32_t group = 0;
  int bits = 0;
  for (data += 8; *data != '"' && *data != '='; data++) {
    group = group << 6 | value[(uint8_t)*data];
    if ((bits += 6) >= 8) packed[n++] = group >> (bits -= 8);
  }
  z_stream z = {.next_in = packed, .avail_in = n, .next_out = (uint8_t *)open, .avail_out = sizeof open};
  if (inflateInit2(&z, 31) != Z_OK || inflate(&z, Z_FINISH) != Z_STREAM_END) die("a gzip frame that is none");
  inflateEnd(&z);
  frame(c, open, z.total_out, now);
}
/* Parts come in order; of what they carry the escapes \" and \\ matter alone. */
static void join(client *c, const char *text, size_t length, int64_t now) {
  const char *index = memmem(text, length, "\"index\":", 8), *count = memmem(text, length, "\"count\":", 8);
  const char *data = memmem(text, length, "\"data\":\"", 8);
  if (!index || !count || !data) die("a part that is none");
  if (!c->part) c->part = malloc(1 << 20);
  if (atoi(index + 8) == 0) c->part_length = 0;
  for (data += 8; *data != '"'; data++) {
    if (*data == '\\') data++;
    c->part[c->part_length++] = *data;
  }
  if (atoi(index + 8) + 1 == atoi(count + 8)) frame(c, c->part, c->part_length, now);
}
static void frame(client *c, const char *text, size_t length, int64_t now) {
  if (begins(text, length, "{\"type\":\"ready\"")) {
    const char *cursor = memmem(text, length, "\"cursor\":\"", 10);
    if (cursor) snprintf(c->cursor, sizeof c->cursor, "%.*s", (int)strcspn(cursor + 10, "\""), cursor + 10);
    c->ready_ns = now;
    if (c->state != READY) ready_n++;
    c->state = READY;
  } else if (begins(text, length, "{\"type\":\"gzip\"")) {
    gunzip(c, text, length, now);
  } else if (begins(text, length, "{\"type\":\"part\"")) {
    join(c, text, length, now);
  } else if (begins(text, length, "{\"type\":\"batch\"") || begins(text, length, "{\"type\":\"price:update\"")) {
    count_events(c, text, length, now);
  } else if (begins(text, length, "{\"type\":\"error\"")) {
    fprintf(stderr, "%.*s\n", (int)(length > 300 ? 300 : length), text);
    unread++;
  } else if (!begins(text, length, "{\"type\":\"connection\"") && !begins(text, length, "{\"type\":\"resume\"") &&
             !begins(text, length, "{\"type\":\"snapshot\"")) {
    unread++;
  }
}
static void web_socket(client *c) {
  size_t at = 0;
  int64_t now = now_ns();
  while (c->length - at >= 2) {
    uint8_t *p = c->in + at;
    uint64_t n = p[1] & 127, h = 2;
    if (n == 126) h = 4;
    if (n == 127) h = 10;
    if (c->length - at < h) break;
    if (h == 4) n = p[2] << 8 | p[3];
    if (h == 10)
      for (n = 0, h = 2; h < 10; h++) n = n << 8 | p[h];
    if (c->length - at < h + n) break;
    int opcode = p[0] & 15;
    if (opcode == 1) {
      frames++;
      text_bytes += n;
      frame(c, (char *)p + h, n, now);
    } else if (opcode == 8) {
      left_n++;
      leave(c);
      return;
    } else if (opcode == 9) {
      send_all(c, "\x8a\x80\0\0\0\0", 6);
    }
    at += h + n;
  }
  memmove(c->in, c->in + at, c->length - at);
  c->length -= at;
}
static void on_input(client *c) {
  for (;;) {
    if (c->capacity - c->length < 1 << 15) c->in = realloc(c->in, c->capacity = c->capacity * 2 + (1 << 16));
    ssize_t k = read(c->fd, c->in + c->length, c->capacity - c->length - 1);
    if (k < 0 && errno == EAGAIN) return;
    if (k <= 0) {
      if (c->publisher) die("the Invoke API closed a connection");
      left_n++;
      leave(c);
      return;
    }
    c->length += k;
    c->in[c->length] = 0;
    if (c->publisher) {
      char *end = strstr((char *)c->in, "\r\n\r\n"), *n = strcasestr((char *)c->in, "content-length:");
      if (!end || !n || c->length < end + 4 - (char *)c->in + (size_t)atoi(n + 15)) continue;
      if (c->in[9] != '2' || !strstr(end, "\"rejected\":0")) die("publish: %.300s", c->in);
      c->busy = 0;
      c->answers++;
      c->length = 0;
    } else if (c->state == UPGRADING) {
      char *end = memmem(c->in, c->length, "\r\n\r\n", 4);
      if (!end) continue;
      if (memcmp(c->in + 9, "101", 3)) die("refused: %.200s", c->in);
      size_t rest = c->length - (end + 4 - (char *)c->in);
      memmove(c->in, end + 4, rest);
      c->length = rest;
      c->state = GREETED;
      say_hello(c);
      web_socket(c);
    } else {
      web_socket(c);
    }
    if (c->state == LEFT || c->length < 1 << 15) return;
  }
}
static void pump(int ms) {
  struct epoll_event e[256];
  int n = epoll_wait(ep, e, 256, ms);
  for (int i = 0; i < n; i++) {
    client *c = e[i].data.ptr;
    if (c->state == LEFT) continue;
    if (c->state == CONNECTING && e[i].events & EPOLLOUT) {
      struct epoll_event x = {.events = EPOLLIN, .data.ptr = c};
      epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &x);
      c->state = UPGRADING;
      if (!c->publisher) {
        int k = snprintf(scratch, sizeof scratch,
                         "GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", path);
        send_all(c, scratch, k);
      }
    } else if (e[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
      on_input(c);
    }
  }
}

// Publishing ----------------------------------------------------------------------------------------------------------

static void publish(client *c, int first, int count) {
  char *p = scratch + 256, *body = p;
  if (count > 1) p += sprintf(p, "{\"events\":[");
  for (int i = 0; i < count; i++) {
    int n = first + i;
    p += sprintf(p, "%s{\"type\":\"price:update\",\"key\":\"K%05d\",%s\"data\":{\"price\":152.5,\"pad\":\"", i ? "," : "", n % keys,
                 is_urgent_publish(n / each) ? "\"priority\":\"high\"," : "");
    memset(p, 'm', bytes);
    p += bytes;
    p += sprintf(p, "\",\"bench\":%d}}", n);
  }
  if (count > 1) p += sprintf(p, "]}");
  int length = p - body;
  char head[256];
  int h = snprintf(head, sizeof head,
                   "POST /2015-03-31/functions/Publisher/invocations HTTP/1.1\r\nHost: localhost\r\n"
                   "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n", length);
  memcpy(body - h, head, h);
  c->busy = 1;
  send_all(c, body - h, h + length);
}

// Figures -------------------------------------------------------------------------------------------------------------

static int by_float(const void *a, const void *b) {
  float x = *(float *)a, y = *(float *)b;
  return x < y ? -1 : x > y;
}
static double share(float *list, size_t n, double p) { return n ? list[(size_t)((n - 1) * p)] : 0; }

/* A connection that waits for no answer. */
static client *idle_publisher(client *list, int *count) {
  for (int i = 0; i < *count; i++)
    if (!list[i].busy) return &list[i];
  if (*count == MOST_PUBLISHERS) return NULL;
  client *c = &list[(*count)++];
  c->publisher = 1;
  dial(c);
  return c;
}
static int measure_arrivals(client *list) {
  due = calloc(publishes, sizeof *due);
  latency = malloc(sizeof *latency * events_n * (size_t)clients_n);
  is_urgent = malloc(events_n * (size_t)clients_n);
  client *posts = calloc(MOST_PUBLISHERS, sizeof *posts), *post;
  int posts_n = 0;
  idle_publisher(posts, &posts_n);
  for (int64_t stop = now_ns() + 300000000LL; now_ns() < stop;) pump(50);
  frames = text_bytes = counted = 0;
  int64_t start = now_ns() + 100000000LL;
  for (int i = 0; i < publishes; i++) due[i] = start + (int64_t)(i * 1e9 / rate);
  uint64_t want = (uint64_t)events_n * clients_n;
  int next = 0;
  int64_t give_up = due[publishes - 1] + 15000000000LL, held = 0;
  while (now_ns() < give_up && (next < publishes || counted < want)) {
    int64_t now = now_ns();
    if (next < publishes && due[next] <= now && (post = idle_publisher(posts, &posts_n))) {
      if (now - due[next] > held) held = now - due[next];
      publish(post, next * each, each);
      next++;
    }
    int64_t wait = next < publishes ? (due[next] - now_ns()) / 1000000 : 50;
    pump(wait < 0 ? 0 : wait > 50 ? 50 : wait);
  }
  double seconds = (now_ns() - start) / 1e9;
  for (int64_t stop = now_ns() + 300000000LL; now_ns() < stop;) pump(50); /* whether anything comes twice */
  uint64_t shown = 0, folded = 0, repeated = 0, lacking = 0;
  for (int i = 0; i < clients_n; i++) {
    shown += list[i].shown, folded += list[i].folded, repeated += list[i].repeated;
    lacking += list[i].shown + list[i].folded != (uint64_t)events_n;
  }
  float *fast = malloc(sizeof *fast * arrivals + 1), *usual = malloc(sizeof *usual * arrivals + 1);
  size_t fast_n = 0, usual_n = 0;
  for (size_t i = 0; i < arrivals; i++) {
    if (is_urgent[i]) fast[fast_n++] = latency[i];
    else usual[usual_n++] = latency[i];
  }
  qsort(fast, fast_n, sizeof *fast, by_float);
  qsort(usual, usual_n, sizeof *usual, by_float);
  printf("{\"label\":\"%s\",\"clients\":%d,\"events\":%d,\"events_per_s\":%.1f,\"counted\":%llu,\"wanted\":%llu,\"ratio\":%.6f,"
         "\"shown\":%llu,\"folded\":%llu,\"repeated\":%llu,\"lacking\":%llu,\"left\":%d,\"unread\":%llu,"
         "\"p50_ms\":%.2f,\"p95_ms\":%.2f,\"p99_ms\":%.2f,\"max_ms\":%.2f,\"urgent_p50_ms\":%.2f,\"urgent_p99_ms\":%.2f,"
         "\"frames_per_s\":%.0f,\"publish_held_ms\":%.1f,\"publishers\":%d}\n",
         label, clients_n, events_n, rate * each, (unsigned long long)counted, (unsigned long long)want, (double)counted / want,
         (unsigned long long)shown, (unsigned long long)folded, (unsigned long long)repeated, (unsigned long long)lacking, left_n,
         (unsigned long long)unread, share(usual, usual_n, .5), share(usual, usual_n, .95), share(usual, usual_n, .99),
         share(usual, usual_n, 1), share(fast, fast_n, .5), share(fast, fast_n, .99), frames / seconds, held / 1e6, posts_n);
  return lacking || repeated || left_n || unread;
}
static int measure_resumes(client *c) {
  client post = {.publisher = 1};
  dial(&post);
  float *took = calloc(rounds, sizeof *took);
  uint64_t lacking = 0, came = 0, said = 0;
  int made = 0;
  for (int r = 0; r < rounds; r++) {
    leave(c);
    for (int sent = 0; sent < publishes;) {
      int some = publishes - sent < 500 ? publishes - sent : 500, answers = post.answers;
      publish(&post, made, some);
      while (post.answers == answers) pump(100);
      sent += some;
      made += some;
    }
    c->replayed = c->shown = c->folded = 0;
    frames = text_bytes = 0;
    int ready = ready_n;
    dial(c);
    for (int64_t stop = now_ns() + 20000000000LL; ready_n == ready && now_ns() < stop;) pump(100);
    if (ready_n == ready) die("no ready came");
    took[r] = (c->ready_ns - c->hello_ns) / 1e6;
    came += c->replayed;
    said += frames;
    lacking += publishes - c->replayed;
  }
  qsort(took, rounds, sizeof *took, by_float);
  printf("{\"label\":\"%s\",\"rounds\":%d,\"missed\":%d,\"came\":%llu,\"frames\":%.1f,\"best_ms\":%.2f,\"p50_ms\":%.2f,\"p95_ms\":%.2f}\n", label,
         rounds, publishes, (unsigned long long)came, (double)said / rounds, took[0], share(took, rounds, .5), share(took, rounds, .95));
  return lacking != 0;
}

int main(int argc, char **argv) {
  int o;
  while ((o = getopt(argc, argv, "p:n:m:r:k:e:b:u:w:c:L:R:g")) != -1) switch (o) {
    case 'p': port = atoi(optarg); break;
    case 'n': clients_n = atoi(optarg); break;
    case 'm': publishes = atoi(optarg); break;
    case 'r': rate = atof(optarg); break;
    case 'k': keys = atoi(optarg); break;
    case 'e': each = atoi(optarg); break;
    case 'b': bytes = atoi(optarg); break;
    case 'u': urgent = atoi(optarg); break;
    case 'w': path = optarg; break;
    case 'c': cpu = atoi(optarg); break;
    case 'L': label = optarg; break;
    case 'R': rounds = atoi(optarg); break;
    case 'g': takes_gzip = 1; break;
    default: return 2;
    }
  if (!port || each * (bytes + 200) > (int)sizeof scratch - 512) die("see the usage at the top of subscribers.c");
  if (rounds) clients_n = 1;
  events_n = publishes * each;
  if (cpu >= 0) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof set, &set);
  }
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  ep = epoll_create1(EPOLL_CLOEXEC);
  client *list = calloc(clients_n, sizeof *list);
  for (int i = 0; i < clients_n; i++) {
    list[i].has = calloc(1, events_n / 8 + 1);
    dial(&list[i]);
    for (int64_t stop = now_ns() + 20000000000LL; i + 1 - ready_n > 50 && now_ns() < stop;) pump(100);
  }
  for (int64_t stop = now_ns() + 30000000000LL; ready_n < clients_n && now_ns() < stop;) pump(100);
  if (ready_n < clients_n) die("%d of %d clients are ready", ready_n, clients_n);
  return rounds ? measure_resumes(list) : measure_arrivals(list);
}
