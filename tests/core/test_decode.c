/* Tests of decode.c: test_decode LIBRARY, the path of libcurl or of another library that depends on
 * zlib.
 *
 * Rule: every content is decoded in pieces of many sizes (`decode`), and the result has to be the
 * same each time. Expected limits are worked out by hand from httplib2's LimitDecoder: chunks of
 * 64 KiB of input, compared after each chunk and at the end.
 */
#include "../../src/asynchttp/core/decode.h"

#include <dlfcn.h>
#include <stdint.h>
#include <string.h>

#include "check.h"

/* ---- packing, by the deflate of the same zlib ---- */

typedef struct {
    const unsigned char *next_in;
    unsigned avail_in;
    unsigned long total_in;
    unsigned char *next_out;
    unsigned avail_out;
    unsigned long total_out;
    const char *message;
    void *state, *allocate, *release, *opaque;
    int data_type;
    unsigned long adler, reserved;
} Stream;

static int (*deflate_init)(Stream *, int level, int method, int bits, int memory, int strategy,
                           const char *version, int size);
static int (*deflate)(Stream *, int flush);
static int (*deflate_end)(Stream *);

enum { GZIP = 31, ZLIB = 15, RAW = -15 };
static const int FORMATS[] = {GZIP, ZLIB, RAW};

/* Bytes, owned by the test, which calls `drop`. */
typedef struct {
    char *at;
    size_t size;
} Bytes;

static void load_function(void *library, const char *name, void *into) {
    void *function = dlsym(library, name);
    CHECK(function != NULL);
    memcpy(into, &function, sizeof function);
}

static Bytes copy_of(const void *bytes, size_t size) {
    Bytes copy = {malloc(size + 1), size};
    CHECK(copy.at != NULL);
    if (size) memcpy(copy.at, bytes, size);
    return copy;
}

static void free_bytes(Bytes bytes) { free(bytes.at); }

static Bytes pack_at(Bytes plain, int format, int level) {
    Stream stream = {0};
    Bytes packed = {malloc(plain.size + plain.size / 100 + 100), 0};
    CHECK(packed.at != NULL);
    CHECK(deflate_init(&stream, level, 8, format, 8, 0, "1.2.11", (int)sizeof stream) == 0);
    stream.next_in = (unsigned char *)plain.at;
    stream.avail_in = (unsigned)plain.size;
    stream.next_out = (unsigned char *)packed.at;
    stream.avail_out = (unsigned)(plain.size + plain.size / 100 + 100);
    CHECK(deflate(&stream, 4) == 1);
    packed.size = stream.total_out;
    deflate_end(&stream);
    return packed;
}

static Bytes pack(Bytes plain, int format) { return pack_at(plain, format, 6); }

/* The bytes of `first`, then of `second`; drops both. */
static Bytes joined(Bytes first, Bytes second) {
    Bytes both = {malloc(first.size + second.size + 1), first.size + second.size};
    CHECK(both.at != NULL);
    memcpy(both.at, first.at, first.size);
    memcpy(both.at + first.size, second.at, second.size);
    free_bytes(first);
    free_bytes(second);
    return both;
}

static Bytes zeros(size_t size) {
    Bytes bytes = {calloc(size + 1, 1), size};
    CHECK(bytes.at != NULL);
    return bytes;
}

static unsigned state = 1;

static unsigned random_below(unsigned below) {
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % below;
}

/* Bytes that cannot be packed. */
static Bytes noise(size_t size) {
    Bytes bytes = zeros(size);
    for (size_t i = 0; i < size; i++) bytes.at[i] = (char)random_below(256);
    return bytes;
}

/* A text that packs to about a fifth. */
static Bytes text(size_t size) {
    Bytes bytes = zeros(size + 64);
    size_t at = 0;
    while (at < size)
        at += (size_t)sprintf(bytes.at + at, "{\"id\": %u, \"name\": \"stop %u\"}, ", random_below(99999),
                              random_below(99));
    bytes.size = size;
    return bytes;
}

