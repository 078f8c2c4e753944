/* SPDX-License-Identifier: MIT
 *
 * TLS as other programs see it: curl, OpenSSL's own client and Python's, with certificates made
 * here. Misbehaving peers come from tests/support/tls_peer.py.
 * Runs alone: handshakes have deadlines of milliseconds. */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/http_fixture.h"
#include "support/test.h"

#define H "Host: a\r\n"

/* --- Certificates and other programs ---------------------------------------------------------- */

/* Runs a shell command in the test's directory; true when it exits 0. */
static bool shell(const char *format, ...) MR_PRINTF(1, 2);

static bool shell(const char *format, ...)
{
    char command[2000];
    int len = snprintf(command, sizeof command, "cd '%s' && ", mr_test_dir());
    va_list args;
    va_start(args, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is */
    len += vsnprintf(command + len, sizeof command - (size_t)len, format, args);
    va_end(args);
    MR_EXPECT(len > 0 && (size_t)len < sizeof command);
    const int status = system(command); /* NOLINT(cert-env33-c,concurrency-mt-unsafe): a test */
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static const char *in_dir(const char *name)
{
    static char paths[8][300];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", mr_test_dir(), name);
    return path;
}

/* NAME.pem and NAME.key, self-signed, for localhost. */
static void make_cert(const char *name, const char *common_name)
{
    MR_EXPECT(shell("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
                    "-keyout %s.key -out %s.pem -days 30 -subj /CN=%s "
                    "-addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null",
                    name, name, common_name));
}

static mr_http_tls *open_tls(void)
{
    static bool made;
    mr_http_tls *tls = NULL;
    mr_error err;
    if (!made) make_cert("server", "first");
    made = true;
    MR_EXPECT_OK(mr_http_tls_open(in_dir("server.pem"), in_dir("server.key"), &tls, &err));
    MR_EXPECT(!mr_http_tls_warning(tls, &err));
    return tls;
}

static bool peer(const mr_http_fixture *f, const char *scenario, const char *more)
{
    return shell("python3 '%s' %s %u server.pem %s", mr_test_path("tests/support/tls_peer.py"),
                 scenario, f->port, more);
}

typedef struct tls_fixture {
    mr_http_fixture http;
    mr_http_tls *tls;
} tls_fixture;

static void open_fixture(tls_fixture *f, mr_http_limits limits)
{
    f->tls = open_tls();
    mr_http_fixture_open_tls(&f->http, limits, f->tls);
}

static void close_fixture(tls_fixture *f)
{
    mr_http_fixture_await_metric(&f->http, "millrace_http_connections", 0);
    mr_http_fixture_close(&f->http);
    mr_http_tls_close(f->tls);
}

/* --- Good peers ------------------------------------------------------------------------------- */

MR_TEST(curl_is_served_in_both_versions_over_one_connection)
{
    static const char *const versions[] = {"--tls-max 1.2", "--tlsv1.3"};
    tls_fixture f;
    open_fixture(&f, mr_http_fixture_limits());
    for (size_t i = 0; i < MR_COUNT_OF(versions); i++) {
        char base[100];
        snprintf(base, sizeof base, "https://localhost:%u/hello", f.http.port);
        MR_EXPECT(shell("test \"$(curl -sS -4 --cacert server.pem %s %s %s %s)\" = hellohellohello",
                        versions[i], base, base, base));
        MR_EXPECT_U64(mr_http_fixture_metric(&f.http, "millrace_http_connections_total"), ==,
                      i + 1);
    }
    close_fixture(&f);
}

MR_TEST(large_bodies_pass_both_ways)
{
    tls_fixture f;
    mr_http_limits limits = mr_http_fixture_limits();
    limits.body_bytes_max = 64u << 20;
    open_fixture(&f, limits);
    MR_EXPECT(shell("head -c 20000000 /dev/urandom > sent && printf 'POST /echo? ' > wanted && "
                    "cat sent >> wanted"));
    MR_EXPECT(shell("curl -sS -4 --cacert server.pem --data-binary @sent -o got "
                    "https://localhost:%u/echo && cmp got wanted",
                    f.http.port));
    MR_EXPECT(shell("curl -sS -4 --cacert server.pem -H 'Transfer-Encoding: chunked' "
                    "--data-binary @sent -o got https://localhost:%u/echo && cmp got wanted",
                    f.http.port));
    MR_EXPECT(shell("test \"$(curl -sS -4 --limit-rate 30M --cacert server.pem "
                    "'https://localhost:%u/large?bytes=30000000' | wc -c)\" = 30000000",
                    f.http.port));
    close_fixture(&f);
}

MR_TEST(another_implementation_is_served_however_its_bytes_are_cut)
{
    tls_fixture f;
    open_fixture(&f, mr_http_fixture_limits());
    MR_EXPECT(peer(&f.http, "speaks", ""));
    MR_EXPECT(peer(&f.http, "cut", ""));
    MR_EXPECT(peer(&f.http, "close_notify", ""));
    MR_EXPECT(peer(&f.http, "half_close", ""));
    close_fixture(&f);
}

MR_TEST(old_versions_and_foreign_protocols_are_refused)
{
    static const char *const options[] = {"-tls1_1 -cipher DEFAULT@SECLEVEL=0", "-alpn h2"};
    tls_fixture f;
    open_fixture(&f, mr_http_fixture_limits());
    for (size_t i = 0; i < MR_COUNT_OF(options); i++)
        MR_EXPECT(!shell("openssl s_client -connect 127.0.0.1:%u %s </dev/null >/dev/null 2>&1",
                         f.http.port, options[i]));
    MR_EXPECT(shell("openssl s_client -connect 127.0.0.1:%u -alpn h2,http/1.1 </dev/null 2>&1 | "
                    "grep -q 'ALPN protocol: http/1.1'",
                    f.http.port));
    MR_EXPECT(shell("openssl s_client -connect 127.0.0.1:%u -tls1_2 </dev/null 2>&1 | "
                    "grep -q 'Compression: NONE'",
                    f.http.port));
    close_fixture(&f);
}

/* R asks s_client to renegotiate: the connection then ends, or goes on without. */
MR_TEST(nobody_renegotiates)
{
    tls_fixture f;
    open_fixture(&f, mr_http_fixture_limits());
    MR_EXPECT(shell("(sleep 0.3; echo R; sleep 0.5) | timeout 20 openssl s_client -connect "
                    "127.0.0.1:%u -tls1_2 2>&1 | grep -q -i 'no renegotiation'",
                    f.http.port));
    close_fixture(&f);
}

/* --- Bad peers -------------------------------------------------------------------------------- */

MR_TEST(garbage_and_damage_end_their_connection_alone)
{
    tls_fixture f;
    mr_http_limits limits = mr_http_fixture_limits();
    limits.header_ms = 2000;
    open_fixture(&f, limits);
    MR_EXPECT(peer(&f.http, "garbage", ""));
    MR_EXPECT(peer(&f.http, "mutated", ""));
    MR_EXPECT(peer(&f.http, "http", ""));
    MR_EXPECT(peer(&f.http, "speaks", ""));
    close_fixture(&f);
}

MR_TEST(a_handshake_must_end_in_time)
{
    /* The start of a ClientHello, of a record that promises more. */
    static const char start[] = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    tls_fixture f;
    mr_wire silent, slow;
    mr_http_limits limits = mr_http_fixture_limits();
    limits.header_ms = 300;
    open_fixture(&f, limits);
    mr_wire_open(&silent, f.http.port);
    mr_wire_open(&slow, f.http.port);
    mr_wire_send(&slow, mr_slice_of(start, sizeof start - 1));
    unsigned took = 0;
    while (!slow.ended && took < 5000) {
        if (!mr_wire_say(&slow, "\x01")) break;
        mr_wire_listen(&slow, 20);
        took += 20;
    }
    MR_EXPECT_U64(took, >=, 200);
    MR_EXPECT_U64(took, <, 3000);
    mr_wire_await_end(&silent);
    MR_EXPECT(silent.in.len == 0);
    mr_wire_close(&silent);
    mr_wire_close(&slow);
    close_fixture(&f);
}

/* --- Certificates that change ----------------------------------------------------------------- */

/* What the server's certificate says its name is. */
static bool shows(const tls_fixture *f, const char *name)
{
    return shell("openssl s_client -connect 127.0.0.1:%u </dev/null 2>/dev/null | "
                 "openssl x509 -noout -subject | grep -q 'CN = %s$'",
                 f->http.port, name);
}

static atomic_bool enough;

static void *keep_connecting(void *context)
{
    const tls_fixture *f = context;
    unsigned served = 0;
    while (!atomic_load(&enough)) {
        if (!shell("test \"$(curl -sS -4 -k https://localhost:%u/hello)\" = hello", f->http.port))
            return NULL;
        served++;
    }
    return served > 0 ? context : NULL;
}

MR_TEST(a_new_certificate_is_shown_to_new_connections)
{
    tls_fixture f;
    mr_error err;
    pthread_t thread;
    void *served;
    open_fixture(&f, mr_http_fixture_limits());
    MR_EXPECT(shows(&f, "first"));
    MR_EXPECT(pthread_create(&thread, NULL, keep_connecting, &f) == 0);
    make_cert("other", "second");
    MR_EXPECT(shell("cp server.pem keep.pem && cp server.key keep.key && cp other.pem server.pem"));
    /* Only half of it is there yet: nothing changes. */
    MR_EXPECT_CODE(mr_http_tls_reload(f.tls, &err), MR_ERR_USAGE);
    MR_EXPECT(shows(&f, "first"));
    MR_EXPECT(shell("cp other.key server.key"));
    for (int i = 0; i < 100; i++)
        MR_EXPECT_OK(mr_http_tls_reload(f.tls, &err));
    MR_EXPECT(shows(&f, "second"));
    atomic_store(&enough, true);
    pthread_join(thread, &served);
    MR_EXPECT(served != NULL);
    MR_EXPECT(shell("mv keep.pem server.pem && mv keep.key server.key"));
    close_fixture(&f);
}

MR_TEST(files_that_will_not_do_are_named_with_the_remedy)
{
    static const struct {
        const char *cert, *key;
        mr_code code;
        const char *said;
    } rows[] = {
        {"absent.pem", "server.key", MR_ERR_IO, "absent.pem' cannot be read"},
        {"server.pem", "absent.key", MR_ERR_IO, "absent.key' cannot be read"},
        {"noise", "server.key", MR_ERR_USAGE, "noise' is no certificate chain in PEM form"},
        {"server.pem", "noise", MR_ERR_USAGE, "noise' is no private key in PEM form"},
        {"server.pem", "server.pem", MR_ERR_USAGE, "server.pem' is no private key in PEM form"},
        {"server.pem", "locked.key", MR_ERR_USAGE, "store it without a passphrase"},
        {"server.pem", "wrong.key", MR_ERR_USAGE, "give the key that the certificate was made for"},
        {"server.pem", "rsa.key", MR_ERR_USAGE, "give the key that the certificate was made for"},
    };
    mr_http_tls_close(open_tls());
    make_cert("wrong", "wrong");
    MR_EXPECT(shell("echo noise > noise && openssl genrsa -out rsa.key 2048 2>/dev/null && "
                    "openssl ec -in server.key -aes128 -passout pass:x -out locked.key "
                    "2>/dev/null"));
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        mr_http_tls *tls = NULL;
        mr_error err;
        MR_EXPECT_CODE(mr_http_tls_open(in_dir(rows[i].cert), in_dir(rows[i].key), &tls, &err),
                       rows[i].code);
        if (strstr(err.text, rows[i].said) == NULL)
            MR_TEST_FAIL("'%s' does not say '%s'\n", err.text, rows[i].said);
        MR_EXPECT(tls == NULL && strchr(err.text, '\n') == NULL);
    }
}

MR_TEST(an_expired_certificate_is_a_warning)
{
    mr_http_tls *tls = NULL;
    mr_error err;
    mr_http_tls_close(open_tls());
    MR_EXPECT(shell("openssl req -new -key server.key -subj /CN=old -out old.csr && "
                    "openssl x509 -req -in old.csr -signkey server.key -days -1 -out old.pem "
                    "2>/dev/null"));
    MR_EXPECT_OK(mr_http_tls_open(in_dir("old.pem"), in_dir("server.key"), &tls, &err));
    MR_EXPECT(mr_http_tls_warning(tls, &err));
    MR_EXPECT(strstr(err.text, "old.pem' has expired") != NULL);
    mr_http_tls_close(tls);
}

/* --- What it costs ---------------------------------------------------------------------------- */

static atomic_bool held;

static void *hold_idle(void *context)
{
    atomic_store(&held, peer(&((tls_fixture *)context)->http, "idle", "connected"));
    return NULL;
}

MR_TEST(an_idle_connection_holds_little)
{
    tls_fixture f;
    pthread_t thread;
    open_fixture(&f, mr_http_fixture_limits());
    MR_EXPECT(peer(&f.http, "speaks", ""));
    mr_http_fixture_await_metric(&f.http, "millrace_http_connections", 0);
    unlink(in_dir("connected"));
    const uint64_t before = mr_mem_heap_bytes();
    MR_EXPECT(pthread_create(&thread, NULL, hold_idle, &f) == 0);
    const struct timespec moment = {.tv_nsec = 20000000};
    for (int tries = 0; access(in_dir("connected"), F_OK) != 0; tries++) {
        MR_EXPECT(tries < 2000);
        nanosleep(&moment, NULL);
    }
    mr_http_fixture_await_metric(&f.http, "millrace_http_connections", 300);
    const uint64_t each = (mr_mem_heap_bytes() - before) / 300;
    const char *sanitized = getenv("SANITIZED");
    if (sanitized == NULL || sanitized[0] == 0) MR_EXPECT_U64(each, <, 24u << 10);
    print_message("an idle TLS connection holds %llu bytes\n", (unsigned long long)each);
    pthread_join(thread, NULL);
    MR_EXPECT(atomic_load(&held));
    close_fixture(&f);
}
