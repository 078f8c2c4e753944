/* SPDX-License-Identifier: MIT */
#include "support/store_server.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/store_client.h"
#include "support/test.h"

#define START_MS 30000 /* under sanitizers, on a busy machine */

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void pause_us(long us)
{
    const struct timespec moment = {.tv_nsec = us * 1000};
    nanosleep(&moment, NULL);
}

bool mr_store_server_is_ours(void)
{
    return getenv("STORE_PROGRAM") == NULL;
}

void mr_store_server_init(mr_store_server *server, const char *name)
{
    *server = (mr_store_server){0};
    snprintf(server->dir, sizeof server->dir, "%s/%s", mr_test_dir(), name);
    snprintf(server->log, sizeof server->log, "%s/%s.log", mr_test_dir(), name);
    if (mkdir(server->dir, 0700) != 0 && errno != EEXIST)
        MR_TEST_FAIL("%s: %s\n", server->dir, strerror(errno));
}

/* A port that is free at this moment, for programs that cannot say which one they took. */
static uint16_t free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, len) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        MR_TEST_FAIL("no free port: %s\n", strerror(errno));
    close(fd);
    return ntohs(address.sin_port);
}

/* In the child: never returns. */
static void run(const mr_store_server *server)
{
    char port[16];
    const int log = open(server->log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    const int null = open("/dev/null", O_RDONLY);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that dies leaves nothing running */
    dup2(null, 0);
    dup2(log, 1);
    dup2(log, 2);
    if (server->preload != NULL) setenv("LD_PRELOAD", server->preload, 1);
    const char *other = getenv("STORE_PROGRAM"), *ours = getenv("MILLRACE");
    snprintf(port, sizeof port, "%u", server->port);
    if (other != NULL)
        execl(other, "eventodb", "serve", "-db-url", "sqlite://registry.db", "-data-dir",
              server->dir, "-port", port, "-token", MR_STORE_TOKEN, (char *)NULL);
    else
        execl(ours != NULL ? ours : MR_PROGRAM, "millrace", "serve", "--data-dir", server->dir,
              "--listen", "127.0.0.1:0", "--token", MR_STORE_TOKEN, (char *)NULL);
    _exit(127);
}

/* The port in the first "127.0.0.1:PORT" that the program printed; 0 when it is not there yet. */
static uint16_t printed_port(const mr_store_server *server)
{
    static const char mark[] = "127.0.0.1:";
    char text[8192];
    const int fd = open(server->log, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    const ssize_t len = read(fd, text, sizeof text - 1);
    close(fd);
    text[len > 0 ? len : 0] = 0;
    const char *at = strstr(text, mark);
    if (at == NULL) return 0;
    char *stop;
    const unsigned long port = strtoul(at + sizeof mark - 1, &stop, 10);
    return *stop != 0 && port < 65536 ? (uint16_t)port : 0; /* a number cut off is not one */
}

static bool answers(mr_store_server *server)
{
    mr_store_client client;
    mr_slice body;
    if (mr_store_server_is_ours()) server->port = printed_port(server);
    if (server->port == 0) return false;
    mr_store_client_open(&client, server->port, NULL);
    const unsigned status =
        mr_store_client_request(&client, "GET", "/health", (mr_slice){0}, &body);
    mr_store_client_close(&client);
    return status == 200;
}

int64_t mr_store_server_start(mr_store_server *server)
{
    server->port = mr_store_server_is_ours() ? 0 : free_port();
    unlink(server->log);
    const int64_t start = now_us();
    server->pid = fork();
    if (server->pid == 0) run(server);
    if (server->pid < 0) MR_TEST_FAIL("fork: %s\n", strerror(errno));
    while (!answers(server)) {
        int status;
        if (waitpid(server->pid, &status, WNOHANG) == server->pid ||
            now_us() - start > INT64_C(1000) * START_MS) {
            char *log = mr_test_read_file(server->log, NULL);
            MR_TEST_FAIL("the server does not start; it says:\n%.4000s\n", log);
        }
        pause_us(200);
    }
    return now_us() - start;
}

void mr_store_server_kill(mr_store_server *server)
{
    if (server->pid == 0) return;
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
    server->pid = 0;
}

int mr_store_server_stop(mr_store_server *server)
{
    int status = 0;
    kill(server->pid, SIGTERM);
    waitpid(server->pid, &status, 0);
    server->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int64_t mr_store_server_rss_kib(const mr_store_server *server)
{
    char path[64], line[256];
    int64_t kib = -1;
    snprintf(path, sizeof path, "/proc/%d/status", (int)server->pid);
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "VmRSS:", 6) == 0) kib = strtoll(line + 6, NULL, 10);
    if (file != NULL) fclose(file);
    return kib;
}

/* Copies a file if it is there; what was at `to` goes in any case. */
static void copy_file(const char *from, const char *to)
{
    struct stat info;
    unlink(to);
    const int in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0) return;
    const int out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (out < 0 || fstat(in, &info) != 0) MR_TEST_FAIL("%s: %s\n", to, strerror(errno));
    for (off_t left = info.st_size; left > 0;) {
        const ssize_t len = sendfile(out, in, NULL, (size_t)left);
        if (len <= 0) MR_TEST_FAIL("%s cannot be copied: %s\n", from, strerror(errno));
        left -= len;
    }
    close(in);
    close(out);
}

/* Checks a copy: opening the database itself would recover it, and that is the server's work. */
static void expect_intact(const char *path)
{
    char copy[600], log[600], log_copy[620];
    sqlite3 *db;
    sqlite3_stmt *statement = NULL;
    snprintf(copy, sizeof copy, "%s/checked.db", mr_test_dir());
    snprintf(log, sizeof log, "%.590s-wal", path);
    snprintf(log_copy, sizeof log_copy, "%s-wal", copy);
    copy_file(path, copy);
    copy_file(log, log_copy);
    if (sqlite3_open_v2(copy, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &statement, NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW)
        MR_TEST_FAIL("%s cannot be checked: %s\n", path, sqlite3_errmsg(db));
    const char *said = (const char *)sqlite3_column_text(statement, 0);
    if (strcmp(said, "ok") != 0) MR_TEST_FAIL("%s is damaged: %s\n", path, said);
    sqlite3_finalize(statement);
    sqlite3_close(db);
}

static bool is_database(const char *path)
{
    char magic[16] = {0};
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    const bool is =
        read(fd, magic, sizeof magic) == 16 && memcmp(magic, "SQLite format 3", 16) == 0;
    close(fd);
    return is;
}

static size_t expect_intact_in(const char *dir)
{
    size_t found = 0;
    DIR *list = opendir(dir);
    if (list == NULL) return 0;
    for (const struct dirent *entry; (entry = readdir(list)) != NULL;) {
        char path[1024];
        struct stat info;
        snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        if (entry->d_name[0] == '.' || stat(path, &info) != 0) continue;
        if (S_ISDIR(info.st_mode)) {
            found += expect_intact_in(path);
        } else if (is_database(path)) {
            expect_intact(path);
            found++;
        }
    }
    closedir(list);
    return found;
}

void mr_store_server_expect_intact(const mr_store_server *server)
{
    MR_EXPECT_U64(expect_intact_in(server->dir), >=, 2); /* the registry and a namespace */
}
