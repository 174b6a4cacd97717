/* What several unit tests share: cmocka with its includes, and bytes at the end of the world. */
#ifndef DECLIC_TESTS_CHECK_H
#define DECLIC_TESTS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"

/* A copy of the bytes that ends at an unmapped page: reading one byte beyond it ends the test with a
 * fault. Give it back with guarded_free. */
static inline struct span guarded_copy(struct span bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t room = (bytes.size / page + 1) * page;
    char *memory = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(memory != MAP_FAILED);
    assert_int_equal(mprotect(memory + room, page, PROT_NONE), 0);
    char *copy = memory + room - bytes.size;
    if (bytes.size != 0)
        memcpy(copy, bytes.data, bytes.size);
    return span_make(copy, bytes.size);
}

static inline void guarded_free(struct span bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t room = (bytes.size / page + 1) * page;
    munmap((char *)(uintptr_t)(bytes.data + bytes.size - room), room + page);
}

#define assert_span_equal(actual, text)                                                 \
    do {                                                                                \
        struct span actual_ = (actual);                                                 \
        const char *expected_ = (text);                                                 \
        if (!span_equal_text(actual_, expected_))                                       \
            fail_msg("expected \"%s\", got \"%.*s\"", expected_, SPAN_PRINTF(actual_)); \
    } while (0)

/* The bytes in hexadecimal: "00ff". */
static inline void assert_hex_equal(struct span bytes, const char *hex)
{
    struct buf text = {0};
    for (size_t i = 0; i < bytes.size; i++)
        buf_printf(&text, "%02x", (unsigned char)bytes.data[i]);
    assert_span_equal(buf_span(&text), hex);
    buf_free(&text);
}

#endif
