/* SPDX-License-Identifier: MIT */
#include "http/peers.h"

#include <arpa/inet.h>

#include "http/listen.h"
#include "support/test.h"

static mr_error err;

static uint64_t key_of(const char *text)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) return mr_peers_key((struct sockaddr *)&v4);
    MR_EXPECT(inet_pton(AF_INET6, text, &v6.sin6_addr) == 1);
    return mr_peers_key((struct sockaddr *)&v6);
}

MR_TEST(ipv6_counts_by_prefix_and_mapped_addresses_as_ipv4)
{
    MR_EXPECT(key_of("10.0.0.1") != key_of("10.0.0.2"));
    MR_EXPECT(key_of("10.0.0.1") == key_of("::ffff:10.0.0.1"));
    MR_EXPECT(key_of("2001:db8::1") == key_of("2001:db8::ffff:1"));
    MR_EXPECT(key_of("2001:db8:0:1::1") != key_of("2001:db8:0:2::1"));
}

MR_TEST(counts_agree_with_a_plain_array)
{
    enum { KEYS = 300 };
    uint32_t wanted[KEYS] = {0};
    size_t present = 0;
    uint64_t state = 7;
    mr_peers peers;
    MR_EXPECT_OK(mr_peers_init(&peers, KEYS, &err));
    for (int i = 0; i < 200000; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        const size_t key = (state >> 33) % KEYS;
        if ((state >> 20 & 1) != 0 || wanted[key] == 0) {
            present += wanted[key] == 0;
            MR_EXPECT_U64(mr_peers_add(&peers, key * 1000), ==, ++wanted[key]);
        } else {
            mr_peers_remove(&peers, key * 1000);
            present -= --wanted[key] == 0;
        }
    }
    size_t found = 0;
    for (size_t i = 0; i <= peers.mask; i++)
        found += peers.slots[i].count > 0;
    MR_EXPECT_U64(found, ==, present);
    mr_peers_done(&peers);
    mr_peers_done(&peers);
}

MR_TEST(addresses_to_listen_on_are_read_strictly)
{
    static const char *const bad[] = {"",
                                      ":",
                                      "x",
                                      "1.2.3:9090",
                                      "::1:9090",
                                      "[::1]",
                                      "[::1]9090",
                                      "1.2.3.4:",
                                      "1.2.3.4:x",
                                      ":65536",
                                      ":-1",
                                      "example.org:80",
                                      "[1.2.3.4]:1",
                                      "[::1:9090"};
    mr_listen_sockets sockets;
    for (size_t i = 0; i < MR_COUNT_OF(bad); i++)
        MR_EXPECT_CODE(mr_listen_open(mr_slice_text(bad[i]), false, &sockets, &err), MR_ERR_USAGE);
    static const struct {
        const char *text;
        const char *start;
        size_t count;
    } good[] = {
        {"0", "127.0.0.1:", 2},           {":0", "127.0.0.1:", 2},
        {"localhost:0", "127.0.0.1:", 2}, {"127.0.0.1:0", "127.0.0.1:", 1},
        {"[::1]:0", "[::1]:", 1},         {"0.0.0.0:0", "0.0.0.0:", 1},
        {"*:0", "0.0.0.0:", 2},
    };
    for (size_t i = 0; i < MR_COUNT_OF(good); i++) {
        const mr_code rc = mr_listen_open(mr_slice_text(good[i].text), false, &sockets, &err);
        if (rc == MR_ERR_IO && good[i].text[0] == '[') continue; /* no IPv6 here */
        MR_EXPECT_OK(rc);
        MR_EXPECT(strncmp(sockets.text, good[i].start, strlen(good[i].start)) == 0);
        MR_EXPECT(sockets.count == good[i].count || sockets.count == 1);
        MR_EXPECT(sockets.port != 0);
        mr_listen_sockets again;
        char same[80];
        snprintf(same, sizeof same, "%s", sockets.text);
        MR_EXPECT_CODE(mr_listen_open(mr_slice_text(same), false, &again, &err), MR_ERR_IO);
        mr_listen_close(&sockets);
        mr_listen_close(&sockets);
    }
}
