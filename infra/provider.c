/* What stands in for OpenSSL's default provider in the packaged functions: of its algorithms those that a client of TLS 1.2 and 1.3
   can agree on with a server, and what checks certificates and signed tokens. The algorithms themselves are OpenSSL's; what no table
   below names (ARIA, Camellia, DES, SM2 to SM4, hashes and key derivations nobody asks for, the writers of key files …) the linker
   leaves out. What is not here libssl does not offer. See provider(7) and provider-base(7); the functions whose names begin with
   `ossl_` are inside of Debian's libcrypto 3.0. */
#include <openssl/bio.h>
#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#define PROPERTIES "provider=default"
#define ROW(names, functions) { names, PROPERTIES, functions, 0 }
#define END { 0, 0, 0, 0 }
#define FROM(...) extern const OSSL_DISPATCH __VA_ARGS__

FROM(ossl_sha1_functions[], ossl_sha224_functions[], ossl_sha256_functions[], ossl_sha384_functions[], ossl_sha512_functions[],
     ossl_md5_functions[], ossl_md5_sha1_functions[]);
static const OSSL_ALGORITHM digests[] = {
  ROW("SHA1:SHA-1:SSL3-SHA1:1.3.14.3.2.26", ossl_sha1_functions),
  ROW("SHA2-224:SHA-224:SHA224:2.16.840.1.101.3.4.2.4", ossl_sha224_functions),
  ROW("SHA2-256:SHA-256:SHA256:2.16.840.1.101.3.4.2.1", ossl_sha256_functions),
  ROW("SHA2-384:SHA-384:SHA384:2.16.840.1.101.3.4.2.2", ossl_sha384_functions),
  ROW("SHA2-512:SHA-512:SHA512:2.16.840.1.101.3.4.2.3", ossl_sha512_functions),
  ROW("MD5:SSL3-MD5:1.2.840.113549.2.5", ossl_md5_functions),
  ROW("MD5-SHA1", ossl_md5_sha1_functions),
  END,
};

/* CTR and ECB are the random generator's; NULL is asked for before the handshake's keys are there. */
FROM(ossl_null_functions[], ossl_aes256ecb_functions[], ossl_aes192ecb_functions[], ossl_aes128ecb_functions[], ossl_aes256ctr_functions[],
     ossl_aes192ctr_functions[], ossl_aes128ctr_functions[], ossl_aes256cbc_functions[], ossl_aes128cbc_functions[],
     ossl_aes256gcm_functions[], ossl_aes128gcm_functions[], ossl_aes256ccm_functions[], ossl_aes128ccm_functions[],
     ossl_chacha20_functions[], ossl_chacha20_ossl_poly1305_functions[]);
static const OSSL_ALGORITHM ciphers[] = {
  ROW("NULL", ossl_null_functions),
  ROW("AES-256-ECB:2.16.840.1.101.3.4.1.41", ossl_aes256ecb_functions),
  ROW("AES-192-ECB:2.16.840.1.101.3.4.1.21", ossl_aes192ecb_functions),
  ROW("AES-128-ECB:2.16.840.1.101.3.4.1.1", ossl_aes128ecb_functions),
  ROW("AES-256-CTR", ossl_aes256ctr_functions),
  ROW("AES-192-CTR", ossl_aes192ctr_functions),
  ROW("AES-128-CTR", ossl_aes128ctr_functions),
  ROW("AES-256-CBC:AES256:2.16.840.1.101.3.4.1.42", ossl_aes256cbc_functions),
  ROW("AES-128-CBC:AES128:2.16.840.1.101.3.4.1.2", ossl_aes128cbc_functions),
  ROW("AES-256-GCM:id-aes256-GCM:2.16.840.1.101.3.4.1.46", ossl_aes256gcm_functions),
  ROW("AES-128-GCM:id-aes128-GCM:2.16.840.1.101.3.4.1.6", ossl_aes128gcm_functions),
  ROW("AES-256-CCM:id-aes256-CCM:2.16.840.1.101.3.4.1.47", ossl_aes256ccm_functions),
  ROW("AES-128-CCM:id-aes128-CCM:2.16.840.1.101.3.4.1.7", ossl_aes128ccm_functions),
  ROW("ChaCha20", ossl_chacha20_functions),
  ROW("ChaCha20-Poly1305", ossl_chacha20_ossl_poly1305_functions),
  END,
};

FROM(ossl_hmac_functions[], ossl_poly1305_functions[]);
static const OSSL_ALGORITHM macs[] = { ROW("HMAC", ossl_hmac_functions), ROW("POLY1305", ossl_poly1305_functions), END };

