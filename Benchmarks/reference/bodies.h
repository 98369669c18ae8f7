// What the posting programs and the sink agree on: the connection ids and the body.
#pragma once
#include <stddef.h>

#define ID_LENGTH 16

// The id of connection `number`: fifteen base64url characters and `=`, as API Gateway's look.
static inline void connection_id(unsigned number, char id[ID_LENGTH + 1]) {
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  unsigned long long mixed = (number + 1) * 0x9E3779B97F4A7C15ull;
  for (int i = 0; i < 11; i++, mixed >>= 6) id[i] = alphabet[mixed & 63];
  for (int i = 11; i < 15; i++, number >>= 6) id[i] = alphabet[number & 63];
  id[15] = '=';
  id[16] = 0;
}

static inline char body_byte(size_t place) { return 'a' + place * 7 % 26; }

static inline void fill_body(char *body, size_t bytes) {
  for (size_t i = 0; i < bytes; i++) body[i] = body_byte(i);
}
