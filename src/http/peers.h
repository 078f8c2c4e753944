/* SPDX-License-Identifier: MIT
 *
 * http/peers.h - how many connections each address has: a fixed open-addressing table with a random
 * seed, for peers choose their IPv6 addresses. IPv6 addresses count by their first 64 bits.
 *
 * Thread: owned by the loop's thread. */
#ifndef MR_HTTP_PEERS_H
#define MR_HTTP_PEERS_H

#include <sys/socket.h>

#include "core/error.h"

typedef struct mr_peer_slot {
    uint64_t key; /* meaningless while count is 0 */
    uint32_t count;
} mr_peer_slot;

typedef struct mr_peers {
    mr_peer_slot *slots;
    size_t mask;
    uint64_t seed;
} mr_peers;

/* Room for `addresses_max` addresses at a time. */
MR_NODISCARD mr_code mr_peers_init(mr_peers *peers, size_t addresses_max, mr_error *err);
void mr_peers_done(mr_peers *peers);

/* The key under which an address counts: an IPv4 address, or the prefix of an IPv6 one. */
uint64_t mr_peers_key(const struct sockaddr *address);

/* Adds a connection; returns how many `key` has now. At most `addresses_max` keys may be present.
 */
uint32_t mr_peers_add(mr_peers *peers, uint64_t key);
void mr_peers_remove(mr_peers *peers, uint64_t key);

#endif
