/* Feeds files (or all files of folders) to a fuzz target, where there is no libFuzzer. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return 1;
    }
    struct buf bytes = {0};
    size_t got;
    do {
        got = fread(buf_reserve(&bytes, 4096), 1, 4096, file);
        bytes.size += got;
    } while (got != 0);
    fclose(file);
    /* Exactly as large as the input, so that reading beyond it is noticed. */
    uint8_t *exact = malloc(bytes.size);
    if (bytes.size != 0)
        memcpy(exact, bytes.data, bytes.size);
    LLVMFuzzerTestOneInput(exact, bytes.size);
    free(exact);
    buf_free(&bytes);
    return 0;
}

static int replay_folder(const char *path)
{
    DIR *folder = opendir(path);
    if (folder == NULL) {
        perror(path);
        return 1;
    }
    int failed = 0;
    for (struct dirent *item; (item = readdir(folder)) != NULL;) {
        if (item->d_name[0] == '.')
            continue;
        struct buf name = {0};
        buf_printf(&name, "%s/%s", path, item->d_name);
        buf_append_byte(&name, '\0');
        failed |= replay_file(name.data);
        buf_free(&name);
    }
    closedir(folder);
    return failed;
}

int main(int count, char **paths)
{
    int failed = 0;
    for (int i = 1; i < count; i++) {
        struct stat status;
        bool is_folder = stat(paths[i], &status) == 0 && S_ISDIR(status.st_mode);
        failed |= is_folder ? replay_folder(paths[i]) : replay_file(paths[i]);
    }
    return failed;
}
