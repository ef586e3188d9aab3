/* The table of libcurl's functions, and typed forms of the variadic functions.
 *
 * Rule: no other file calls curl_easy_setopt, and curl_easy_getinfo only for a pointer: libcurl would read a
 * value of a wrong type from the wrong place.
 */
#include "curl.h"

#include <dlfcn.h>
#include <string.h>

CurlFunctions curl;

const char *curl_find(void *library) {
    const struct {
        void *into;
        const char *name;
    } wanted[] = {
        {&curl.version, "curl_version"},
        {&curl.easy_init, "curl_easy_init"},
        {&curl.easy_cleanup, "curl_easy_cleanup"},
        {&curl.easy_setopt, "curl_easy_setopt"},
        {&curl.easy_getinfo, "curl_easy_getinfo"},
        {&curl.easy_pause, "curl_easy_pause"},
        {&curl.easy_strerror, "curl_easy_strerror"},
        {&curl.multi_init, "curl_multi_init"},
        {&curl.multi_cleanup, "curl_multi_cleanup"},
        {&curl.multi_setopt, "curl_multi_setopt"},
        {&curl.multi_add_handle, "curl_multi_add_handle"},
        {&curl.multi_remove_handle, "curl_multi_remove_handle"},
        {&curl.multi_socket_action, "curl_multi_socket_action"},
        {&curl.multi_info_read, "curl_multi_info_read"},
        {&curl.slist_append, "curl_slist_append"},
        {&curl.slist_free_all, "curl_slist_free_all"},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        void *function = dlsym(library, wanted[i].name);
        if (function == NULL) return wanted[i].name;
        /* memcpy, since C has no cast from an object's pointer to a function's. */
        memcpy(wanted[i].into, &function, sizeof function);
    }
    return NULL;
}

int set_long(CURL *easy, int option, long value) { return curl.easy_setopt(easy, option, value); }

int set_offset(CURL *easy, int option, int64_t value) {
    return curl.easy_setopt(easy, option, value);
}

int set_pointer(CURL *easy, int option, const void *value) {
    return curl.easy_setopt(easy, option, value);
}

int set_function(CURL *easy, int option, void (*value)(void)) {
    return curl.easy_setopt(easy, option, value);
}

long info_long(CURL *easy, int info) {
    long value = 0;
    return curl.easy_getinfo(easy, info, &value) == CURLE_OK ? value : 0;
}

int64_t info_offset(CURL *easy, int info) {
    int64_t value = 0;
    return curl.easy_getinfo(easy, info, &value) == CURLE_OK ? value : 0;
}

int info_socket(CURL *easy) {
    int fd = -1;
    return curl.easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &fd) == CURLE_OK ? fd : -1;
}
