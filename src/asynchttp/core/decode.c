/* Decoding of content: see decode.h.
 *
 * A decoder is a chain of stages, one stage for each coding of the field; the last coding is undone
 * first (RFC 9110, 8.4). The last stage inflates straight into the caller's buffer.
 *
 * Rules:
 *  - The result does not depend on the sizes of the pieces in which the content comes.
 *  - Formats are found as httplib2 finds them: servers mix up the names, so that the first bytes
 *    choose between gzip, zlib and raw deflate, whatever the name. Unlike in httplib2, all members
 *    of a gzip file are decoded (RFC 1952, 2.2), and content that is cut off is an error. Bytes
 *    after the last member, or after the end of a zlib or raw deflate stream, are ignored.
 *  - The limits are the limits of httplib2's LimitDecoder, which takes the input in chunks of 64 KiB and,
 *    after each chunk and at the end, compares the output with `ratio` times all input so far,
 *    ignored bytes included. Within a chunk the output is compared with `ratio` times the input up
 *    to the end of the chunk: LimitDecoder will compare with no more input, and the output can only
 *    grow. For this reason this file accepts all content that LimitDecoder accepts, and zlib never puts
 *    out more than one byte beyond the limits. `hard` is compared at any time, for the same reason.
 *    A difference stays: LimitDecoder inflates the whole chunk before the comparison. Where the rest of a
 *    chunk would also exceed `hard`, or is damaged, LimitDecoder names `hard`, or damage; this file names
 *    the first limit that is exceeded.
 *  - Only the functions under "zlib" call zlib: a faster library (isal) would replace these functions.
 */
#include "decode.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    CODINGS_AT_MOST = 5,  /* as in curl and urllib3: each coding costs time, few servers use two */
    CHUNK = 64 << 10,     /* bytes: LimitDecoder's chunk_size */
    HELD = 256,           /* bytes: see `Stage.held` */
    BETWEEN = 16 << 10,   /* bytes that one stage hands to the next at once */
    SMALLEST_PIECE = 512, /* bytes of output; zlib's fast path needs 258 */
    LARGEST_PIECE = 256 << 10,
    LARGEST_ROOM = 1 << 30, /* bytes of output; zlib counts in an unsigned int */
};

/* ---- zlib: the layout and the numbers of zlib.h are a stable ABI ---- */

typedef struct {
    const unsigned char *next_in;
    unsigned avail_in;
    unsigned long total_in;
    unsigned char *next_out;
    unsigned avail_out;
    unsigned long total_out;
    const char *message;
    void *state;
    void *(*allocate)(void *, unsigned, unsigned); /* NULL stands for malloc */
    void (*release)(void *, void *);
    void *opaque;
    int data_type;
    unsigned long adler;
    unsigned long reserved;
} ZlibStream;

enum { Z_FINISH = 4 };
enum { Z_OK = 0, Z_STREAM_END = 1, Z_MEM_ERROR = -4, Z_BUF_ERROR = -5 };

typedef enum { GZIP_OR_ZLIB = 32 + 15, RAW_DEFLATE = -15 } WindowBits;

/* Written by `zlib_find` only. */
static struct {
    int (*init)(ZlibStream *, int window_bits, const char *version, int stream_size);
    int (*reset)(ZlibStream *, int window_bits);
    int (*inflate)(ZlibStream *, int flush);
    int (*end)(ZlibStream *);
} zlib;

typedef enum {
    INFLATE_MORE, /* the output is full; or, if not, all input is used up */
    INFLATE_END,
    INFLATE_ERROR,
    INFLATE_NO_MEMORY,
} InflateResult;

/* Prepare for a stream of the given format, the first stream or a later stream. Returns 0, or -1 when
 * there is no memory. */
static int inflate_start(ZlibStream *stream, WindowBits bits) {
    if (stream->state != NULL) return zlib.reset(stream, bits) == Z_OK ? 0 : -1;
    /* zlib compares the first digit of the version, and the size. */
    return zlib.init(stream, bits, "1.2.11", (int)sizeof *stream) == Z_OK ? 0 : -1;
}

