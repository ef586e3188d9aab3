/* libcurl, as far as the core uses libcurl: the functions of pycurl's copy, found at run time.
 *
 * libcurl's ABI is stable, and the numbers are the same as in curl.h: the core needs no headers of libcurl,
 * links no libcurl, and brings no second copy. `curl_find` fills the table once, before the core's thread
 * exists; afterwards the table does not change, and any thread may read the table. Only the core's thread
 * calls libcurl, except for `version` and the lists (`slist_...`), which any thread may use.
 */
#ifndef ASYNCHTTP_CURL_H
#define ASYNCHTTP_CURL_H

#include <stddef.h>
#include <stdint.h>

typedef void CURL;
typedef void CURLM;

struct curl_slist {
    char *data;
    struct curl_slist *next;
};

typedef struct {
    int msg;
    CURL *easy_handle;
    union {
        void *whatever;
        int result;
    } data;
} CURLMsg;

enum { CURLMSG_DONE = 1 };

enum { /* CURLcode */
    CURLE_OK = 0,
    CURLE_PARTIAL_FILE = 18,
    CURLE_OUT_OF_MEMORY = 27,
    CURLE_OPERATION_TIMEDOUT = 28,
    CURLE_BAD_FUNCTION_ARGUMENT = 43,
    CURLE_GOT_NOTHING = 52,
    CURLE_RECV_ERROR = 56,
};

enum { /* CURLoption: set by the core; options of profiles come from Python */
    CURLOPT_WRITEDATA = 10001,
    CURLOPT_URL = 10002,
    CURLOPT_READDATA = 10009,
    CURLOPT_ERRORBUFFER = 10010,
    CURLOPT_WRITEFUNCTION = 20011,
    CURLOPT_READFUNCTION = 20012,
    CURLOPT_POSTFIELDS = 10015,
    CURLOPT_HTTPHEADER = 10023,
    CURLOPT_HEADERDATA = 10029,
    CURLOPT_VERBOSE = 41,
    CURLOPT_FRESH_CONNECT = 74,
    CURLOPT_HEADERFUNCTION = 20079,
    CURLOPT_DEBUGFUNCTION = 20094,
    CURLOPT_DEBUGDATA = 10095,
    CURLOPT_NOSIGNAL = 99,
    CURLOPT_PRIVATE = 10103,
    CURLOPT_INFILESIZE_LARGE = 30115,
    CURLOPT_POSTFIELDSIZE_LARGE = 30120,
    CURLOPT_SOCKOPTFUNCTION = 20148,
    CURLOPT_SOCKOPTDATA = 10149,
    CURLOPT_SEEKFUNCTION = 20167,
    CURLOPT_SEEKDATA = 10168,
    CURLOPT_RESOLVE = 10203,
    CURLOPT_CLOSESOCKETFUNCTION = 20208,
    CURLOPT_CLOSESOCKETDATA = 10209,
    CURLOPT_PIPEWAIT = 237,
    CURLOPT_CONNECT_TO = 10243,
    CURLOPT_REQUEST_TARGET = 10266,
    CURLOPT_PREREQFUNCTION = 20312,
    CURLOPT_PREREQDATA = 10313,
};

enum { /* the range of an option says the type of its value */
    CURLOPTTYPE_OBJECTPOINT = 10000,
    CURLOPTTYPE_FUNCTIONPOINT = 20000,
    CURLOPTTYPE_OFF_T = 30000,
    CURLOPTTYPE_BLOB = 40000,
};

enum { /* CURLMoption */
    CURLMOPT_SOCKETFUNCTION = 20001,
    CURLMOPT_SOCKETDATA = 10002,
    CURLMOPT_TIMERFUNCTION = 20004,
    CURLMOPT_TIMERDATA = 10005,
    CURLMOPT_MAXCONNECTS = 6,
};

