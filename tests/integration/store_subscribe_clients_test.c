/* SPDX-License-Identifier: MIT
 *
 * Subscribers written in other languages, after other descriptions of event streams than ours: with
 * node, where there is one, and python3. */
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/subscribe_fixture.h"
#include "support/test.h"

static mr_sub_fixture f;

typedef struct client {
    pid_t pid;
    FILE *out;
} client;

static bool has_program(const char *name)
{
    char command[100];
    snprintf(command, sizeof command, "command -v %s >/dev/null 2>&1", name);
    return system(command) == 0; /* NOLINT(cert-env33-c): a literal */
}

/* Runs the client with up to four arguments behind the script's name. */
static client start(const char *program, const char *script, const char *const *arguments)
{
    int ends[2];
    client one = {0};
    char path[4096];
    snprintf(path, sizeof path, "%s", mr_test_path(script));
    MR_EXPECT(pipe(ends) == 0);
    one.pid = fork();
    MR_EXPECT(one.pid >= 0);
    if (one.pid == 0) {
        dup2(ends[1], 1);
        close(ends[0]);
        close(ends[1]);
        execlp(program, program, path, arguments[0], arguments[1], arguments[2], arguments[3],
               (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    one.out = fdopen(ends[0], "r");
    MR_EXPECT(one.out != NULL);
    return one;
}

/* The client prints pokes or messages of exactly these global positions. */
static void expect_lines(client *one, const char *type, int64_t first, int64_t last)
{
    char line[4096], wanted[100];
    for (int64_t i = first; i <= last; i++) {
        MR_EXPECT(fgets(line, sizeof line, one->out) != NULL);
        if (strcmp(type, "poke") == 0)
            snprintf(wanted, sizeof wanted, "\"globalPosition\":%lld}\n", (long long)i);
        else
            snprintf(wanted, sizeof wanted, ",%lld,{\"n\":1},null,\"", (long long)i);
        if (strncmp(line, type, strlen(type)) != 0 || strstr(line, wanted) == NULL)
            MR_TEST_FAIL("expected a %s of %lld, came: %s", type, (long long)i, line);
    }
}

static void expect_exit(client *one)
{
    int status = -1;
    fclose(one->out);
    MR_EXPECT(waitpid(one->pid, &status, 0) == one->pid);
    MR_EXPECT_I64(status, ==, 0);
}

static const char *url_of(const char *target)
{
    static char url[300];
    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", f.ports[0], target);
    return url;
}

/* Writes one after the other, as clients that await each poke see them. */
static void write_slowly(int count)
{
    const struct timespec pause = {.tv_nsec = 2000000};
    for (int i = 0; i < count; i++) {
        mr_sub_append(&f, "web-1", 1);
        nanosleep(&pause, NULL);
    }
}

/* 300 messages before, 100 while the client is there. */
static void run_client(const char *program, const char *script, const char *const *arguments,
                       const char *type)
{
    mr_sub_open(&f, &(mr_sub_options){.heartbeat_ms = 30});
    mr_sub_append(&f, "web-1", 300);
    const char *own[4] = {0};
    for (int i = 0; i < 4; i++)
        own[i] =
            arguments[i] != NULL && arguments[i][0] == '/' ? url_of(arguments[i]) : arguments[i];
    client one = start(program, script, own);
    mr_sub_await_metric(&f, "millrace_subscribers ", 1);
    write_slowly(100);
    expect_lines(&one, type, 1, 400);
    expect_exit(&one);
    mr_sub_close(&f);
}

#define NODE   "node", "tests/support/sse_client.mjs"
#define PYTHON "python3", "tests/support/sse_client.py"

MR_TEST(event_sources_as_browsers_have_them_get_everything)
{
    if (!has_program("node")) skip();
    run_client(NODE, (const char *[]){"eventsource", "/subscribe?category=web", "400", NULL},
               "poke");
    run_client(NODE,
               (const char *[]){"eventsource", "/subscribe?stream=web-1&body=true", "400", NULL},
               "message");
}

MR_TEST(event_sources_come_again_where_they_were)
{
    if (!has_program("node")) skip();
    run_client(NODE, (const char *[]){"eventsource", "/subscribe?category=web", "400", "37"},
               "poke");
    run_client(NODE, (const char *[]){"eventsource", "/subscribe?stream=web-1", "400", "53"},
               "poke");
    run_client(
        NODE,
        (const char *[]){"eventsource", "/subscribe?all=true&catchup=true&body=true", "400", "11"},
        "message");
}

MR_TEST(clients_with_habits_get_everything)
{
    if (!has_program("node")) skip();
    run_client(NODE, (const char *[]){"last-line", "/subscribe?category=web", "400", NULL}, "poke");
    /* This one loses what does not come in one piece, so it is not sent a history at once. */
    mr_sub_open(&f, &(mr_sub_options){.heartbeat_ms = 30});
    client one =
        start(NODE, (const char *[]){"forgetful", url_of("/subscribe?all=true"), "200", NULL});
    mr_sub_await_metric(&f, "millrace_subscribers ", 1);
    write_slowly(200);
    expect_lines(&one, "poke", 1, 200);
    expect_exit(&one);
    mr_sub_close(&f);
}

MR_TEST(a_python_client_agrees_about_each_byte)
{
    run_client(PYTHON, (const char *[]){"/subscribe?category=web", "400", NULL, NULL}, "poke");
    run_client(PYTHON, (const char *[]){"/subscribe?stream=web-1&body=true", "400", NULL, NULL},
               "message");
    run_client(PYTHON, (const char *[]){"/subscribe?category=web", "400", "29", NULL}, "poke");
    run_client(PYTHON, (const char *[]){"/subscribe?stream=web-1", "400", "7", NULL}, "poke");
}
