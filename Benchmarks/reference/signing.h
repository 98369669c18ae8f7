// Signature Version 4 for service execute-api, as little work a request as there can be: the signing key, its hash states
// and the body's hash are kept, so a request costs one SHA-256 of its canonical form and one HMAC.
//
// The keys are those of the environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION.
#pragma once
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct {
  SHA256_CTX inner, outer;
} hmac_state;

typedef struct {
  hmac_state key;
  char id[64], token[2048], region[32], host[128];
  char date[17], scope[96];
  char body_hash[65];
  size_t token_length;
} signing;

static inline void hexadecimal(const unsigned char digest[32], char text[65]) {
  static const char digits[] = "0123456789abcdef";
  for (int i = 0; i < 32; i++) {
    text[2 * i] = digits[digest[i] >> 4];
    text[2 * i + 1] = digits[digest[i] & 15];
  }
  text[64] = 0;
}

static inline void hmac_begin(hmac_state *s, const void *key, size_t length) {
  unsigned char block[64] = {0};
  memcpy(block, key, length);  // No key here is longer than a block.
  for (int i = 0; i < 64; i++) block[i] ^= 0x36;
  SHA256_Init(&s->inner);
  SHA256_Update(&s->inner, block, 64);
  for (int i = 0; i < 64; i++) block[i] ^= 0x36 ^ 0x5c;
  SHA256_Init(&s->outer);
  SHA256_Update(&s->outer, block, 64);
}

static inline void hmac(const hmac_state *s, const void *text, size_t length, unsigned char digest[32]) {
  SHA256_CTX c = s->inner;
  SHA256_Update(&c, text, length);
  SHA256_Final(digest, &c);
  c = s->outer;
  SHA256_Update(&c, digest, 32);
  SHA256_Final(digest, &c);
}

static inline void derive(signing *s, const char *day) {
  char first[128];
  hmac_state state;
  unsigned char digest[32];
  const char *parts[] = {day, s->region, "execute-api", "aws4_request"};
  snprintf(first, 64, "AWS4%s", getenv("AWS_SECRET_ACCESS_KEY"));
  hmac_begin(&state, first, strlen(first));
  for (int i = 0; i < 4; i++) {
    hmac(&state, parts[i], strlen(parts[i]), digest);
    hmac_begin(&state, digest, 32);
  }
  s->key = state;
}

// For requests at that second, `date` as in X-Amz-Date.
static inline void signing_at(signing *s, const char date[16]) {
  char day[9] = "";
  memcpy(day, date, 8);
  if (strncmp(s->date, date, 8)) derive(s, day);
  memcpy(s->date, date, 16);
  snprintf(s->scope, sizeof s->scope, "%s/%s/execute-api/aws4_request", day, s->region);
}

static inline void signing_begin(signing *s, const char *host, const void *body, size_t length) {
  unsigned char digest[32];
  time_t now = time(NULL);
  struct tm utc;
  char date[17];
  memset(s, 0, sizeof *s);
  if (!getenv("AWS_ACCESS_KEY_ID") || !getenv("AWS_SECRET_ACCESS_KEY") || !getenv("AWS_SESSION_TOKEN") ||
      !getenv("AWS_REGION")) {
    fprintf(stderr, "signing: the environment has no keys\n");
    exit(1);
  }
  snprintf(s->id, sizeof s->id, "%s", getenv("AWS_ACCESS_KEY_ID"));
  snprintf(s->token, sizeof s->token, "%s", getenv("AWS_SESSION_TOKEN"));
  snprintf(s->region, sizeof s->region, "%s", getenv("AWS_REGION"));
  snprintf(s->host, sizeof s->host, "%s", host);
  s->token_length = strlen(s->token);
  SHA256(body, length, digest);
  hexadecimal(digest, s->body_hash);
  gmtime_r(&now, &utc);
  strftime(date, sizeof date, "%Y%m%dT%H%M%SZ", &utc);
  signing_at(s, date);
}

// The signature of a POST; the path is given as it is signed, encoded once more than it is sent.
static inline void sign_post(const signing *s, const char *path, char signature[65]) {
  char text[4096], *p = text;
  unsigned char digest[32];
  p = stpcpy(stpcpy(p, "POST\n"), path);
  p = stpcpy(stpcpy(p, "\n\nhost:"), s->host);
  p = stpcpy(stpcpy(p, "\nx-amz-date:"), s->date);
  p = stpcpy(p, "\nx-amz-security-token:");
  p = mempcpy(p, s->token, s->token_length);
  p = stpcpy(p, "\n\nhost;x-amz-date;x-amz-security-token\n");
  p = mempcpy(p, s->body_hash, 64);
  SHA256((unsigned char *)text, p - text, digest);
  hexadecimal(digest, signature);
  p = stpcpy(stpcpy(text, "AWS4-HMAC-SHA256\n"), s->date);
  *p++ = '\n';
  p = stpcpy(p, s->scope);
  *p++ = '\n';
  p = mempcpy(p, signature, 64);
  hmac(&s->key, text, p - text, digest);
  hexadecimal(digest, signature);
}

// Writes the whole signed POST; returns its length. `id` is a connection's, sixteen characters with `=` at the end.
static inline size_t signed_post(const signing *s, const char *id, const char *body, size_t length, char *request) {
  char path[128], signature[65], *p = request;
  p += sprintf(p, "POST /prod/@connections/%.15s%%3D HTTP/1.1\r\nHost: ", id);
  sprintf(path, "/prod/%%40connections/%.15s%%253D", id);
  sign_post(s, path, signature);
  p = stpcpy(stpcpy(p, s->host), "\r\nX-Amz-Date: ");
  p = stpcpy(stpcpy(p, s->date), "\r\nX-Amz-Security-Token: ");
  p = mempcpy(p, s->token, s->token_length);
  p = stpcpy(stpcpy(p, "\r\nAuthorization: AWS4-HMAC-SHA256 Credential="), s->id);
  *p++ = '/';
  p = stpcpy(stpcpy(p, s->scope), ", SignedHeaders=host;x-amz-date;x-amz-security-token, Signature=");
  p = mempcpy(p, signature, 64);
  p += sprintf(p, "\r\nContent-Type: application/octet-stream\r\nContent-Length: %zu\r\n\r\n", length);
  p = mempcpy(p, body, length);
  return p - request;
}
