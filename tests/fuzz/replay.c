/* SPDX-License-Identifier: MIT
 *
 * A main for fuzz targets without libFuzzer: runs each file of the directories named on the command
 * line through LLVMFuzzerTestOneInput, so that `make test` replays the corpus and every past
 * finding. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static unsigned replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) return 0;
    fseek(file, 0, SEEK_END);
    const long size = ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(size > 0 ? (size_t)size : 1);
    const size_t got = fread(bytes, 1, (size_t)size, file);
    fclose(file);
    LLVMFuzzerTestOneInput(bytes, got);
    free(bytes);
    return 1;
}

static unsigned replay_dir(const char *dir)
{
    unsigned count = 0;
    DIR *entries = opendir(dir);
    if (entries == NULL) return 0;
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        if (entry->d_name[0] == '.') continue;
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        count += replay_file(path);
    }
    closedir(entries);
    return count;
}

int main(int argc, char **argv)
{
    unsigned count = 0;
    for (int i = 1; i < argc; i++)
        count += replay_dir(argv[i]);
    printf("%u inputs replayed\n", count);
    return count > 0 ? 0 : 1;
}