/* ---- decoding ---- */

static const DecodeLimits NO_LIMITS = {0};
static const DecodeLimits DEFAULTS = {100, 10 << 20, (size_t)10 << 30, 0};

enum { WHOLE = 0, RANDOM = -1 };

static size_t piece_size(int sizes, size_t left) {
    size_t piece = sizes == WHOLE ? left : sizes == RANDOM ? 1 + random_below(3000) : (size_t)sizes;
    return piece < left ? piece : left;
}

/* Decode in pieces of `sizes` bytes, WHOLE or RANDOM; the first piece of `first` bytes. Each piece is in
 * memory of its own, so that a sanitizer sees reads past the end of the piece. */
static DecodeResult decode_in(const char *field, Bytes content, const DecodeLimits *limits,
                              size_t first, int sizes, Buffer *output) {
    Decoder *decoder = decoder_new(field, strlen(field), limits);
    CHECK(decoder != NULL);
    DecodeResult result = DECODED;
    size_t at = 0;
    while (at < content.size && result == DECODED) {
        size_t left = content.size - at;
        size_t size = at == 0 && first > 0 && first < left ? first : piece_size(sizes, left);
        Bytes piece = copy_of(content.at + at, size);
        result = decoder_feed(decoder, piece.at, size, output);
        free_bytes(piece);
        at += size;
    }
    if (result == DECODED) {
        size_t consumed, produced;
        result = decoder_end(decoder);
        decoder_counts(decoder, &consumed, &produced);
        CHECK(consumed == content.size && produced == output->size);
    }
    decoder_free(decoder);
    return result;
}

/* Decode whole, byte by byte, in random pieces and, if the content is short, split at each byte.
 * CHECK that the results are the same. */
static DecodeResult decode(const char *field, Bytes content, const DecodeLimits *limits,
                           Buffer *output) {
    DecodeResult result = decode_in(field, content, limits, 0, WHOLE, output);
    size_t splits = content.size < 300 ? content.size : 8;
    for (size_t i = 0; i < splits; i++) {
        Buffer again = {0};
        int sizes = content.size < 300 ? WHOLE : i == 0 ? 1 : RANDOM;
        CHECK(decode_in(field, content, limits, i, sizes, &again) == result);
        if (result == DECODED) CHECK(again.size == output->size);
        if (result == DECODED && again.size > 0)
            CHECK(memcmp(again.bytes, output->bytes, again.size) == 0);
        buffer_free(&again);
    }
    return result;
}

/* CHECK that the content is decoded to `plain`. The content is dropped. */
static void check_decoded(const char *field, Bytes content, Bytes plain) {
    Buffer output = {0};
    CHECK(decode(field, content, &DEFAULTS, &output) == DECODED);
    CHECK(output.size == plain.size);
    if (plain.size > 0) CHECK(memcmp(output.bytes, plain.at, plain.size) == 0);
    buffer_free(&output);
    free_bytes(content);
}

static DecodeResult result_of(const char *field, Bytes content, DecodeLimits limits) {
    Buffer output = {0};
    DecodeResult result = decode(field, content, &limits, &output);
    buffer_free(&output);
    return result;
}

/* CHECK that the content is damaged. The content is dropped. */
static void check_damaged(const char *field, Bytes content) {
    CHECK(result_of(field, content, DEFAULTS) == DECODE_DAMAGED);
    free_bytes(content);
}

/* ---- the field ---- */

static int decodable(const char *field) { return is_decodable(field, strlen(field)); }

static void test_decodable_fields(void) {
    const char *const fields[] = {
        "gzip", "x-gzip", "deflate", "zlib", "GZip", "X-GZIP", " gzip\t", "identity, gzip",
        "gzip,identity", ",gzip", "gzip , ", ", ,gzip", "gzip,gzip", "deflate, gzip",
        "gzip,gzip,gzip,gzip,gzip", "gzip,gzip,gzip,identity,gzip,,gzip",
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) CHECK(decodable(fields[i]));
}

