#pragma once
#include <curl/curl.h>

// Swift cannot call C functions with variable arguments, and curl_easy_setopt, curl_easy_getinfo and curl_multi_setopt
// are declared so. One function a C type: the parameter's type is the check, since libcurl reads whatever it is given as
// the type the option asks for (a 32-bit int where it reads a long is undefined).

static inline CURLcode curl_easy_set_long(CURL *handle, CURLoption option, long value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode curl_easy_set_offset(CURL *handle, CURLoption option, curl_off_t value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode curl_easy_set_text(CURL *handle, CURLoption option, const char *value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode curl_easy_set_pointer(CURL *handle, CURLoption option, void *value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode curl_easy_set_list(CURL *handle, CURLoption option, struct curl_slist *value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode curl_easy_set_share(CURL *handle, CURLSH *value) {
  return curl_easy_setopt(handle, CURLOPT_SHARE, value);
}

// CURLOPT_WRITEFUNCTION and CURLOPT_HEADERFUNCTION.
static inline CURLcode curl_easy_set_writer(CURL *handle, CURLoption option, curl_write_callback value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode curl_easy_get_long(CURL *handle, CURLINFO info, long *value) {
  return curl_easy_getinfo(handle, info, value);
}

static inline CURLcode curl_easy_get_socket(CURL *handle, curl_socket_t *value) {
  return curl_easy_getinfo(handle, CURLINFO_ACTIVESOCKET, value);
}

static inline CURLMcode curl_multi_set_long(CURLM *handle, CURLMoption option, long value) {
  return curl_multi_setopt(handle, option, value);
}

static inline CURLSHcode curl_share_set_shared(CURLSH *handle, curl_lock_data value) {
  return curl_share_setopt(handle, CURLSHOPT_SHARE, value);
}

// The message is a union in C; only its result is meaningful, and only for CURLMSG_DONE.
static inline CURLcode curl_message_result(const CURLMsg *message) { return message->data.result; }
