/* ssefan.c - many readers of text/event-stream in one process, and who publishes to them: memory, time and CPU of the server.
 * build: gcc -O2 -Wall -o ssefan ssefan.c -lz
 * usage: ssefan -p PORT [-s PATH] [-u PATH] [-n 1000] [-z] [-m 0] [-r 5] [-e 1] [-k 1] [-b 150] [-B BODIES] [-g PID] [-o 1] [-i 0] [-c CPU]
 *               [-L label]
 *
 *   -s  what is read, with its query; -u what is published to, the Invoke API's path of the Publisher unless it says so
 *   -z  readers accept gzip
 *   -o  so many readers are opened at a time
 *   -m  publishes of -e events each, -r publishes a second, each due at its moment whether those before are answered or not;
 *       event n has the key n mod (-k) and -b bytes of data
 *   -B  a file of events instead, one a line, each a publish
 *   -g  the server: of this process and its children memory and CPU are told
 *   -i  so many seconds in which nothing is published come first, for the CPU of streams in which nothing happens
 *
 * First bytes are timed from connect() to the first byte of the body; a publish from the moment it was due to the moment the
 * last byte of its frame was read. Memory is the sum of VmRSS (and of Pss) over the server's processes. Bytes are those of bodies: as they
 * came, and after gzip. Prints one JSON line; the exit status is 1 if a reader lacks an event, was shown one twice, or was cut.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
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

enum { CONNECTING, HEAD, BODY, LEFT };
enum { MOST_PUBLISHERS = 64 };

typedef struct {
  int fd, state, publisher, busy, chunked, zipped;
  int64_t begun_ns, first_ns;
  long chunk;                    /* bytes that the chunk still has; -1: its size is read; -2: the line end behind it */
  char size[20];
  int size_n;
  char *in;                      /* the head, or an answer to a publish */
  size_t length, capacity;
  char *text;                    /* of frames that are not whole */
  size_t text_n, text_capacity;
  z_stream gzip;
  uint8_t *has;                  /* a bit an event */
  uint64_t shown, repeated;
} client;

static int port, clients_n = 1000, publishes, keys = 1, each = 1, bytes = 150, takes_gzip, cpu = -1, at_once = 1, idle_s;
static double rate = 5;
static const char *path = "/api/stream/prices", *to = "/2015-03-31/functions/Publisher/invocations", *label = "", *file;
static char *lines[4096];
static pid_t server;
static int ep, events_n, open_n, left_n, refused_n;
static int64_t *due;
static float *latency;
static size_t arrivals;
static uint64_t reads, wire_bytes, text_bytes, frames, shown_all;
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
  c->begun_ns = now_ns();
  if (connect(c->fd, (void *)&a, sizeof a) && errno != EINPROGRESS) die("connect: %s", strerror(errno));
  struct epoll_event e = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
  epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e);
  c->state = CONNECTING;
}
static void leave(client *c) {
  if (c->publisher) die("whoever is published to closed a connection");
  if (c->state == BODY) left_n++;
  else refused_n++;
  close(c->fd);
  c->state = LEFT;
}
static void send_all(client *c, const char *p, size_t n) {
  while (n) {
    ssize_t k = write(c->fd, p, n);
    if (k < 0 && errno == EAGAIN) {
      usleep(100);
      continue;
    }
    if (k <= 0) die("a server closed a connection while it was written to");
    p += k, n -= k;
  }
}

// What comes ----------------------------------------------------------------------------------------------------------