static void test_undecodable_fields(void) {
    const char *const fields[] = {
        "", " ", ",", "identity", "Identity, identity", "br", "gzip, br", "br, gzip", "gzi",
        "gzipp", "x-deflate", "gzip;q=1", "gzip gzip", "g zip", "\xe9", "*", "gzip\n",
        "gzip,gzip,gzip,gzip,gzip,gzip",
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) CHECK(!decodable(fields[i]));
    CHECK(!is_decodable("gzip\0", 5));
    CHECK(is_decodable("gzip, br", 4)); /* no byte after `size` is read */
}

/* ---- formats ---- */

static void test_every_format_under_every_name(void) {
    const char *const names[] = {"gzip", "deflate", "zlib", "x-gzip"};
    for (size_t size = 0; size <= 200000; size = size * 7 + 1) {
        Bytes plain = text(size);
        for (size_t i = 0; i < 4; i++)
            for (size_t j = 0; j < 3; j++) check_decoded(names[i], pack(plain, FORMATS[j]), plain);
        free_bytes(plain);
    }
}

static void test_every_level_and_kind_of_content(void) {
    Bytes plain[] = {text(3000), noise(3000), zeros(3000), noise(150000)};
    for (size_t i = 0; i < 4; i++) {
        for (int level = 0; level < 10; level += 3)
            for (size_t j = 0; j < 3; j++)
                check_decoded("gzip", pack_at(plain[i], FORMATS[j], level), plain[i]);
        free_bytes(plain[i]);
    }
}

static void test_gzip_header_with_all_fields(void) {
    /* RFC 1952, 2.3.1: FTEXT, FEXTRA, FNAME and FCOMMENT. */
    static const char head[] = "\x1f\x8b\x08\x1d\0\0\0\0\0\xff\4\0abcdname\0comment\0";
    Bytes plain = text(100), packed = pack(plain, GZIP);
    Bytes content = joined(copy_of(head, sizeof head - 1), copy_of(packed.at + 10, packed.size - 10));
    check_decoded("gzip", content, plain);
    free_bytes(packed);
    free_bytes(plain);
}

static void test_no_bytes_are_an_empty_content(void) {
    Bytes none = copy_of("", 0);
    check_decoded("gzip", copy_of("", 0), none);
    check_decoded("gzip, deflate", copy_of("", 0), none);
    check_decoded("gzip, gzip", pack(none, GZIP), none); /* the inner content has no bytes */
    free_bytes(none);
}

static void test_every_cut_is_damaged(void) {
    Bytes plain = text(150);
    for (size_t i = 0; i < 3; i++) {
        Bytes packed = pack(plain, FORMATS[i]);
        for (size_t size = 1; size < packed.size; size++)
            check_damaged("gzip", copy_of(packed.at, size));
        free_bytes(packed);
    }
    free_bytes(plain);
    Bytes large = text(300000), packed = pack(large, GZIP);
    check_damaged("gzip", copy_of(packed.at, packed.size - 1));
    check_damaged("gzip", copy_of(packed.at, 30000));
    free_bytes(packed);
    free_bytes(large);
}

static void test_damaged_content(void) {
    check_damaged("gzip", copy_of("no gzip", 7));
    check_damaged("gzip", copy_of("\x1f\x8b\x07 wrong method", 16));
    check_damaged("gzip", copy_of("\x1f\x8b\x08\xe0 reserved flags", 18));
    check_damaged("gzip", copy_of("\x1f", 1));
    check_damaged("gzip", copy_of("\x78\xbb\0\0\0\0 needs a dictionary", 24));
    Bytes plain = text(150);
    for (size_t i = 0; i < 2; i++) { /* the checksum, and gzip's length */
        Bytes packed = pack(plain, FORMATS[i]);
        for (size_t back = 1; back <= (i == 0 ? 8 : 4); back++) {
            Bytes damaged = copy_of(packed.at, packed.size);
            damaged.at[packed.size - back] ^= 1;
            check_damaged("gzip", damaged);
        }
        free_bytes(packed);
    }
    free_bytes(plain);
}