/* Inflate until the input is used up or the output is full. */
static InflateResult inflate_run(ZlibStream *stream) {
    /* Z_FINISH stops no sooner than the other flush values, and spares the window (32 kB to allocate and
     * to copy) where all output fits; zlib.h allows further calls after Z_FINISH. */
    switch (zlib.inflate(stream, Z_FINISH)) {
    case Z_OK:
    case Z_BUF_ERROR: return INFLATE_MORE;
    case Z_STREAM_END: return INFLATE_END;
    case Z_MEM_ERROR: return INFLATE_NO_MEMORY;
    default: return INFLATE_ERROR;
    }
}

static void inflate_stop(ZlibStream *stream) {
    if (stream->state != NULL) zlib.end(stream);
}

/* Whether zlib works as declared above: an empty raw stream is enough to see that. */
static int zlib_works(void) {
    ZlibStream stream = {0};
    unsigned char nothing[] = {3, 0}, out[1];
    if (inflate_start(&stream, RAW_DEFLATE) < 0) return 0;
    stream.next_in = nothing;
    stream.avail_in = sizeof nothing;
    stream.next_out = out;
    stream.avail_out = sizeof out;
    int works = inflate_run(&stream) == INFLATE_END && stream.avail_out == sizeof out;
    inflate_stop(&stream);
    return works;
}

int zlib_find(void *library) {
    const struct {
        void *into;
        const char *name;
    } wanted[] = {
        {&zlib.init, "inflateInit2_"},
        {&zlib.reset, "inflateReset2"},
        {&zlib.inflate, "inflate"},
        {&zlib.end, "inflateEnd"},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        void *function = dlsym(library, wanted[i].name);
        if (function == NULL) return -1;
        /* memcpy, since C has no cast from an object's pointer to a function's. */
        memcpy(wanted[i].into, &function, sizeof function);
    }
    return zlib_works() ? 0 : -1;
}

/* ---- the field ---- */

static int is_blank(char c) { return c == ' ' || c == '\t'; }

/* Whether the `size` bytes are the name in any case. (strncasecmp would ask the locale, and in a
 * Turkish one "GZIP" is not "gzip".) */
static int is_name(const char *bytes, size_t size, const char *name) {
    if (strlen(name) != size) return 0;
    for (size_t i = 0; i < size; i++) {
        char c = bytes[i] >= 'A' && bytes[i] <= 'Z' ? (char)(bytes[i] + ('a' - 'A')) : bytes[i];
        if (c != name[i]) return 0;
    }
    return 1;
}

/* How many codings an element of the list stands for: 0 or 1; -1 if the coding is not known. */
static int codings_of_element(const char *name, size_t size) {
    static const char *const known[] = {"gzip", "deflate", "x-gzip", "zlib"};
    while (size > 0 && is_blank(*name)) name++, size--;
    while (size > 0 && is_blank(name[size - 1])) size--;
    if (size == 0 || is_name(name, size, "identity")) return 0;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (is_name(name, size, known[i])) return 1;
    return -1;
}

/* How many codings the content has; all codings are undone in the same way. -1 if a coding is unknown, or if
 * the field has too many codings. */
static int codings_of_field(const char *field, size_t size) {
    int count = 0;
    while (size > 0) {
        const char *comma = memchr(field, ',', size);
        size_t length = comma ? (size_t)(comma - field) : size;
        int more = codings_of_element(field, length);
        if (more < 0 || (count += more) > CODINGS_AT_MOST) return -1;
        field += comma ? length + 1 : length;
        size -= comma ? length + 1 : length;
    }
    return count;
}

int is_decodable(const char *field, size_t size) { return codings_of_field(field, size) > 0; }

/* ---- limits ---- */

/* How many bytes of output are allowed for `input` bytes of input. */
static size_t output_allowed(const DecodeLimits *limits, size_t input) {
    size_t allowed = SIZE_MAX;
    if (limits->ratio > 0) {
        double most = limits->ratio * (double)input;
        allowed = most < 9e18 ? (size_t)most : SIZE_MAX;
        if (limits->safe > 0 && allowed < limits->safe - 1) allowed = limits->safe - 1;
    }
    return limits->hard > 0 && limits->hard < allowed ? limits->hard : allowed;
}

/* ---- the first bytes ---- */

typedef enum { FORMAT_UNCLEAR, FORMAT_GZIP, FORMAT_ZLIB, FORMAT_RAW, FORMAT_TRY } Format;

static int is_gzip(const unsigned char *bytes) { return bytes[0] == 0x1f && bytes[1] == 0x8b; }

