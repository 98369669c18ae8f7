#pragma once
#include <zlib.h>

// deflateInit2 is a macro; 31 means the largest window and a gzip wrapper (RFC 1952).
static inline int tickertape_gzip_begin(z_stream *stream, int level) {
  return deflateInit2(stream, level, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY);
}