/* ---- members ---- */

static void test_all_members_are_decoded(void) {
    Bytes plain = text(90000), twice = joined(copy_of(plain.at, 90000), copy_of(plain.at, 90000));
    check_decoded("gzip", joined(pack(plain, GZIP), pack(plain, GZIP)), twice);
    free_bytes(plain);
    free_bytes(twice);
    Bytes few = copy_of("few", 3), none = copy_of("", 0), content = copy_of("", 0);
    for (int i = 0; i < 3; i++)
        content = joined(content, joined(pack(few, GZIP), pack(none, GZIP)));
    Bytes all = copy_of("fewfewfew", 9);
    check_decoded("gzip", content, all);
    free_bytes(all);
    free_bytes(few);
    free_bytes(none);
}

static void test_garbage_after_the_end_is_ignored(void) {
    static const char *const tails[] = {"\0", "\0\0\0\0\0\0\0", "\x1f", "\x8b\x1f", "\x1f\x8a",
                                        "x\x1f\x8b", "\x1f\x1f\x8b\x08", "garbage"};
    static const size_t sizes[] = {1, 7, 1, 2, 2, 3, 4, 7};
    Bytes plain = text(100);
    for (size_t i = 0; i < 3; i++) {
        for (size_t j = 0; j < sizeof sizes / sizeof *sizes; j++)
            check_decoded("gzip", joined(pack(plain, FORMATS[i]), copy_of(tails[j], sizes[j])), plain);
        check_decoded("gzip", joined(pack(plain, FORMATS[i]), zeros(200000)), plain);
    }
    /* NULs end the members, and only gzip has members. */
    check_decoded("gzip", joined(pack(plain, GZIP), joined(zeros(1), pack(plain, GZIP))), plain);
    check_decoded("gzip", joined(pack(plain, ZLIB), pack(plain, ZLIB)), plain);
    check_decoded("gzip", joined(pack(plain, ZLIB), pack(plain, GZIP)), plain);
    check_decoded("gzip", joined(pack(plain, GZIP), pack(plain, ZLIB)), plain);
    check_decoded("gzip", joined(pack(plain, RAW), pack(plain, GZIP)), plain);
    free_bytes(plain);
}

static void test_damaged_further_members(void) {
    Bytes plain = text(100), packed = pack(plain, GZIP);
    for (size_t size = 2; size < packed.size; size++)
        check_damaged("gzip", joined(pack(plain, GZIP), copy_of(packed.at, size)));
    check_damaged("gzip", joined(pack(plain, GZIP), copy_of("\x1f\x8b\0\0", 4)));
    packed.at[packed.size - 1] ^= 1;
    check_damaged("gzip", joined(pack(plain, GZIP), packed));
    free_bytes(plain);
}

/* ---- raw deflate that looks like zlib's format ---- */

/* A stored block as raw deflate, whose first byte and length are also a header of zlib's format.
 * `second` is the high byte of the length. */
static Bytes stored_like_zlib(unsigned char second, Bytes plain) {
    char head[5] = {0x78, (char)0x9c, (char)second, (char)(0x9c ^ 255), (char)(second ^ 255)};
    CHECK(plain.size == (size_t)(0x9c | second << 8));
    return joined(copy_of(head, 5), joined(copy_of(plain.at, plain.size), copy_of("\3\0", 2)));
}

static void test_raw_deflate_like_zlib(void) {
    for (int high = 0; high < 256; high += 51) {
        Bytes plain = text((size_t)(0x9c | high << 8));
        check_decoded("deflate", stored_like_zlib((unsigned char)high, plain), plain);
        check_damaged("deflate", copy_of("\x78\x9c\x07\x63\xf8 too short for a stored block", 34));
        free_bytes(plain);
    }
}

/* A zlib stream whose second to fifth bytes are also lengths of a stored block: a stored block of
 * zlib's format, whose own length is chosen for this. (0x78 0x01 0x00: the lower byte is 0x01 ^ 255.) */