/* The format of the content, from its first `size` bytes.
 *
 * httplib2 lets zlib try gzip and zlib, and starts over with raw deflate when zlib finds an
 * error. Bytes that begin as gzip can never be raw deflate: the block type would be 3 (RFC 1951,
 * 3.2.3). Bytes that begin as zlib would be a stored block as raw deflate (3.2.4), whose length
 * follows, and then the length's complement. The format is in doubt only when both follow. */
static Format format_of(const unsigned char *bytes, size_t size) {
    if (size < 2) return FORMAT_UNCLEAR;
    if (is_gzip(bytes)) return FORMAT_GZIP;
    if ((bytes[0] & 15) != 8) return FORMAT_RAW; /* RFC 1950, 2.2; zlib itself checks the rest */
    if (size < 5) return FORMAT_UNCLEAR;
    return (bytes[1] ^ bytes[3]) == 255 && (bytes[2] ^ bytes[4]) == 255 ? FORMAT_TRY : FORMAT_ZLIB;
}

/* ---- stages ---- */

typedef enum {
    STAGE_FIRST, /* the first bytes are held, until the format is known */
    STAGE_TRY,   /* the first bytes are held and tried as zlib's format */
    STAGE_BODY,  /* in a stream */
    STAGE_NEXT,  /* after a member of gzip: two bytes are held, to see whether a member follows */
    STAGE_OVER,  /* all further bytes are ignored */
} StageState;

/* Owned by the decoder. */
typedef struct {
    StageState state;
    int members; /* the format is gzip: further members may follow */
    size_t produced;
    ZlibStream stream;
    unsigned char *between; /* owned: BETWEEN bytes for the next stage; NULL in the last stage */
    /* Input that waits until its format is known. Where the first bytes are in doubt (one random
     * zlib stream in 65,536; of raw streams only those of an encoder that sets the unused bits
     * of a stored block's first byte, and no usual encoder does), bytes are held until zlib
     * finds an error, or the end. Where zlib finds neither within HELD bytes, the format is
     * taken to be zlib's: an error is usually found sooner in bytes that are not deflate, such
     * as a block of type 3, a wrong length of a stored block, or a distance that reaches too far
     * back. */
    size_t held_size;
    unsigned char held[HELD];
} Stage;

struct Decoder {
    DecodeLimits limits;
    size_t consumed;
    size_t allowed; /* output of each stage within the current chunk of input */
    int count;
    Stage stages[];
};

static int is_last(const Decoder *decoder, const Stage *stage) {
    return stage == &decoder->stages[decoder->count - 1];
}

static int is_over_content(const Decoder *decoder, const Stage *stage) {
    size_t most = decoder->limits.content;
    return is_last(decoder, stage) && most > 0 && stage->produced > most;
}

static DecodeResult over_limit(const Decoder *decoder, const Stage *stage) {
    size_t hard = decoder->limits.hard;
    if (is_over_content(decoder, stage)) return DECODE_OVER_CONTENT;
    return hard > 0 && stage->produced > hard ? DECODE_OVER_HARD : DECODE_OVER_RATIO;
}

/* How many bytes the stage may put out in all. */
static size_t stage_allowed(const Decoder *decoder, const Stage *stage) {
    size_t most = decoder->limits.content;
    return is_last(decoder, stage) && most > 0 && most < decoder->allowed ? most : decoder->allowed;
}

/* How many bytes the next call of zlib may put out, at most `wanted`: a byte more than is allowed, so that
 * an exceeded limit shows. */
static size_t stage_piece(const Decoder *decoder, const Stage *stage, size_t wanted) {
    size_t left = stage_allowed(decoder, stage) - stage->produced;
    return left < wanted ? left + 1 : wanted;
}

/* Point zlib to memory for output. Returns its size; 0 when there is no memory. */
static size_t stage_room(const Decoder *decoder, Stage *stage, Buffer *output) {
    size_t size = BETWEEN;
    if (is_last(decoder, stage)) {
        /* JSON of 100 kB packs to about an eighth. Where this guess is right, no bytes are moved. */
        size_t piece = (size_t)stage->stream.avail_in * 8;
        if (piece < SMALLEST_PIECE) piece = SMALLEST_PIECE;
        if (piece > LARGEST_PIECE) piece = LARGEST_PIECE;
        if (buffer_reserve(output, stage_piece(decoder, stage, piece)) < 0) return 0;
        size = output->room - output->size;
        stage->stream.next_out = (unsigned char *)output->bytes + output->size;
    } else {
        stage->stream.next_out = stage->between;
    }
    size = stage_piece(decoder, stage, size < LARGEST_ROOM ? size : LARGEST_ROOM);
    stage->stream.avail_out = (unsigned)size;
    return size;
}

