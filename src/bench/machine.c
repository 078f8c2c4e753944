/* SPDX-License-Identifier: MIT */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bench/bench.h"

/* What follows "KEY :" on the first such line of /proc/cpuinfo; "unknown" without one. */
static void read_model(char *out, size_t size)
{
    char line[256];
    snprintf(out, size, "unknown processor");
    FILE *file = fopen("/proc/cpuinfo", "r");
    if (file == NULL) return;
    while (fgets(line, sizeof line, file) != NULL) {
        const char *value = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || value == NULL) continue;
        line[strcspn(line, "\n")] = 0;
        snprintf(out, size, "%s", value + 2);
        break;
    }
    fclose(file);
}

void mr_bench_machine(char *out)
{
    char model[96];
    struct utsname kernel = {0};
    double load[1] = {0};
    read_model(model, sizeof model);
    uname(&kernel);
    if (getloadavg(load, 1) != 1) load[0] = 0;
    const double gib =
        (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE) / (double)(1u << 30);
    snprintf(out, MR_BENCH_REMARK_BYTES, "%s, %ld cores, %.0f GiB, %.16s %.40s, load %.1f%s", model,
             sysconf(_SC_NPROCESSORS_ONLN), gib, kernel.sysname, kernel.release, load[0],
             sched_getscheduler(0) == SCHED_OTHER ? "" : ", real-time scheduling");
}
