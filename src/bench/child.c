/* SPDX-License-Identifier: MIT */
#include "bench/child.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/number.h"
#include "core/tree.h"

#define READ_BYTES ((size_t)64 << 10)

static double seconds_of(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec * 1e-6;
}

static mr_code wait_for(pid_t pid, mr_bench_cost *out, int *status, mr_error *err)
{
    struct rusage usage;
    while (wait4(pid, status, 0, &usage) < 0)
        if (errno != EINTR) return mr_fail_errno(err, errno, "cannot wait for a child");
    out->cpu_seconds = seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
    out->max_rss_bytes = (uint64_t)usage.ru_maxrss * 1024;
    return MR_OK;
}

/* --- programs --- */

typedef struct pipes {
    int in[2], out[2], errors[2]; /* [0] is read, [1] written; -1 = closed */
} pipes;

static void close_end(int *fd)
{
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

static void close_pipes(pipes *p)
{
    for (int i = 0; i < 2; i++)
        close_end(&p->in[i]), close_end(&p->out[i]), close_end(&p->errors[i]);
}

static mr_code open_pipes(pipes *p, const mr_bench_command *command, mr_error *err)
{
    *p = (pipes){{-1, -1}, {-1, -1}, {-1, -1}};
    const char *input = command->input != NULL && !command->piped ? command->input : "/dev/null";
    if (command->piped ? pipe2(p->in, O_CLOEXEC) != 0
                       : (p->in[0] = open(input, O_RDONLY | O_CLOEXEC)) < 0)
        return mr_fail_errno(err, errno, "file '%s'", input);
    if (pipe2(p->out, O_CLOEXEC) != 0 || pipe2(p->errors, O_CLOEXEC) != 0)
        return mr_fail_errno(err, errno, "cannot make a pipe");
    return MR_OK;
}

static mr_code spawn(const mr_bench *bench, const mr_bench_command *command, const pipes *p,
                     pid_t *out_pid, mr_error *err)
{
    char *args[MR_BENCH_MAX_ARGS + 1] = {0};
    for (int i = 0; i < MR_BENCH_MAX_ARGS && (i == 0 || command->args[i] != NULL); i++)
        args[i] = (char *)(uintptr_t)command->args[i]; /* posix_spawn does not change them */
    if (args[0] == NULL) args[0] = (char *)(uintptr_t)bench->program;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, p->in[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, p->out[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, p->errors[1], STDERR_FILENO);
    const int failed = posix_spawnp(out_pid, args[0], &actions, NULL, args, environ);
    posix_spawn_file_actions_destroy(&actions);
    return failed == 0 ? MR_OK : mr_fail_errno(err, failed, "cannot run '%s'", args[0]);
}

/* A process that writes the file into the pipe: as `cat` would. */
static mr_code feed(const char *path, pipes *p, pid_t *out_pid, mr_error *err)
{
    const pid_t pid = fork();
    if (pid < 0) return mr_fail_errno(err, errno, "cannot make a process");
    if (pid > 0) {
        *out_pid = pid;
        close_end(&p->in[1]);
        return MR_OK;
    }
    static char bytes[READ_BYTES];
    const int file = open(path, O_RDONLY);
    for (ssize_t got; file >= 0 && (got = read(file, bytes, sizeof bytes)) > 0;)
        for (ssize_t at = 0, put; at < got; at += put)
            if ((put = write(p->in[1], bytes + at, (size_t)(got - at))) < 0) _exit(1);
    _exit(file < 0);
}

/* Reads standard output to its end. */
static void read_output(const mr_bench_command *command, int fd, int64_t begun, mr_bench_cost *out)
{
    static char bytes[READ_BYTES];
    size_t kept = 0;
    for (;;) {
        const ssize_t got = read(fd, bytes, sizeof bytes);
        const int64_t now = mr_clock_ns();
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        if (out->first_byte_seconds <= 0) out->first_byte_seconds = (double)(now - begun) * 1e-9;
        const mr_slice slice = {bytes, (size_t)got};
        if (command->take != NULL) command->take(command->context, slice, now);
        const size_t room = sizeof out->output - 1 - kept;
        const size_t take = slice.len < room ? slice.len : room;
        memcpy(out->output + kept, bytes, take);
        kept += take;
    }
    out->output[kept] = 0;
}

/* What was written to standard error; programs that write more than a pipe holds would stop. */
static void read_errors(int fd, mr_bench_cost *out)
{
    size_t kept = 0;
    for (ssize_t got; kept < sizeof out->errors - 1; kept += (size_t)got)
        if ((got = read(fd, out->errors + kept, sizeof out->errors - 1 - kept)) <= 0) break;
    out->errors[kept] = 0;
}

static mr_code judge(const mr_bench_command *command, int status, mr_bench_cost *cost,
                     mr_error *err)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return MR_OK;
    cost->errors[strcspn(cost->errors, "\n")] = 0;
    return mr_fail(err, MR_ERR_IO, "'%s %s' ended with %s %d: %s",
                   command->args[0] != NULL ? command->args[0] : "millrace",
                   command->args[1] != NULL ? command->args[1] : "",
                   WIFEXITED(status) ? "code" : "signal",
                   WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status), cost->errors);
}