static DecodeResult stage_feed(Decoder *decoder, Stage *stage, const unsigned char *bytes,
                               size_t size, Buffer *output);

/* Take `made` bytes that zlib has put out. */
static DecodeResult stage_take(Decoder *decoder, Stage *stage, size_t made, Buffer *output) {
    stage->produced += made;
    if (stage->produced > stage_allowed(decoder, stage)) return over_limit(decoder, stage);
    if (!is_last(decoder, stage))
        return stage_feed(decoder, stage + 1, stage->between, made, output);
    output->size += made;
    return DECODED;
}

static void stage_ended(Stage *stage) {
    stage->state = stage->members ? STAGE_NEXT : STAGE_OVER;
    stage->held_size = 0;
}

/* Inflate bytes of a stream. `left` becomes the number of bytes after the stream's end. */
static DecodeResult stage_inflate(Decoder *decoder, Stage *stage, const unsigned char *bytes,
                                  size_t size, Buffer *output, size_t *left) {
    ZlibStream *stream = &stage->stream;
    stream->next_in = bytes;
    stream->avail_in = (unsigned)size; /* not more than a chunk */
    do {
        size_t room = stage_room(decoder, stage, output);
        if (room == 0) return DECODE_NO_MEMORY;
        InflateResult inflated = inflate_run(stream);
        /* The limits first: an error may come in this call or, if the content comes in smaller
         * pieces, in a later one. */
        DecodeResult result = stage_take(decoder, stage, room - stream->avail_out, output);
        if (result != DECODED) return result;
        if (inflated == INFLATE_NO_MEMORY) return DECODE_NO_MEMORY;
        if (inflated == INFLATE_ERROR) return DECODE_DAMAGED;
        if (inflated == INFLATE_END) {
            stage_ended(stage);
            break;
        }
    } while (stream->avail_out == 0);
    *left = stream->avail_in;
    return DECODED;
}

/* The format is known: decode the held bytes. */
static DecodeResult stage_begin(Decoder *decoder, Stage *stage, WindowBits bits, Buffer *output) {
    if (inflate_start(&stage->stream, bits) < 0) return DECODE_NO_MEMORY;
    stage->state = STAGE_BODY;
    /* `held` is not written while its bytes are read: gzip's two bytes do not end a member, and
     * after the end of the other formats no bytes are held. */
    return stage_feed(decoder, stage, stage->held, stage->held_size, output);
}

/* Try the last `count` bytes that are held as the continuation of a zlib stream; the output is
 * thrown away. */
static InflateResult stage_try(Stage *stage, size_t count) {
    unsigned char out[1024];
    InflateResult inflated;
    stage->stream.next_in = stage->held + stage->held_size - count;
    stage->stream.avail_in = (unsigned)count;
    do {
        stage->stream.next_out = out;
        stage->stream.avail_out = sizeof out;
        inflated = inflate_run(&stage->stream);
    } while (inflated == INFLATE_MORE && stage->stream.avail_out == 0);
    return inflated;
}

static DecodeResult stage_decide(Decoder *decoder, Stage *stage, size_t count, Buffer *output) {
    switch (stage_try(stage, count)) {
    case INFLATE_NO_MEMORY: return DECODE_NO_MEMORY;
    case INFLATE_ERROR: return stage_begin(decoder, stage, RAW_DEFLATE, output);
    case INFLATE_MORE:
        if (stage->held_size < HELD) return DECODED;
        break;
    case INFLATE_END: break;
    }
    return stage_begin(decoder, stage, GZIP_OR_ZLIB, output);
}

