#include "base/uuid.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/sha1.h"

#define GATHERED_BYTES 128

void uuid_v5(const unsigned char name_space[UUID_BYTES], const struct span *parts, size_t count,
             char separator, unsigned char uuid[UUID_BYTES])
{
    struct sha1 sha1;
    char gathered[GATHERED_BYTES]; /* most names are short: they are hashed in one go */
    size_t size = UUID_BYTES;
    sha1_init(&sha1);
    memcpy(gathered, name_space, UUID_BYTES);
    for (size_t i = 0; i < count; i++) {
        if (parts[i].size >= sizeof gathered - size) {
            sha1_update(&sha1, span_make(gathered, size));
            size = 0;
        }
        if (i != 0)
            gathered[size++] = separator;
        if (parts[i].size >= sizeof gathered - size) {
            sha1_update(&sha1, span_make(gathered, size));
            sha1_update(&sha1, parts[i]);
            size = 0;
        } else {
            span_copy_to(gathered + size, parts[i]);
            size += parts[i].size;
        }
    }
    sha1_update(&sha1, span_make(gathered, size));
    unsigned char digest[SHA1_BYTES];
    sha1_finish(&sha1, digest);
    memcpy(uuid, digest, UUID_BYTES);
    uuid[6] = (unsigned char)((uuid[6] & 0x0F) | 5 << 4);
    uuid[8] = (unsigned char)((uuid[8] & 0x3F) | 0x80);
}

uint64_t uuid_random_u64(void)
{
    uint64_t number = 0;
    while (number == 0) {
        /* So few bytes come whole or, before the kernel's pool is ready, later; there is no other failure
         * on a Linux that has the call. */
        if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number) {
            fprintf(stderr, "declic: the kernel gives no random numbers (getrandom)\n");
            abort();
        }
    }
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
