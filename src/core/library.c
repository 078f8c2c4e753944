/* SPDX-License-Identifier: MIT */
#include "core/library.h"

#include <dlfcn.h>

mr_code mr_library_load(const mr_library *library, const char *const *names, size_t count,
                        void *table, mr_error *err)
{
    void *handle = dlopen(library->file, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL)
        return mr_fail(err, MR_ERR_USAGE, "%s, which cannot be loaded (%s); install %s",
                       library->needs, dlerror(), library->package);
    for (size_t i = 0; i < count; i++) {
        void *address = dlsym(handle, names[i]);
        if (address == NULL)
            return mr_fail(err, MR_ERR_USAGE, "%s: %s has no function %s; install a newer %s",
                           library->needs, library->file, names[i], library->package);
        memcpy((char *)table + i * sizeof address, &address, sizeof address);
    }
    return MR_OK;
}