static DecodeResult stage_first(Decoder *decoder, Stage *stage, Buffer *output) {
    Format format = format_of(stage->held, stage->held_size);
    stage->members = format == FORMAT_GZIP;
    switch (format) {
    case FORMAT_UNCLEAR: return DECODED;
    case FORMAT_RAW: return stage_begin(decoder, stage, RAW_DEFLATE, output);
    case FORMAT_GZIP:
    case FORMAT_ZLIB: return stage_begin(decoder, stage, GZIP_OR_ZLIB, output);
    case FORMAT_TRY: break;
    }
    if (inflate_start(&stage->stream, GZIP_OR_ZLIB) < 0) return DECODE_NO_MEMORY;
    stage->state = STAGE_TRY;
    return stage_decide(decoder, stage, stage->held_size, output);
}

/* Hold another byte, and go on if the held bytes show the format now. */
static DecodeResult stage_hold(Decoder *decoder, Stage *stage, unsigned char byte, Buffer *output) {
    stage->held[stage->held_size++] = byte;
    if (stage->state == STAGE_FIRST) return stage_first(decoder, stage, output);
    if (stage->state == STAGE_TRY) return stage_decide(decoder, stage, 1, output);
    if (stage->held_size < 2) return DECODED;
    if (is_gzip(stage->held)) return stage_begin(decoder, stage, GZIP_OR_ZLIB, output);
    stage->state = STAGE_OVER;
    return DECODED;
}

static DecodeResult stage_feed(Decoder *decoder, Stage *stage, const unsigned char *bytes,
                               size_t size, Buffer *output) {
    while (size > 0 && stage->state != STAGE_OVER) {
        size_t left = size - 1;
        DecodeResult result =
            stage->state == STAGE_BODY
                ? stage_inflate(decoder, stage, bytes, size, output, &left)
                : stage_hold(decoder, stage, *bytes, output);
        if (result != DECODED) return result;
        bytes += size - left;
        size = left;
    }
    return DECODED;
}

/* Whether the content of this stage may end now. Too few bytes to show a format are whole in no format. */
static int stage_is_whole(const Stage *stage) {
    if (stage->state == STAGE_FIRST) return stage->held_size == 0;
    return stage->state == STAGE_NEXT || stage->state == STAGE_OVER;
}

/* ---- decoders ---- */

Decoder *decoder_new(const char *field, size_t size, const DecodeLimits *limits) {
    int count = codings_of_field(field, size);
    if (count < 1) return NULL;
    Decoder *decoder = calloc(1, sizeof *decoder + (size_t)count * sizeof *decoder->stages);
    if (decoder == NULL) return NULL;
    decoder->limits = *limits;
    decoder->count = count;
    for (int i = 0; i < count - 1; i++) {
        decoder->stages[i].between = malloc(BETWEEN);
        if (decoder->stages[i].between == NULL) {
            decoder_free(decoder);
            return NULL;
        }
    }
    return decoder;
}

DecodeResult decoder_feed(Decoder *decoder, const char *bytes, size_t size, Buffer *output) {
    while (size > 0) {
        size_t left = CHUNK - decoder->consumed % CHUNK; /* of the chunk */
        size_t part = size < left ? size : left;
        decoder->allowed = output_allowed(&decoder->limits, decoder->consumed + left);
        decoder->consumed += part;
        DecodeResult result =
            stage_feed(decoder, decoder->stages, (const unsigned char *)bytes, part, output);
        if (result != DECODED) return result;
        bytes += part;
        size -= part;
    }
    return DECODED;
}

DecodeResult decoder_end(Decoder *decoder) {
    decoder->allowed = output_allowed(&decoder->limits, decoder->consumed);
    /* The limits first: LimitDecoder does not see that content is cut off. */
    for (const Stage *stage = decoder->stages; stage < decoder->stages + decoder->count; stage++)
        if (stage->produced > decoder->allowed) return over_limit(decoder, stage);
    for (const Stage *stage = decoder->stages; stage < decoder->stages + decoder->count; stage++)
        if (!stage_is_whole(stage)) return DECODE_DAMAGED;
    return DECODED;
}

void decoder_counts(const Decoder *decoder, size_t *consumed, size_t *produced) {
    *consumed = decoder->consumed;
    *produced = decoder->stages[decoder->count - 1].produced;
}

void decoder_free(Decoder *decoder) {
    if (decoder == NULL) return;
    for (int i = 0; i < decoder->count; i++) {
        inflate_stop(&decoder->stages[i].stream);
        free(decoder->stages[i].between);
    }
    free(decoder);
}
