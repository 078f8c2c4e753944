/* SPDX-License-Identifier: MIT
 *
 * Looks at a file before dlopen() maps it: a file that was cut short would be mapped all the same,
 * and end the process when the missing part is touched. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <sys/stat.h>
#include <unistd.h>

#include "connector/plugin.h"

#define MAX_SEGMENTS 256

#if defined(__x86_64__)
#define OUR_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define OUR_MACHINE EM_AARCH64
#elif defined(__riscv)
#define OUR_MACHINE EM_RISCV
#else
#define OUR_MACHINE EM_NONE /* not compared */
#endif

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define OUR_DATA ELFDATA2LSB
#else
#define OUR_DATA ELFDATA2MSB
#endif

static mr_code fail(const char *path, const char *what, mr_error *err)
{
    return mr_fail(err, MR_ERR_USAGE, "plug-in '%s': %s", path, what);
}

static mr_code check_head(const char *path, const ElfW(Ehdr) * head, mr_error *err)
{
    if (memcmp(head->e_ident, ELFMAG, SELFMAG) != 0)
        return fail(path, "the file is not a shared object", err);
    const int our_class = sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32;
    if (head->e_ident[EI_CLASS] != our_class || head->e_ident[EI_DATA] != OUR_DATA ||
        (OUR_MACHINE != EM_NONE && head->e_machine != OUR_MACHINE))
        return fail(path, "the shared object is for another kind of machine", err);
    if (head->e_type != ET_DYN)
        return fail(path,
                    "the file is an object or a program, not a shared object; link it with "
                    "-shared",
                    err);
    if (head->e_phentsize != sizeof(ElfW(Phdr)) || head->e_phnum == 0 ||
        head->e_phnum > MAX_SEGMENTS)
        return fail(path, "the shared object is damaged", err);
    return MR_OK;
}

static mr_code check_open_file(const char *path, int fd, mr_error *err)
{
    struct stat info;
    ElfW(Ehdr) head;
    ElfW(Phdr) segments[MAX_SEGMENTS];
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
        return fail(path, "the path is not a file", err);
    if (pread(fd, &head, sizeof head, 0) != (ssize_t)sizeof head)
        return fail(path, "the file is not a shared object", err);
    MR_TRY(check_head(path, &head, err));
    const size_t size = sizeof *segments * head.e_phnum;
    if (pread(fd, segments, size, (off_t)head.e_phoff) != (ssize_t)size)
        return fail(path, "the shared object is cut short", err);
    for (unsigned i = 0; i < head.e_phnum; i++) {
        uint64_t end;
        if (__builtin_add_overflow((uint64_t)segments[i].p_offset, (uint64_t)segments[i].p_filesz,
                                   &end) ||
            end > (uint64_t)info.st_size)
            return fail(path, "the shared object is cut short", err);
    }
    return MR_OK;
}

mr_code mr_plugin_check_file(const char *path, mr_error *err)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        const int cause = errno;
        mr_fail_errno(err, cause, "plug-in '%s' cannot be opened", path);
        if (err != NULL) err->code = MR_ERR_USAGE;
        return MR_ERR_USAGE;
    }
    const mr_code rc = check_open_file(path, fd, err);
    close(fd);
    return rc;
}
