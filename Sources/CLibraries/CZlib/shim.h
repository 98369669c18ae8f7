#pragma once
#include <zlib.h>

// deflateInit2 is a macro; 31 means the largest window and a gzip wrapper (RFC 1952).
static inline int tickertape_gzip_begin(z_stream *stream, int level) {
  return deflateInit2(stream, level, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY);
}

// inflateInit2 is a macro too.
static inline int tickertape_gunzip_begin(z_stream *stream) { return inflateInit2(stream, 31); }

// A member that is read while it grows: 27 is a window of 11 bits with a gzip wrapper, 4 the memory level.
static inline int tickertape_gzip_stream_begin(z_stream *stream) {
  return deflateInit2(stream, 6, Z_DEFLATED, 27, 4, Z_DEFAULT_STRATEGY);
}
