/* Decoding of content (RFC 9110, 8.4.1) while the content comes: gzip and deflate, within the
 * limits of httplib2.
 *
 * The functions of zlib are the functions that libcurl was linked with; `zlib_find` finds them.
 * A decoder belongs to one transfer and is used by the core's thread only.
 */
#ifndef ASYNCHTTP_DECODE_H
#define ASYNCHTTP_DECODE_H

#include <stddef.h>

#include "buffer.h"

/* The arguments of httplib2.decode.LimitDecoder, with the same meaning: 0 stands for no limit. Each
 * coding of a list is held to the limits, against the bytes that came from the network. */
typedef struct {
    double ratio; /* of output to input; counts from `safe` bytes of output on */
    size_t safe;  /* fewer bytes of output than these are forbidden by no ratio */
    size_t hard;  /* more bytes of output than these are forbidden in any case */
} DecodeLimits;

typedef enum {
    DECODED = 0,
    DECODE_DAMAGED,    /* the content does not have the coding of the field, or is cut off */
    DECODE_OVER_HARD,  /* more than `hard` bytes of output */
    DECODE_OVER_RATIO, /* more than `ratio` times the input */
    DECODE_NO_MEMORY,
} DecodeResult;

typedef struct Decoder Decoder;

/* Find zlib's functions through `library`, a handle of dlopen: libcurl's, or that of another
 * library that depends on zlib. Returns 0, or -1 when a function is missing or does not work as
 * decode.c declares it. Called once, before any other thread uses this file. */
int zlib_find(void *library);

/* Whether the content is encoded in a way that is decoded here. `field`, of `size` bytes: the value
 * of Content-Encoding, several fields joined by commas. False for any field that is, or contains, a
 * coding that is not known here (the content is then handed out as it came, as httplib2 does), for
 * more than five codings, and where nothing is encoded ("identity" alone). The names are gzip,
 * x-gzip and deflate (RFC 9110, 8.4.1), in any case, and httplib2's "zlib". */
int is_decodable(const char *field, size_t size);

/* A decoder for such a field; NULL when there is no memory. Freed by `decoder_free`. */
Decoder *decoder_new(const char *field, size_t size, const DecodeLimits *limits);

/* Decode the next `size` bytes of the content, and append the result to `output`, which has to be a
 * buffer that grows. The caller may take the output away between two calls, and `bytes` need not
 * outlast the call. After any result but DECODED the decoder can only be freed. */
DecodeResult decoder_feed(Decoder *decoder, const char *bytes, size_t size, Buffer *output);

/* The content has ended. DECODE_DAMAGED when the content was cut off; no bytes at all are an empty
 * content. All output is there before: `decoder_feed` holds none back. */
DecodeResult decoder_end(Decoder *decoder);

/* How many bytes went in and came out so far: for the messages of errors. */
void decoder_counts(const Decoder *decoder, size_t *consumed, size_t *produced);

void decoder_free(Decoder *decoder);

#endif
