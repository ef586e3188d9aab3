/* Decoding of content (RFC 9110, 8.4.1) while the content comes: gzip and deflate, within the
 * limits of httplib2.
 *
 * `zlib_find` finds zlib's functions in the zlib that libcurl was linked with. A decoder belongs to one
 * transfer and is used by the core's thread only. Any thread may call `is_decodable`.
 */
#ifndef ASYNCHTTP_DECODE_H
#define ASYNCHTTP_DECODE_H

#include <stddef.h>

#include "buffer.h"

/* The arguments of httplib2.decode.LimitDecoder, with the same meaning: 0 stands for no limit. Each
 * coding of a list is held to the limits, against the bytes that came from the network. */
typedef struct {
    double ratio; /* of output to input; compared from `safe` bytes of output on */
    size_t safe;  /* fewer bytes of output are never over the ratio */
    size_t hard;  /* more bytes of output are always forbidden */
    size_t content; /* not of LimitDecoder: bytes of content, whether decoded or not */
} DecodeLimits;

typedef enum {
    DECODED = 0,
    DECODE_DAMAGED,    /* the content does not have the coding of the field, or is cut off */
    DECODE_OVER_HARD,  /* more than `hard` bytes of output */
    DECODE_OVER_RATIO, /* more than `ratio` times the input */
    DECODE_OVER_CONTENT, /* more than `content` bytes are left when all codings are undone */
    DECODE_NO_MEMORY,
} DecodeResult;

typedef struct Decoder Decoder;

/* Find zlib's functions through `library`, a handle of dlopen: of libcurl, or of another library that
 * depends on zlib. Returns 0, or -1 when a function is missing or does not work as
 * decode.c declares it. Called once, before any other thread uses this file. */
int zlib_find(void *library);

/* Whether a decoder can decode the content. `field`, of `size` bytes: the value of Content-Encoding, several
 * fields joined by commas. False for a field with an unknown coding (the content is then handed out
 * undecoded, as in httplib2), with more than five codings, or without a coding ("identity" alone). The
 * known names are gzip, x-gzip and deflate (RFC 9110, 8.4.1), in upper or lower case, and httplib2's
 * "zlib". */
int is_decodable(const char *field, size_t size);

/* A decoder for a field that is_decodable accepts; the caller owns the decoder. NULL: no memory. */
Decoder *decoder_new(const char *field, size_t size, const DecodeLimits *limits);

/* Decode the next `size` bytes of the content, and append the result to `output`, which must not be lent
 * memory. The caller owns `output`, and may empty `output` between two calls; `bytes` need not outlast the
 * call. After any result but DECODED the decoder can only be freed. */
DecodeResult decoder_feed(Decoder *decoder, const char *bytes, size_t size, Buffer *output);

/* Check that the content may end after the bytes so far. DECODE_DAMAGED: the content was cut off; a content
 * of no bytes is empty, not damaged. `decoder_feed` has appended all output already. */
DecodeResult decoder_end(Decoder *decoder);

/* How many bytes went in and came out so far: for the messages of errors. */
void decoder_counts(const Decoder *decoder, size_t *consumed, size_t *produced);

void decoder_free(Decoder *decoder);

#endif