static Bytes zlib_like_stored(Bytes plain) {
    CHECK(plain.size == 0xfffe);
    Bytes packed = pack_at(plain, ZLIB, 0), content = {malloc(65600), 0};
    CHECK(content.at != NULL);
    memcpy(content.at, "\x78\x01\0\xfe\xff\x01\0", 7);
    memcpy(content.at + 7, plain.at, plain.size);
    memcpy(content.at + 7 + plain.size, "\3\0", 2);
    memcpy(content.at + 9 + plain.size, packed.at + packed.size - 4, 4); /* Adler-32 */
    content.size = plain.size + 13;
    free_bytes(packed);
    return content;
}

static void test_zlib_like_raw_deflate(void) {
    Bytes plain = text(0xfffe), content = zlib_like_stored(plain);
    const size_t cuts[] = {1, 4, 5, 6, 255, 256, 257, 60000, 65546};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++)
        check_damaged("deflate", copy_of(content.at, cuts[i]));
    check_decoded("deflate", joined(content, copy_of("ignored", 7)), plain);
    free_bytes(plain);
}

/* Short zlib streams that are in doubt, from a search among random contents of three bytes. */
static void test_short_zlib_streams_in_doubt(void) {
    static const char *const packed[] = {
        "\x78\xda\x5b\x25\xa4\x0b\x00\x02\x52\x00\xea",
        "\x78\xda\xdb\x25\x24\x0b\x00\x02\x72\x00\xea",
        "\x78\xda\x3b\x25\xc4\x03\x00\x02\x91\x00\xe9",
        "\x78\xda\xdb\x25\x24\x0c\x00\x02\x68\x00\xe0",
    };
    static const char *const plain[] = {
        "\xaa\x12-", "\xba\x12\x1d", "\xca\x12\x0c", "\xba\x12\x13",
    };
    for (size_t i = 0; i < 4; i++) {
        Bytes expected = copy_of(plain[i], 3);
        check_decoded("deflate", copy_of(packed[i], 11), expected);
        check_decoded("deflate", joined(copy_of(packed[i], 11), zeros(400)), expected);
        for (size_t size = 1; size < 11; size++) check_damaged("deflate", copy_of(packed[i], size));
        free_bytes(expected);
    }
}

/* ---- lists ---- */

static void test_lists_of_codings(void) {
    Bytes plain = text(100000), content = copy_of(plain.at, plain.size);
    static const char *const fields[] = {"gzip", "deflate,gzip", "gzip, identity, deflate, gzip",
                                         "zlib,gzip,deflate,gzip", "gzip,gzip,gzip,gzip,gzip"};
    static const int formats[] = {GZIP, RAW, ZLIB, GZIP, RAW};
    for (size_t i = 0; i < 5; i++) {
        Bytes packed = pack(content, formats[i]);
        free_bytes(content);
        content = packed;
        check_decoded(fields[i], copy_of(content.at, content.size), plain);
        check_damaged(fields[i], copy_of(content.at, content.size - 1));
    }
    free_bytes(content);
    free_bytes(plain);
}

static void test_damaged_inner_coding(void) {
    Bytes plain = text(100), packed = pack(plain, GZIP);
    Bytes cut = copy_of(packed.at, packed.size - 3);
    check_damaged("gzip, gzip", pack(cut, GZIP));
    check_damaged("gzip, gzip", pack(plain, GZIP));
    Bytes inner = joined(packed, copy_of("garbage", 7));
    check_decoded("gzip, gzip", pack(inner, ZLIB), plain);
    free_bytes(inner);
    free_bytes(cut);
    free_bytes(plain);
}

/* ---- limits ---- */