enum { /* CURLINFO */
    CURLINFO_PRIVATE = 0x100000 + 21,
    CURLINFO_RESPONSE_CODE = 0x200000 + 2,
    CURLINFO_HEADER_SIZE = 0x200000 + 11,
    CURLINFO_REQUEST_SIZE = 0x200000 + 12,
    CURLINFO_SSL_VERIFYRESULT = 0x200000 + 13,
    CURLINFO_HTTP_CONNECTCODE = 0x200000 + 22,
    CURLINFO_OS_ERRNO = 0x200000 + 25,
    CURLINFO_NUM_CONNECTS = 0x200000 + 26,
    CURLINFO_ACTIVESOCKET = 0x500000 + 44,
    CURLINFO_HTTP_VERSION = 0x200000 + 46,
    CURLINFO_SIZE_UPLOAD_T = 0x600000 + 7,
    CURLINFO_SIZE_DOWNLOAD_T = 0x600000 + 8,
    CURLINFO_CONTENT_LENGTH_DOWNLOAD_T = 0x600000 + 15,
    CURLINFO_CONNECT_TIME_T = 0x600000 + 52,
    CURLINFO_PRETRANSFER_TIME_T = 0x600000 + 53,
    CURLINFO_APPCONNECT_TIME_T = 0x600000 + 56,
};

enum { /* return values of callbacks */
    CURL_WRITEFUNC_PAUSE = 0x10000001,
    CURL_WRITEFUNC_ERROR = 0xFFFFFFFF,
    CURL_READFUNC_ABORT = 0x10000000,
    CURL_READFUNC_PAUSE = 0x10000001,
    CURL_SEEKFUNC_OK = 0,
    CURL_SOCKOPT_OK = 0,
    CURL_SOCKOPT_ERROR = 1,
    CURL_PREREQFUNC_OK = 0,
    CURL_PREREQFUNC_ABORT = 1,
    CURLPAUSE_CONT = 0,
};

enum { CURL_POLL_IN = 1, CURL_POLL_OUT = 2, CURL_POLL_REMOVE = 4 };
enum { CURL_CSELECT_IN = 1, CURL_CSELECT_OUT = 2, CURL_CSELECT_ERR = 4 };
enum { CURL_SOCKET_TIMEOUT = -1 };
enum { CURL_ERROR_SIZE = 256 };
enum { CURL_HTTP_VERSION_2_0 = 3 };

enum { /* curl_infotype, of CURLOPT_DEBUGFUNCTION */
    CURLINFO_HEADER_IN = 1,
    CURLINFO_HEADER_OUT = 2,
    CURLINFO_DATA_OUT = 4,
};

typedef struct {
    const char *(*version)(void);
    CURL *(*easy_init)(void);
    void (*easy_cleanup)(CURL *);
    int (*easy_setopt)(CURL *, int, ...);
    int (*easy_getinfo)(CURL *, int, ...);
    int (*easy_pause)(CURL *, int);
    const char *(*easy_strerror)(int);
    CURLM *(*multi_init)(void);
    int (*multi_cleanup)(CURLM *);
    int (*multi_setopt)(CURLM *, int, ...);
    int (*multi_add_handle)(CURLM *, CURL *);
    int (*multi_remove_handle)(CURLM *, CURL *);
    int (*multi_socket_action)(CURLM *, int, int, int *);
    CURLMsg *(*multi_info_read)(CURLM *, int *);
    struct curl_slist *(*slist_append)(struct curl_slist *, const char *);
    void (*slist_free_all)(struct curl_slist *);
} CurlFunctions;

extern CurlFunctions curl;

/* Find all functions through a handle of dlopen, of libcurl or of a library linked with libcurl. Returns
 * NULL, or the name of the first missing function. */
const char *curl_find(void *library);

/* curl_easy_setopt, one for each type of value. Each returns a CURLcode. */
int set_long(CURL *easy, int option, long value);
int set_offset(CURL *easy, int option, int64_t value);
int set_pointer(CURL *easy, int option, const void *value);
int set_function(CURL *easy, int option, void (*value)(void));

/* curl_easy_getinfo. Without an answer of libcurl: 0, or -1 from info_socket. */
long info_long(CURL *easy, int info);
int64_t info_offset(CURL *easy, int info);
int info_socket(CURL *easy);

#endif
