/* SPDX-License-Identifier: MIT */
#include "http/group.h"

#include <stdio.h>

#include "core/mem.h"
#include "http/server_internal.h"

#define PORT_TRIES        16 /* a free port may be taken between finding and sharing it */
#define ADDRESS_BYTES_MAX 128

struct mr_http_group {
    mr_http_shared shared;
    uint32_t count;
    mr_http_server *servers[];
};

/* With SO_REUSEPORT set, a port that another process of the same user shares looks free. So it is
 * first bound without, which also finds the number behind port 0; `out` is the address with it. */
static mr_code find_port(mr_slice address, char out[ADDRESS_BYTES_MAX], mr_error *err)
{
    mr_listen_sockets probe;
    MR_TRY(mr_listen_open(address, false, &probe, err));
    mr_listen_close(&probe);
    size_t host = address.len;
    while (host > 0 && address.ptr[host - 1] != ':')
        host--;
    snprintf(out, ADDRESS_BYTES_MAX, "%.*s%u", (int)mr_min_u64(host, ADDRESS_BYTES_MAX - 8),
             address.ptr, probe.port);
    return MR_OK;
}

static void close_servers(mr_http_group *group)
{
    for (uint32_t i = 0; i < group->count; i++) {
        mr_http_server_close(group->servers[i]);
        group->servers[i] = NULL;
    }
}

static mr_code open_servers(mr_http_group *group, const mr_http_options *options, mr_error *err)
{
    mr_http_options own = *options;
    char address[ADDRESS_BYTES_MAX];
    /* Sockets that were handed over are watched by all loops; whoever is first accepts. */
    if (group->count > 1 && !mr_listen_is_inherited(options->address)) {
        MR_TRY(find_port(options->address, address, err));
        own.address = mr_slice_text(address);
        own.reuse_port = true;
    }
    mr_code rc = MR_OK;
    for (uint32_t i = 0; i < group->count && rc == MR_OK; i++)
        rc = mr_http_server_open_shared(&own, &group->shared, &group->servers[i], err);
    if (rc != MR_OK) close_servers(group);
    return rc;
}

static bool wants_any_port(mr_slice address)
{
    return mr_slice_is(address, "0") || mr_slice_ends(address, ":0");
}

mr_code mr_http_group_open(const mr_http_options *options, uint32_t loops, mr_http_group **out,
                           mr_error *err)
{
    if (loops == 0 || loops > MR_HTTP_LOOPS_MAX)
        return mr_fail(err, MR_ERR_USAGE, "the number of HTTP loops: expected 1 to %d, found %u",
                       MR_HTTP_LOOPS_MAX, loops);
    mr_http_group *group = mr_mem_zalloc(sizeof *group + loops * sizeof group->servers[0]);
    if (group == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for the HTTP server");
    group->count = loops;
    const int tries = wants_any_port(options->address) ? PORT_TRIES : 1;
    mr_code rc = MR_ERR_IO;
    for (int i = 0; i < tries && rc == MR_ERR_IO; i++)
        rc = open_servers(group, options, err);
    if (rc != MR_OK) {
        mr_http_group_close(group);
        return rc;
    }
    *out = group;
    return MR_OK;
}

mr_code mr_http_group_start(mr_http_group *group, mr_error *err)
{
    for (uint32_t i = 0; i < group->count; i++) {
        const mr_code rc = mr_http_server_start(group->servers[i], err);
        if (rc == MR_OK) continue;
        mr_http_group_stop(group, 0);
        return rc;
    }
    return MR_OK;
}

const char *mr_http_group_address(const mr_http_group *group)
{
    return mr_http_server_address(group->servers[0]);
}

uint16_t mr_http_group_port(const mr_http_group *group)
{
    return mr_http_server_port(group->servers[0]);
}

void mr_http_group_stop(mr_http_group *group, uint32_t grace_ms)
{
    for (uint32_t i = 0; i < group->count; i++)
        if (group->servers[i] != NULL) mr_http_server_stop_soon(group->servers[i], grace_ms);
    for (uint32_t i = 0; i < group->count; i++)
        if (group->servers[i] != NULL) mr_http_server_stop(group->servers[i], grace_ms);
}

void mr_http_group_close(mr_http_group *group)
{
    if (group == NULL) return;
    mr_http_group_stop(group, 0);
    close_servers(group);
    mr_mem_free(group);
}