static void test_hard_limit(void) {
    Bytes plain = text(100000);
    for (size_t i = 0; i < 3; i++) {
        Bytes packed = pack(plain, FORMATS[i]);
        CHECK(result_of("gzip", packed, (DecodeLimits){.hard = 100000}) == DECODED);
        CHECK(result_of("gzip", packed, (DecodeLimits){.hard = 99999}) == DECODE_OVER_HARD);
        CHECK(result_of("gzip", packed, (DecodeLimits){.hard = 1}) == DECODE_OVER_HARD);
        free_bytes(packed);
    }
    Bytes twice = joined(pack(plain, GZIP), pack(plain, GZIP));
    CHECK(result_of("gzip", twice, (DecodeLimits){.hard = 199999}) == DECODE_OVER_HARD);
    CHECK(result_of("gzip", twice, (DecodeLimits){.hard = 200000}) == DECODED);
    free_bytes(twice);
    free_bytes(plain);
}

static void test_content_limit_counts_the_last_stage_only(void) {
    Bytes plain = text(10), packed = pack(plain, GZIP), twice = pack(packed, GZIP);
    CHECK(packed.size > 10);
    CHECK(result_of("gzip, gzip", twice, (DecodeLimits){.content = 10}) == DECODED);
    CHECK(result_of("gzip, gzip", twice, (DecodeLimits){.content = 9}) == DECODE_OVER_CONTENT);
    CHECK(result_of("gzip", packed, (DecodeLimits){.content = 9, .hard = 9}) == DECODE_OVER_CONTENT);
    CHECK(result_of("gzip", packed, (DecodeLimits){.content = 9, .hard = 8}) == DECODE_OVER_HARD);
    free_bytes(twice);
    free_bytes(packed);
    free_bytes(plain);
}

static void test_ratio_counts_from_the_safe_size_on(void) {
    Bytes plain = zeros(100000), packed = pack(plain, GZIP);
    size_t ratio = plain.size / packed.size; /* rounded down: exceeded */
    CHECK(plain.size % packed.size != 0 && ratio > 500);
    DecodeLimits low = {.ratio = (double)ratio}, high = {.ratio = (double)ratio + 1};
    CHECK(result_of("gzip", packed, low) == DECODE_OVER_RATIO);
    CHECK(result_of("gzip", packed, high) == DECODED);
    low.safe = high.safe = 100000;
    CHECK(result_of("gzip", packed, low) == DECODE_OVER_RATIO);
    CHECK(result_of("gzip", packed, high) == DECODED);
    low.safe = 100001;
    CHECK(result_of("gzip", packed, low) == DECODED);
    low.hard = 100000;
    CHECK(result_of("gzip", packed, low) == DECODED);
    low.hard = 99999;
    CHECK(result_of("gzip", packed, low) == DECODE_OVER_HARD);
    CHECK(result_of("gzip", packed, (DecodeLimits){.safe = 1}) == DECODED); /* no ratio */
    free_bytes(packed);
    free_bytes(plain);
}

static void test_exact_ratio_is_allowed(void) {
    Bytes plain = zeros(100000), packed = pack(plain, GZIP);
    size_t more = 200 - packed.size % 200; /* the input becomes 200 bytes, or 400, ... */
    Bytes content = joined(packed, zeros(more));
    CHECK(100000 % content.size == 0);
    double ratio = (double)(100000 / content.size);
    CHECK(result_of("gzip", content, (DecodeLimits){.ratio = ratio}) == DECODED);
    CHECK(result_of("gzip", content, (DecodeLimits){.ratio = ratio - 0.01}) == DECODE_OVER_RATIO);
    free_bytes(content);
    free_bytes(plain);
}

static void test_ignored_input_counts(void) {
    Bytes plain = zeros(1000000);
    Bytes content = joined(pack(plain, GZIP), zeros(20000)); /* in all 20,992 bytes or so */
    CHECK(result_of("gzip", content, (DecodeLimits){.ratio = 48}) == DECODED);
    CHECK(result_of("gzip", content, (DecodeLimits){.ratio = 47}) == DECODE_OVER_RATIO);
    free_bytes(content);
    content = joined(pack(plain, GZIP), zeros(200000));
    /* The first check is after 64 KiB: 1,000,000 / 65,536 = 15.26. */
    CHECK(result_of("gzip", content, (DecodeLimits){.ratio = 15.25}) == DECODE_OVER_RATIO);
    CHECK(result_of("gzip", content, (DecodeLimits){.ratio = 15.26}) == DECODED);
    free_bytes(content);
    free_bytes(plain);
}