static void arrived(client *c, int64_t n) {
  if (n < 0 || n >= events_n) return;
  if (c->has[n / 8] >> n % 8 & 1) {
    c->repeated++;
    return;
  }
  c->has[n / 8] |= 1 << n % 8;
  c->shown++, shown_all++;
  latency[arrivals++] = (now_ns() - due[n / each]) / 1e6;
}
/* An event is a frame with data; those that are timed have their number behind "bench": or, as plain text, behind "bench=". */
static void text(client *c, const char *p, size_t n) {
  text_bytes += n;
  if (c->text_capacity < c->text_n + n + 1) c->text = realloc(c->text, c->text_capacity = (c->text_n + n) * 2 + 256);
  memcpy(c->text + c->text_n, p, n);
  c->text_n += n;
  c->text[c->text_n] = 0;
  char *start = c->text, *end, *mark;
  while ((end = memmem(start, c->text + c->text_n - start, "\n\n", 2))) {
    *end = 0;
    if (strstr(start, "data:")) frames++;
    if (due && (mark = strstr(start, "bench")) && !strstr(start, "\"snapshot\"") && !strstr(start, "\"initializing\"")) {
      arrived(c, strtoll(mark + 5 + strspn(mark + 5, "\":= "), NULL, 10));
    }
    start = end + 2;
  }
  c->text_n -= start - c->text;
  memmove(c->text, start, c->text_n);
  if (!c->text_n && c->text_capacity > 4096) free(c->text), c->text = NULL, c->text_capacity = 0;
}
static void body(client *c, char *p, size_t n) {
  static char out[1 << 18];
  if (!c->first_ns && n) c->first_ns = now_ns(), open_n++;
  wire_bytes += n;
  if (!c->zipped) return text(c, p, n);
  c->gzip.next_in = (void *)p, c->gzip.avail_in = n;
  do {
    c->gzip.next_out = (void *)out, c->gzip.avail_out = sizeof out;
    int result = inflate(&c->gzip, Z_SYNC_FLUSH);
    if (result != Z_OK && result != Z_BUF_ERROR && result != Z_STREAM_END) die("gzip: %d", result);
    text(c, out, sizeof out - c->gzip.avail_out);
  } while (!c->gzip.avail_out);
}
static void chunks(client *c, char *p, size_t n) {
  while (n) {
    if (c->chunk > 0) {
      size_t some = n < (size_t)c->chunk ? n : (size_t)c->chunk;
      body(c, p, some);
      p += some, n -= some;
      if (!(c->chunk -= some)) c->chunk = -2;
    } else if (*p == '\n' && c->chunk == -2) {
      p++, n--, c->chunk = -1, c->size_n = 0;
    } else if (*p == '\n') {
      c->size[c->size_n] = 0;
      p++, n--, c->chunk = strtol(c->size, NULL, 16);
      if (!c->chunk) return leave(c);
    } else {
      if (c->chunk == -1 && c->size_n < 18) c->size[c->size_n++] = *p;
      p++, n--;
    }
  }
}
static void answered(client *c) {
  char *end = strstr(c->in, "\r\n\r\n"), *n = strcasestr(c->in, "content-length:");
  if (!end || !n || c->length < end + 4 - c->in + (size_t)atoi(n + 15)) return;
  if (c->in[9] != '2' || strstr(end, "\"errorType\"")) die("publish: %.300s", c->in);
  c->busy = 0;
  c->length = 0;
}
static void head(client *c) {
  char *end = strstr(c->in, "\r\n\r\n");
  if (!end) return;
  if (memcmp(c->in + 9, "200", 3)) {
    if (!refused_n) fprintf(stderr, "refused: %.200s\n", c->in);
    return leave(c);
  }
  *end = 0;
  c->chunked = strcasestr(c->in, "\r\ntransfer-encoding: chunked") != NULL;
  c->zipped = strcasestr(c->in, "\r\ncontent-encoding: gzip") != NULL;
  if (takes_gzip && !c->zipped) die("gzip was asked for and did not come");
  if (c->zipped && inflateInit2(&c->gzip, 31) != Z_OK) die("no memory for gzip");
  c->state = BODY, c->chunk = -1;
  size_t rest = c->length - (end + 4 - c->in);
  c->chunked ? chunks(c, end + 4, rest) : body(c, end + 4, rest);
  free(c->in), c->in = NULL;
}
static void on_input(client *c) {
  for (;;) {
    ssize_t k = read(c->fd, scratch, sizeof scratch - 1);
    if (k < 0 && errno == EAGAIN) return;
    if (k <= 0) return leave(c);
    if (c->state == BODY) {
      reads++;
      c->chunked ? chunks(c, scratch, k) : body(c, scratch, k);
    } else {
      if (c->capacity < c->length + k + 1) c->in = realloc(c->in, c->capacity = c->length + k + 4096);
      memcpy(c->in + c->length, scratch, k);
      c->in[c->length += k] = 0;
      c->publisher ? answered(c) : head(c);
    }
    if (c->state == LEFT || k < (ssize_t)sizeof scratch - 1) return;
  }
}
static void pump(int ms) {
  struct epoll_event e[256];
  int n = epoll_wait(ep, e, 256, ms);
  for (int i = 0; i < n; i++) {
    client *c = e[i].data.ptr;
    if (c->state == CONNECTING && e[i].events & EPOLLOUT) {
      struct epoll_event x = {.events = EPOLLIN, .data.ptr = c};
      epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &x);
      c->state = HEAD;
      if (c->publisher) continue;
      char request[1024];
      send_all(c, request, snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n%s\r\n", path,
                                    takes_gzip ? "Accept-Encoding: gzip\r\n" : ""));
    } else if (c->state != LEFT && e[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
      on_input(c);
    }
  }
}
static void pump_for(double seconds) {
  for (int64_t stop = now_ns() + (int64_t)(seconds * 1e9); now_ns() < stop;) pump(20);
}

// Publishing ----------------------------------------------------------------------------------------------------------

