/* Memory that is not to be had, once: preloaded into one process, LD_PRELOAD=failing_memory.so.
 *
 * Only allocations that the program itself asks for count, not those of libraries. A site is the way to
 * one: the innermost calls within the program, as a hash of their places in its file, in 16 hexadecimal
 * digits.
 *
 * DECLIC_MEMORY_FAILED  the file with the sites that failed in other processes, a line `SITE PLACE PLACE
 * ...` each (places for addr2line). In this one the first that is not there fails, once, and is added.
 * DECLIC_MEMORY_SHARE   n: only every n-th site (by its hash) fails
 * DECLIC_MEMORY_TOLD    a file that gets the line, too
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <inttypes.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define FRAMES_READ 40
#define FRAMES_TOLD 6
#define SITES 4096 /* room for those seen */

static uintptr_t base, text_begin, text_end; /* of the program */
static const char *failed_path, *told_path;
static uint64_t share = 1;
static atomic_bool has_failed;
static _Atomic uint64_t seen[SITES];
static _Thread_local bool inside; /* looking at an allocation allocates */

static void *(*real_malloc)(size_t);
static void *(*real_calloc)(size_t, size_t);
static void *(*real_realloc)(void *, size_t);

/* dlsym() asks for a little memory before it can tell where that comes from. */
static char early[4096];
static size_t early_used;

static int find_program(struct dl_phdr_info *info, size_t size, void *self)
{
    (void)size;
    (void)self;
    base = info->dlpi_addr;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type == PT_LOAD && (part->p_flags & PF_X) != 0) {
            text_begin = base + part->p_vaddr;
            text_end = text_begin + part->p_memsz;
        }
    }
    return 1; /* the first is the program */
}

static void find_real(void)
{
    if (real_malloc != NULL)
        return;
    *(void **)&real_calloc = dlsym(RTLD_NEXT, "calloc");
    *(void **)&real_realloc = dlsym(RTLD_NEXT, "realloc");
    *(void **)&real_malloc = dlsym(RTLD_NEXT, "malloc");
}

__attribute__((constructor)) static void set_up(void)
{
    void *frame;
    find_real();
    (void)backtrace(&frame, 1); /* loads what it needs */
    const char *given = getenv("DECLIC_MEMORY_SHARE");
    share = given == NULL ? 1 : strtoull(given, NULL, 10);
    failed_path = getenv("DECLIC_MEMORY_FAILED");
    told_path = getenv("DECLIC_MEMORY_TOLD");
    if (failed_path != NULL)
        dl_iterate_phdr(find_program, NULL);
}

static bool is_new(uint64_t site)
{
    for (uint64_t i = 0; i < SITES; i++) {
        uint64_t there = 0;
        if (atomic_compare_exchange_strong(&seen[(site + i) % SITES], &there, site))
            return true;
        if (there == site)
            return false;
    }
    return false;
}

#define LINE_BYTES (16 + FRAMES_TOLD * 20 + 2)

static void append(const char *path, const char *line)
{
    int file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || write(file, line, strlen(line)) < 0)
        abort();
    close(file);
}

/* Adds the line unless its site is there. */
static bool claim(const char *line)
{
    static char text[SITES * LINE_BYTES];
    bool ours = false;
    int file = open(failed_path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || flock(file, LOCK_EX) != 0)
        abort();
    ssize_t size = pread(file, text, sizeof text - 1, 0);
    if (size >= 0) {
        char site[17];
        text[size] = '\0';
        memcpy(site, line, 16);
        site[16] = '\0';
        ours = strstr(text, site) == NULL && write(file, line, strlen(line)) > 0;
    }
    close(file);
    return ours;
}

/* Whether the allocation that was asked for from `caller` fails. */
static bool fails(void *caller)
{
    if (inside || atomic_load(&has_failed) || (uintptr_t)caller < text_begin ||
        (uintptr_t)caller >= text_end)
        return false;
    inside = true;
    void *frames[FRAMES_READ];
    int count = backtrace(frames, FRAMES_READ), told = 0;
    uint64_t site = 14695981039346656037ULL;
    char line[LINE_BYTES], *at = line + 16;
    for (int i = 0; i < count && told < FRAMES_TOLD; i++) {
        uintptr_t place = (uintptr_t)frames[i];
        if (place < text_begin || place >= text_end)
            continue;
        site = (site ^ (place - base)) * 1099511628211ULL;
        at += sprintf(at, " %#lx", (unsigned long)(place - base - 1));
        told++;
    }
    site ^= site >> 32; /* the lower bits know little of the last places */
    strcpy(at, "\n");
    bool failed = false;
    if (site % share == 0 && is_new(site)) {
        char number[17];
        snprintf(number, sizeof number, "%016" PRIx64, site);
        memcpy(line, number, 16);
        static atomic_flag busy = ATOMIC_FLAG_INIT; /* `claim` has one buffer */
        while (atomic_flag_test_and_set(&busy))
            ;
        failed = !atomic_load(&has_failed) && claim(line);
        if (failed)
            atomic_store(&has_failed, true);
        atomic_flag_clear(&busy);
        if (failed && told_path != NULL)
            append(told_path, line);
    }
    inside = false;
    return failed;
}

void *malloc(size_t size)
{
    if (real_malloc == NULL)
        find_real();
    return fails(__builtin_return_address(0)) ? NULL : real_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    if (real_malloc == NULL) {
        char *memory = early + early_used;
        early_used += (count * size + 15) / 16 * 16;
        if (early_used > sizeof early)
            abort();
        return memory;
    }
    return fails(__builtin_return_address(0)) ? NULL : real_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : real_realloc(memory, size);
}

static char *copy(const char *text, size_t size)
{
    char *made = real_malloc(size + 1);
    if (made != NULL) {
        memcpy(made, text, size);
        made[size] = '\0';
    }
    return made;
}

char *strdup(const char *text)
{
    return fails(__builtin_return_address(0)) ? NULL : copy(text, strlen(text));
}

char *strndup(const char *text, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : copy(text, strnlen(text, size));
}
