/* SPDX-License-Identifier: MIT */
#include "http/peers.h"

#include <netinet/in.h>
#include <sys/random.h>

#include "core/mem.h"

mr_code mr_peers_init(mr_peers *peers, size_t addresses_max, mr_error *err)
{
    size_t size = 16;
    while (size < addresses_max * 2)
        size *= 2;
    *peers = (mr_peers){.slots = mr_mem_zalloc(size * sizeof(mr_peer_slot)), .mask = size - 1};
    if (peers->slots == NULL)
        return mr_fail(err, MR_ERR_NOMEM, "no memory left to count %zu addresses", addresses_max);
    /* Early in the life of a system this may be refused; the table's own address then serves. */
    if (getrandom(&peers->seed, sizeof peers->seed, GRND_NONBLOCK) != sizeof peers->seed)
        peers->seed = (uintptr_t)peers->slots;
    return MR_OK;
}

void mr_peers_done(mr_peers *peers)
{
    mr_mem_free(peers->slots);
    *peers = (mr_peers){0};
}

uint64_t mr_peers_key(const struct sockaddr *address)
{
    uint64_t key = 0;
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)address;
        return (0xffffull << 32) | ntohl(v4->sin_addr.s_addr);
    }
    if (address->sa_family != AF_INET6) return 0;
    const struct sockaddr_in6 *v6 = (const void *)address;
    if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
        uint32_t v4;
        memcpy(&v4, v6->sin6_addr.s6_addr + 12, sizeof v4);
        return (0xffffull << 32) | ntohl(v4);
    }
    memcpy(&key, v6->sin6_addr.s6_addr, sizeof key);
    return key;
}

/* Where `key` would like to be: the seed is mixed in before and after a multiplication, so that
 * which keys collide cannot be worked out without it. */
static size_t home_of(const mr_peers *peers, uint64_t key)
{
    uint64_t mixed = (key ^ peers->seed) * 0x9e3779b97f4a7c15ull;
    mixed = (mixed ^ mixed >> 32 ^ peers->seed) * 0xd6e8feb86659fd93ull;
    return (size_t)(mixed >> 29) & peers->mask;
}

static size_t find(const mr_peers *peers, uint64_t key)
{
    size_t at = home_of(peers, key);
    while (peers->slots[at].count > 0 && peers->slots[at].key != key)
        at = (at + 1) & peers->mask;
    return at;
}

uint32_t mr_peers_add(mr_peers *peers, uint64_t key)
{
    mr_peer_slot *slot = &peers->slots[find(peers, key)];
    slot->key = key;
    return ++slot->count;
}

/* Fills the hole at `hole` with later entries that would not be found past it. */
static void close_hole(mr_peers *peers, size_t hole)
{
    for (size_t at = (hole + 1) & peers->mask; peers->slots[at].count > 0;
         at = (at + 1) & peers->mask) {
        const size_t home = home_of(peers, peers->slots[at].key);
        const size_t from_home = (at - home) & peers->mask, from_hole = (at - hole) & peers->mask;
        if (from_home < from_hole) continue; /* its home lies behind the hole */
        peers->slots[hole] = peers->slots[at];
        peers->slots[at].count = 0;
        hole = at;
    }
}

void mr_peers_remove(mr_peers *peers, uint64_t key)
{
    const size_t at = find(peers, key);
    MR_DCHECK(peers->slots[at].count > 0);
    if (--peers->slots[at].count == 0) close_hole(peers, at);
}