static int event(char *p, int n) {
  if (!strncmp(to, "/pub", 4)) return sprintf(p, "{\"price\":152.5,\"pad\":\"%0*d\",\"bench\":%d}", bytes, 0, n);
  return sprintf(p, "{\"type\":\"price:update\",\"key\":\"K%05d\",\"data\":{\"price\":152.5,\"pad\":\"%0*d\",\"bench\":%d}}", n % keys, bytes, 0, n);
}
static void publish(client *c, int number) {
  char *p = scratch + 512, *start = p, head[512];
  if (file) p += sprintf(p, "%s", lines[number]);
  else if (each == 1) p += event(p, number);
  else {
    p += sprintf(p, "{\"events\":[");
    for (int i = 0; i < each; i++) p += sprintf(p, "%s", i ? "," : ""), p += event(p, number * each + i);
    p += sprintf(p, "]}");
  }
  int h = snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %td\r\n\r\n", to,
                   p - start);
  memcpy(start - h, head, h);
  c->busy = 1;
  send_all(c, start - h, h + (p - start));
}
static client *idle_publisher(client *list, int *count) {
  for (int i = 0; i < *count; i++)
    if (!list[i].busy && list[i].state == HEAD) return &list[i];
  if (*count == MOST_PUBLISHERS || (*count && list[*count - 1].state == CONNECTING)) return NULL;
  list[*count].publisher = 1;
  dial(&list[(*count)++]);
  return NULL;
}

// The server ----------------------------------------------------------------------------------------------------------

typedef struct { double rss_kb, pss_kb, cpu_us, own_cpu_us; int processes; } usage;

static double field(pid_t pid, const char *name, const char *what) {
  char at[64], line[256];
  double value = 0;
  snprintf(at, sizeof at, "/proc/%d/%s", pid, name);
  FILE *f = fopen(at, "r");
  while (f && fgets(line, sizeof line, f))
    if (!strncmp(line, what, strlen(what))) value = atof(line + strlen(what));
  if (f) fclose(f);
  return value;
}
static void add(usage *u, pid_t pid, int memory) {
  clockid_t clock;
  struct timespec t;
  if (!clock_getcpuclockid(pid, &clock) && !clock_gettime(clock, &t)) u->cpu_us += t.tv_sec * 1e6 + t.tv_nsec / 1e3;
  if (memory) u->rss_kb += field(pid, "status", "VmRSS:"), u->pss_kb += field(pid, "smaps_rollup", "Pss:");
  u->processes++;
}
static pid_t known[64];
static int known_n;
static int is_known(pid_t pid) {
  for (int i = 0; i < known_n; i++)
    if (known[i] == pid) return 1;
  return 0;
}
/* Memory is that of the processes that hold the streams: of those which are there when all are open. */
static usage use(int memory) {
  usage u = {0};
  if (!server) return u;
  add(&u, server, memory);
  u.own_cpu_us = u.cpu_us;
  DIR *d = opendir("/proc");
  struct dirent *entry;
  while ((entry = readdir(d))) {
    pid_t pid = atoi(entry->d_name);
    if (pid <= 0 || (pid_t)field(pid, "status", "PPid:") != server) continue;
    if (!due && known_n < 64 && !is_known(pid)) known[known_n++] = pid;
    add(&u, pid, memory && is_known(pid));
  }
  closedir(d);
  return u;
}

// Figures -------------------------------------------------------------------------------------------------------------

static int by_float(const void *a, const void *b) {
  float x = *(float *)a, y = *(float *)b;
  return x < y ? -1 : x > y;
}
static double share(float *list, size_t n, double p) { return n ? list[(size_t)((n - 1) * p)] : 0; }

/* The seconds it took. */
static double publish_all(void) {
  client *posts = calloc(MOST_PUBLISHERS, sizeof *posts), *post;
  int posts_n = 0, next = 0;
  while (!idle_publisher(posts, &posts_n)) pump(10);
  latency = malloc(sizeof *latency * ((size_t)events_n * clients_n + 1));
  int64_t *moments = calloc(publishes, sizeof *moments), start = now_ns() + 50000000LL;
  for (int i = 0; i < publishes; i++) moments[i] = start + (int64_t)(i * 1e9 / rate);
  due = moments;
  int64_t give_up = due[publishes - 1] + 15000000000LL;
  uint64_t want = (uint64_t)events_n * clients_n;
  while (now_ns() < give_up && (next < publishes || (!file && shown_all < want))) {
    if (next < publishes && due[next] <= now_ns() && (post = idle_publisher(posts, &posts_n))) publish(post, next++);
    int64_t wait = next < publishes ? (due[next] - now_ns()) / 1000000 : 20;
    pump(wait < 0 ? 0 : wait > 20 ? 20 : wait);
  }
  double seconds = (now_ns() - start) / 1e9;
  pump_for(file ? 1 : 0.3); /* whether anything comes twice */
  return seconds;
}
static int read_lines(void) {
  FILE *f = fopen(file, "r");
  if (!f) die("%s: %s", file, strerror(errno));
  int n = 0;
  size_t room = 0;
  while (n < 4096 && getline(&lines[n], &room, f) > 0) room = 0, n++;
  fclose(f);
  return n;
}