mr_code mr_bench_run(mr_bench *bench, const mr_bench_command *command, mr_bench_cost *out,
                     mr_error *err)
{
    pipes p;
    pid_t pid, feeder = 0;
    int status = 0;
    memset(out, 0, sizeof *out);
    mr_code rc = open_pipes(&p, command, err);
    const int64_t begun = mr_clock_ns();
    if (rc == MR_OK) rc = spawn(bench, command, &p, &pid, err);
    if (rc != MR_OK) goto done;
    close_end(&p.in[0]), close_end(&p.out[1]), close_end(&p.errors[1]);
    if (command->piped) rc = feed(command->input, &p, &feeder, err);
    close_end(&p.in[1]);
    read_output(command, p.out[0], begun, out);
    read_errors(p.errors[0], out);
    const mr_code waited = wait_for(pid, out, &status, err);
    out->seconds = (double)(mr_clock_ns() - begun) * 1e-9;
    if (feeder > 0) waitpid(feeder, NULL, 0);
    if (rc == MR_OK) rc = waited;
    if (rc == MR_OK) rc = judge(command, status, out, err);
done:
    close_pipes(&p);
    return rc;
}

mr_code mr_bench_number(mr_bench *bench, const char *summary, const char *key, const char *inner,
                        double *out, mr_error *err)
{
    mr_tree tree;
    mr_arena_reset(&bench->arena);
    MR_TRY(mr_tree_parse(&bench->arena, "the summary", mr_slice_text(summary), &tree, err));
    const mr_node *node = tree.root->kind == MR_NODE_MAP ? mr_node_get(tree.root, key) : NULL;
    if (inner != NULL) node = node != NULL ? mr_node_get(node, inner) : NULL;
    if (node != NULL && mr_parse_f64(node->text, out)) return MR_OK;
    return mr_fail(err, MR_ERR_INPUT, "the summary of a run has no number '%s'",
                   inner != NULL ? inner : key);
}

/* --- functions --- */

void mr_bench_say(mr_bench_answer *answer, double value, const char *format, ...)
{
    if (answer->count == MR_BENCH_MAX_VALUES) return;
    mr_bench_value *said = &answer->values[answer->count++];
    said->value = value;
    va_list args;
    va_start(args, format);
    vsnprintf(said->name, sizeof said->name, format, args);
    va_end(args);
}

double mr_bench_said(const mr_bench_answer *answer, const char *name)
{
    for (uint32_t i = 0; i < answer->count; i++)
        if (strcmp(answer->values[i].name, name) == 0) return answer->values[i].value;
    return 0;
}

static void work_and_exit(mr_code (*work)(void *context, mr_bench_answer *answer, mr_error *err),
                          void *context, int fd)
{
    static mr_bench_answer answer;
    answer.code = work(context, &answer, &answer.error);
    for (size_t at = 0; at < sizeof answer;) {
        const ssize_t put = write(fd, (const char *)&answer + at, sizeof answer - at);
        if (put <= 0) _exit(1);
        at += (size_t)put;
    }
    _exit(0);
}

mr_code mr_bench_fork(mr_code (*work)(void *context, mr_bench_answer *answer, mr_error *err),
                      void *context, mr_bench_answer *out, mr_error *err)
{
    int ends[2], status = 0;
    mr_bench_cost cost;
    if (pipe2(ends, O_CLOEXEC) != 0) return mr_fail_errno(err, errno, "cannot make a pipe");
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) work_and_exit(work, context, ends[1]);
    close(ends[1]);
    size_t got = 0;
    for (ssize_t more; pid > 0 && got < sizeof *out; got += (size_t)more)
        if ((more = read(ends[0], (char *)out + got, sizeof *out - got)) <= 0) break;
    close(ends[0]);
    if (pid < 0) return mr_fail_errno(err, errno, "cannot make a process");
    MR_TRY(wait_for(pid, &cost, &status, err));
    if (got < sizeof *out)
        return mr_fail(err, MR_ERR_IO, "a child of the benchmark ended without an answer");
    if (out->code != MR_OK) *err = out->error;
    return out->code;
}