/* Zeros, then 70,000 bytes that cannot be packed. The input is 71,000 to 73,000 bytes; the
 * output after 64 KiB is 1,062,500 to 1,064,600 bytes, which is 16.21 to 16.25 times the input,
 * and in the end 14.65 to 15.08 times. */
static void test_ratio_is_checked_after_each_chunk(void) {
    Bytes plain = joined(zeros(1000000), noise(70000)), packed = pack(plain, GZIP);
    CHECK(packed.size > 71000 && packed.size < 73000);
    CHECK(result_of("gzip", packed, (DecodeLimits){.ratio = 15.1}) == DECODE_OVER_RATIO);
    CHECK(result_of("gzip", packed, (DecodeLimits){.ratio = 16.2}) == DECODE_OVER_RATIO);
    CHECK(result_of("gzip", packed, (DecodeLimits){.ratio = 16.3}) == DECODED);
    free_bytes(packed);
    free_bytes(plain);
    /* Noise first, then zeros: beyond the ratio only after the first chunk's end. */
    plain = joined(noise(70000), zeros(1000000)), packed = pack(plain, GZIP);
    CHECK(packed.size > 71000 && packed.size < 73000);
    CHECK(result_of("gzip", packed, (DecodeLimits){.ratio = 14.6}) == DECODE_OVER_RATIO);
    CHECK(result_of("gzip", packed, (DecodeLimits){.ratio = 15.1}) == DECODED);
    free_bytes(packed);
    free_bytes(plain);
}

static void test_cut_off_content_is_held_to_the_limits_first(void) {
    Bytes plain = zeros(100000), packed = pack(plain, GZIP);
    packed.size -= 4; /* LimitDecoder would have raised DecodeRatioError */
    CHECK(result_of("gzip", packed, (DecodeLimits){.ratio = 100}) == DECODE_OVER_RATIO);
    CHECK(result_of("gzip", packed, (DecodeLimits){.ratio = 2000}) == DECODE_DAMAGED);
    free_bytes(packed);
    free_bytes(plain);
}

static void test_bomb_takes_no_more_memory_than_the_limits(void) {
    Bytes plain = zeros(100 << 20), packed = pack(plain, GZIP);
    free_bytes(plain);
    Buffer output = {0};
    CHECK(packed.size > 64 << 10);
    CHECK(decode_in("gzip", packed, &DEFAULTS, 0, WHOLE, &output) == DECODE_OVER_RATIO);
    CHECK(output.room <= 16 << 20);
    buffer_free(&output);
    DecodeLimits hard = {.hard = 1000};
    CHECK(decode_in("gzip", packed, &hard, 0, WHOLE, &output) == DECODE_OVER_HARD);
    CHECK(output.room <= 2048);
    buffer_free(&output);
    free_bytes(packed);
}

static void test_bomb_within_a_list_is_stopped(void) {
    const DecodeLimits limits = {.ratio = 100, .safe = 50000};
    Bytes plain = zeros(500000), once = pack(plain, GZIP), twice = pack(once, GZIP);
    Bytes thrice = pack(twice, GZIP);
    CHECK(result_of("gzip, gzip", twice, limits) == DECODE_OVER_RATIO);
    CHECK(result_of("gzip, gzip, gzip", thrice, limits) == DECODE_OVER_RATIO);
    CHECK(result_of("gzip, gzip", twice, (DecodeLimits){.hard = 499999}) == DECODE_OVER_HARD);
    CHECK(result_of("gzip, gzip", twice, (DecodeLimits){.hard = 500000}) == DECODED);
    /* An outer coding that expands too much, while the inner one makes no bytes. */
    Bytes none = copy_of("", 0), inner = joined(pack(none, GZIP), copy_of(plain.at, plain.size));
    Bytes outer = pack(inner, GZIP);
    CHECK(result_of("gzip, gzip", outer, NO_LIMITS) == DECODED);
    CHECK(result_of("gzip, gzip", outer, limits) == DECODE_OVER_RATIO);
    CHECK(result_of("gzip, gzip", outer, (DecodeLimits){.hard = 499999}) == DECODE_OVER_HARD);
    Bytes all[] = {plain, once, twice, thrice, none, inner, outer};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free_bytes(all[i]);
}