int main(int argc, char **argv) {
  int o;
  while ((o = getopt(argc, argv, "p:s:u:n:zm:r:e:k:b:B:g:o:i:c:L:")) != -1) switch (o) {
    case 'p': port = atoi(optarg); break;
    case 's': path = optarg; break;
    case 'u': to = optarg; break;
    case 'n': clients_n = atoi(optarg); break;
    case 'z': takes_gzip = 1; break;
    case 'm': publishes = atoi(optarg); break;
    case 'r': rate = atof(optarg); break;
    case 'e': each = atoi(optarg); break;
    case 'k': keys = atoi(optarg); break;
    case 'b': bytes = atoi(optarg); break;
    case 'B': file = optarg; break;
    case 'g': server = atoi(optarg); break;
    case 'o': at_once = atoi(optarg); break;
    case 'i': idle_s = atoi(optarg); break;
    case 'c': cpu = atoi(optarg); break;
    case 'L': label = optarg; break;
    default: return 2;
    }
  if (!port || each * (bytes + 200) > (int)sizeof scratch - 1024) die("see the usage at the top of ssefan.c");
  if (file) publishes = read_lines();
  events_n = file ? 0 : publishes * each;
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
  usage before = use(1);
  client *list = calloc(clients_n, sizeof *list);
  for (int i = 0; i < clients_n; i++) {
    list[i].has = calloc(1, events_n / 8 + 1);
    dial(&list[i]);
    for (int64_t stop = now_ns() + 20000000000LL; i + 1 - open_n - refused_n >= at_once && now_ns() < stop;) pump(100);
  }
  for (int64_t stop = now_ns() + 30000000000LL; open_n + refused_n < clients_n && now_ns() < stop;) pump(100);
  if (open_n < clients_n) die("%d of %d streams are open", open_n, clients_n);
  pump_for(1);
  float *first = calloc(clients_n, sizeof *first);
  for (int i = 0; i < clients_n; i++) first[i] = (list[i].first_ns - list[i].begun_ns) / 1e6;
  double coldest = first[0];
  qsort(first, clients_n, sizeof *first, by_float);
  usage open = use(1), rested = open;
  if (idle_s) pump_for(idle_s), rested = use(0);
  double idle_us = idle_s ? (rested.cpu_us - open.cpu_us) / idle_s / clients_n : 0, seconds = 0;
  reads = wire_bytes = text_bytes = frames = 0;
  usage begun = use(0);
  if (publishes) seconds = publish_all();
  usage ended = use(1);
  uint64_t repeated = 0, lacking = 0;
  for (int i = 0; i < clients_n; i++) repeated += list[i].repeated, lacking += events_n - list[i].shown;
  qsort(latency, arrivals, sizeof *latency, by_float);
  uint64_t deliveries = file ? frames : shown_all;
  printf("{\"label\":\"%s\",\"clients\":%d,\"processes\":%d,\"left\":%d,\"first_cold_ms\":%.2f,\"first_p50_ms\":%.2f,\"first_p99_ms\":%.2f,"
         "\"rss_before_kb\":%.0f,\"rss_kb\":%.0f,\"pss_kb\":%.0f,\"rss_after_kb\":%.0f,\"pss_after_kb\":%.0f,\"idle_cpu_us_per_s\":%.1f,"
         "\"events_per_s\":%.1f,\"deliveries\":%llu,\"lacking\":%llu,\"repeated\":%llu,\"p50_ms\":%.2f,\"p95_ms\":%.2f,\"p99_ms\":%.2f,"
         "\"max_ms\":%.2f,\"cpu_us\":%.2f,\"server_cpu_us\":%.2f,\"seconds\":%.2f,\"reads_per_event\":%.3f,\"wire_bytes\":%llu,\"text_bytes\":%llu}\n",
         label, open_n, open.processes, left_n, coldest, share(first, clients_n, .5), share(first, clients_n, .99), before.rss_kb, open.rss_kb,
         open.pss_kb, ended.rss_kb, ended.pss_kb, idle_us, rate * each, (unsigned long long)deliveries, (unsigned long long)lacking,
         (unsigned long long)repeated, share(latency, arrivals, .5), share(latency, arrivals, .95), share(latency, arrivals, .99),
         share(latency, arrivals, 1), deliveries ? (ended.cpu_us - begun.cpu_us) / deliveries : 0,
         deliveries ? (ended.own_cpu_us - begun.own_cpu_us) / deliveries : 0, seconds,
         deliveries ? (double)reads / deliveries : 0, (unsigned long long)wire_bytes, (unsigned long long)text_bytes);
  return lacking || repeated || left_n;
}
