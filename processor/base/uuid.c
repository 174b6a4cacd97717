#include "base/uuid.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/sha1.h"

static void set_version(unsigned char uuid[UUID_BYTES], int version)
{
    uuid[6] = (unsigned char)((uuid[6] & 0x0F) | version << 4);
    uuid[8] = (unsigned char)((uuid[8] & 0x3F) | 0x80);
}

void uuid_v5(const unsigned char name_space[UUID_BYTES], const struct span *parts, size_t count,
             char separator, unsigned char uuid[UUID_BYTES])
{
    struct sha1 sha1;
    sha1_init(&sha1);
    sha1_update(&sha1, span_make(name_space, UUID_BYTES));
    for (size_t i = 0; i < count; i++) {
        if (i != 0)
            sha1_update(&sha1, span_make(&separator, 1));
        sha1_update(&sha1, parts[i]);
    }
    unsigned char digest[SHA1_BYTES];
    sha1_finish(&sha1, digest);
    memcpy(uuid, digest, UUID_BYTES);
    set_version(uuid, 5);
}

/* Up to 256 bytes come whole or, before the kernel's pool is ready, later; there is no other failure
 * on a Linux that has the call. */
static void random_bytes(void *bytes, size_t size)
{
    if (getrandom(bytes, size, 0) != (ssize_t)size) {
        fprintf(stderr, "declic: the kernel gives no random numbers (getrandom)\n");
        abort();
    }
}

void uuid_v4(unsigned char uuid[UUID_BYTES])
{
    random_bytes(uuid, UUID_BYTES);
    set_version(uuid, 4);
}

uint64_t uuid_random_u64(void)
{
    uint64_t number;
    do
        random_bytes(&number, sizeof number);
    while (number == 0);
    return number;
}

static bool dash_before(int byte)
{
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

void uuid_format(const unsigned char uuid[UUID_BYTES], char text[UUID_TEXT_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < UUID_BYTES; i++) {
        if (dash_before(i))
            *text++ = '-';
        *text++ = digits[uuid[i] >> 4];
        *text++ = digits[uuid[i] & 15];
    }
}

static int hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    char lower = (char)(digit | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

enum err uuid_parse(struct span text, unsigned char uuid[UUID_BYTES])
{
    if (text.size != UUID_TEXT_BYTES)
        return ERR_SYNTAX;
    const char *at = text.data;
    for (int i = 0; i < UUID_BYTES; i++) {
        if (dash_before(i) && *at++ != '-')
            return ERR_SYNTAX;
        int high = hex_digit(at[0]);
        int low = hex_digit(at[1]);
        if (high < 0 || low < 0)
            return ERR_SYNTAX;
        uuid[i] = (unsigned char)(high << 4 | low);
        at += 2;
    }
    return ERR_OK;
}
