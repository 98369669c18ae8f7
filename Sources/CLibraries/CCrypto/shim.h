#pragma once
// The SHA256_ functions: their whole state is a plain struct, so a state after a common beginning is kept by copying it.
// OpenSSL 3 calls them deprecated in favour of EVP, whose every digest is an allocation and a look-up (1.5 µs together).
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