/* ---- buffers ---- */

static void test_output_is_appended_and_may_be_taken_away(void) {
    Bytes plain = text(50000), packed = pack(plain, GZIP);
    Buffer output = {0}, all = {0};
    Decoder *decoder = decoder_new("gzip", 4, &DEFAULTS);
    CHECK(decoder != NULL);
    for (size_t at = 0; at < packed.size; at += 100) {
        size_t size = packed.size - at < 100 ? packed.size - at : 100;
        CHECK(buffer_append(&output, "before", 6) == 0);
        CHECK(decoder_feed(decoder, packed.at + at, size, &output) == DECODED);
        CHECK(memcmp(output.bytes, "before", 6) == 0);
        CHECK(buffer_append(&all, output.bytes + 6, output.size - 6) == 0);
        if (at % 300) buffer_free(&output);
        else buffer_clear(&output);
    }
    CHECK(decoder_end(decoder) == DECODED);
    CHECK(all.size == plain.size && memcmp(all.bytes, plain.at, plain.size) == 0);
    decoder_free(decoder);
    buffer_free(&output);
    buffer_free(&all);
    free_bytes(packed);
    free_bytes(plain);
}

static void test_full_buffer(void) {
    Bytes plain = text(50000), packed = pack(plain, GZIP);
    char memory[1000];
    Buffer output = {0};
    buffer_lend(&output, memory, sizeof memory);
    CHECK(decode_in("gzip", packed, &DEFAULTS, 0, WHOLE, &output) == DECODE_NO_MEMORY);
    buffer_free(&output);
    free_bytes(packed);
    free_bytes(plain);
}

static void test_unused_decoder(void) {
    Decoder *decoder = decoder_new("gzip, gzip", 10, &DEFAULTS);
    CHECK(decoder != NULL);
    decoder_free(decoder);
    decoder_free(NULL);
    CHECK(decoder_new("br", 2, &DEFAULTS) == NULL);
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    void *library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
    CHECK(library != NULL);
    CHECK(zlib_find(library) == 0);
    load_function(library, "deflateInit2_", &deflate_init);
    load_function(library, "deflate", &deflate);
    load_function(library, "deflateEnd", &deflate_end);
    test_decodable_fields();
    test_undecodable_fields();
    test_every_format_under_every_name();
    test_every_level_and_kind_of_content();
    test_gzip_header_with_all_fields();
    test_no_bytes_are_an_empty_content();
    test_every_cut_is_damaged();
    test_damaged_content();
    test_all_members_are_decoded();
    test_garbage_after_the_end_is_ignored();
    test_damaged_further_members();
    test_raw_deflate_like_zlib();
    test_zlib_like_raw_deflate();
    test_short_zlib_streams_in_doubt();
    test_lists_of_codings();
    test_damaged_inner_coding();
    test_hard_limit();
    test_content_limit_counts_the_last_stage_only();
    test_ratio_counts_from_the_safe_size_on();
    test_exact_ratio_is_allowed();
    test_ignored_input_counts();
    test_ratio_is_checked_after_each_chunk();
    test_cut_off_content_is_held_to_the_limits_first();
    test_bomb_takes_no_more_memory_than_the_limits();
    test_bomb_within_a_list_is_stopped();
    test_output_is_appended_and_may_be_taken_away();
    test_full_buffer();
    test_unused_decoder();
    puts("decode: all tests passed");
    return 0;
}