FROM(ossl_kdf_hkdf_functions[], ossl_kdf_tls1_3_kdf_functions[], ossl_kdf_tls1_prf_functions[]);
static const OSSL_ALGORITHM derivations[] = {
  ROW("HKDF", ossl_kdf_hkdf_functions),
  ROW("TLS13-KDF", ossl_kdf_tls1_3_kdf_functions),
  ROW("TLS1-PRF", ossl_kdf_tls1_prf_functions),
  END,
};

FROM(ossl_drbg_ctr_functions[], ossl_seed_src_functions[]);
static const OSSL_ALGORITHM generators[] = { ROW("CTR-DRBG", ossl_drbg_ctr_functions), ROW("SEED-SRC", ossl_seed_src_functions), END };

FROM(ossl_dh_keyexch_functions[], ossl_ecdh_keyexch_functions[], ossl_x25519_keyexch_functions[]);
static const OSSL_ALGORITHM exchanges[] = {
  ROW("DH:dhKeyAgreement:1.2.840.113549.1.3.1", ossl_dh_keyexch_functions),
  ROW("ECDH", ossl_ecdh_keyexch_functions),
  ROW("X25519:1.3.101.110", ossl_x25519_keyexch_functions),
  END,
};

/* "HMAC" is how libssl asks for the code of a record. */
FROM(ossl_rsa_signature_functions[], ossl_ecdsa_signature_functions[], ossl_ed25519_signature_functions[],
     ossl_mac_legacy_hmac_signature_functions[]);
static const OSSL_ALGORITHM signatures[] = {
  ROW("RSA:rsaEncryption:1.2.840.113549.1.1.1", ossl_rsa_signature_functions),
  ROW("ECDSA", ossl_ecdsa_signature_functions),
  ROW("ED25519:1.3.101.112", ossl_ed25519_signature_functions),
  ROW("HMAC", ossl_mac_legacy_hmac_signature_functions),
  END,
};

FROM(ossl_rsa_asym_cipher_functions[]);
static const OSSL_ALGORITHM encryptions[] = { ROW("RSA:rsaEncryption:1.2.840.113549.1.1.1", ossl_rsa_asym_cipher_functions), END };

FROM(ossl_dh_keymgmt_functions[], ossl_rsa_keymgmt_functions[], ossl_rsapss_keymgmt_functions[], ossl_ec_keymgmt_functions[],
     ossl_x25519_keymgmt_functions[], ossl_ed25519_keymgmt_functions[], ossl_mac_legacy_keymgmt_functions[]);
static const OSSL_ALGORITHM keys[] = {
  ROW("DH:dhKeyAgreement:1.2.840.113549.1.3.1", ossl_dh_keymgmt_functions),
  ROW("RSA:rsaEncryption:1.2.840.113549.1.1.1", ossl_rsa_keymgmt_functions),
  ROW("RSA-PSS:RSASSA-PSS:1.2.840.113549.1.1.10", ossl_rsapss_keymgmt_functions),
  ROW("EC:id-ecPublicKey:1.2.840.10045.2.1", ossl_ec_keymgmt_functions),
  ROW("X25519:1.3.101.110", ossl_x25519_keymgmt_functions),
  ROW("ED25519:1.3.101.112", ossl_ed25519_keymgmt_functions),
  ROW("HMAC", ossl_mac_legacy_keymgmt_functions),
  END,
};

/* The public keys of certificates and tokens (RFC 5280, section 4.1.2.7). */
#define PUBLIC_KEY(names, functions) { names, PROPERTIES ",input=der,structure=SubjectPublicKeyInfo", functions, 0 }
FROM(ossl_SubjectPublicKeyInfo_der_to_rsa_decoder_functions[], ossl_SubjectPublicKeyInfo_der_to_rsapss_decoder_functions[],
     ossl_SubjectPublicKeyInfo_der_to_ec_decoder_functions[], ossl_SubjectPublicKeyInfo_der_to_ed25519_decoder_functions[],
     ossl_SubjectPublicKeyInfo_der_to_x25519_decoder_functions[], ossl_SubjectPublicKeyInfo_der_to_der_decoder_functions[]);
static const OSSL_ALGORITHM decoders[] = {
  PUBLIC_KEY("RSA:rsaEncryption:1.2.840.113549.1.1.1", ossl_SubjectPublicKeyInfo_der_to_rsa_decoder_functions),
  PUBLIC_KEY("RSA-PSS:RSASSA-PSS:1.2.840.113549.1.1.10", ossl_SubjectPublicKeyInfo_der_to_rsapss_decoder_functions),
  PUBLIC_KEY("EC:id-ecPublicKey:1.2.840.10045.2.1", ossl_SubjectPublicKeyInfo_der_to_ec_decoder_functions),
  PUBLIC_KEY("X25519:1.3.101.110", ossl_SubjectPublicKeyInfo_der_to_x25519_decoder_functions),
  PUBLIC_KEY("ED25519:1.3.101.112", ossl_SubjectPublicKeyInfo_der_to_ed25519_decoder_functions),
  { "DER", PROPERTIES ",input=der,structure=SubjectPublicKeyInfo", ossl_SubjectPublicKeyInfo_der_to_der_decoder_functions, 0 },
  END,
};

static const OSSL_ALGORITHM *query(void *context, int operation, int *no_cache) {
  (void)context;
  *no_cache = 0;
  switch (operation) {
  case OSSL_OP_DIGEST: return digests;
  case OSSL_OP_CIPHER: return ciphers;
  case OSSL_OP_MAC: return macs;
  case OSSL_OP_KDF: return derivations;
  case OSSL_OP_RAND: return generators;
  case OSSL_OP_KEYMGMT: return keys;
  case OSSL_OP_KEYEXCH: return exchanges;
  case OSSL_OP_SIGNATURE: return signatures;
  case OSSL_OP_ASYM_CIPHER: return encryptions;
  case OSSL_OP_DECODER: return decoders;
  default: return 0;
  }
}

struct prov_ctx_st;
struct prov_ctx_st *ossl_prov_ctx_new(void);
void ossl_prov_ctx_free(struct prov_ctx_st *context);
void ossl_prov_ctx_set0_libctx(struct prov_ctx_st *context, OSSL_LIB_CTX *library);
void ossl_prov_ctx_set0_handle(struct prov_ctx_st *context, const OSSL_CORE_HANDLE *handle);
void ossl_prov_ctx_set0_core_bio_method(struct prov_ctx_st *context, BIO_METHOD *method);
BIO_METHOD *ossl_prov_ctx_get0_core_bio_method(struct prov_ctx_st *context);
BIO_METHOD *ossl_bio_prov_init_bio_method(void);
int ossl_prov_bio_from_dispatch(const OSSL_DISPATCH *functions);
int ossl_prov_seeding_from_dispatch(const OSSL_DISPATCH *functions);
int ossl_prov_get_capabilities(void *context, const char *capability, OSSL_CALLBACK *each, void *argument);
int ossl_default_provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *core, const OSSL_DISPATCH **functions, void **context);

static void teardown(void *context) {
  BIO_meth_free(ossl_prov_ctx_get0_core_bio_method(context));
  ossl_prov_ctx_free(context);
}

/* libssl learns from its capabilities which groups there are for TLS, and leaves out those without an algorithm. */
static const OSSL_DISPATCH provider[] = {
  { OSSL_FUNC_PROVIDER_TEARDOWN, (void (*)(void))teardown },
  { OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query },
  { OSSL_FUNC_PROVIDER_GET_CAPABILITIES, (void (*)(void))ossl_prov_get_capabilities },
  { 0, 0 },
};

int ossl_default_provider_init(
  const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *core, const OSSL_DISPATCH **functions, void **context) {
  OSSL_LIB_CTX *library = 0;
  BIO_METHOD *method;
  if (!ossl_prov_bio_from_dispatch(core) || !ossl_prov_seeding_from_dispatch(core)) return 0;
  for (; core->function_id != 0; core++)
    if (core->function_id == OSSL_FUNC_CORE_GET_LIBCTX) library = (OSSL_LIB_CTX *)OSSL_FUNC_core_get_libctx(core)(handle);
  struct prov_ctx_st *new = library ? ossl_prov_ctx_new() : 0;
  if (!new) return 0;
  if (!(method = ossl_bio_prov_init_bio_method())) {
    ossl_prov_ctx_free(new);
    return 0;
  }
  ossl_prov_ctx_set0_libctx(new, library);
  ossl_prov_ctx_set0_handle(new, handle);
  ossl_prov_ctx_set0_core_bio_method(new, method);
  *functions = provider;
  *context = new;
  return 1;
}

/* Nobody loads the provider "base", whose tables hold all readers and writers of key files. */
int ossl_base_provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *core, const OSSL_DISPATCH **functions, void **context);
int ossl_base_provider_init(
  const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *core, const OSSL_DISPATCH **functions, void **context) {
  (void)handle, (void)core, (void)functions, (void)context;
  return 0;
}

/* OpenSSL's older interface knows its ciphers and digests by these two lists; libssl fetches its own from the provider. */
void openssl_add_all_ciphers_int(void);
void openssl_add_all_ciphers_int(void) {
  EVP_add_cipher(EVP_aes_128_gcm());
  EVP_add_cipher(EVP_aes_256_gcm());
}
void openssl_add_all_digests_int(void);
void openssl_add_all_digests_int(void) {
  EVP_add_digest(EVP_md5());
  EVP_add_digest(EVP_md5_sha1());
  EVP_add_digest(EVP_sha1());
  EVP_add_digest(EVP_sha224());
  EVP_add_digest(EVP_sha256());
  EVP_add_digest(EVP_sha384());
  EVP_add_digest(EVP_sha512());
}
