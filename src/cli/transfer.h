/* SPDX-License-Identifier: MIT
 *
 * cli/transfer.h - a namespace to JSON lines and back, through any message store's server.
 *
 *     {"id":"...","stream":"account-1","type":"Opened","pos":0,"gpos":7,
 *      "data":{...},"meta":{...}|null,"time":"2025-01-15T10:00:00.25Z"}
 *
 * Both talk to people on standard error and return an exit code: 0, or 1 for any error.
 *
 * Thread: main thread. */
#ifndef MR_CLI_TRANSFER_H
#define MR_CLI_TRANSFER_H

#include "core/error.h"

typedef struct mr_transfer_server {
    const char *url;
    const char *token;   /* NULL: none is sent */
    const char *ca_file; /* NULL: the system's */
    bool insecure;
} mr_transfer_server;

typedef struct mr_transfer_export_options {
    mr_transfer_server server;
    const char *categories; /* "a,b", one after the other; NULL: everything, by global position */
    const char *since;      /* included; YYYY-MM-DD or RFC 3339; NULL: no bound */
    const char *until;      /* excluded */
    const char *output;     /* appears when it is complete; NULL or "-": standard output */
    bool gzip;              /* also without it where the name says so (.gz, .zst, .lz4) */
} mr_transfer_export_options;

typedef struct mr_transfer_import_options {
    mr_transfer_server server;
    const char *input; /* compressed or not; NULL or "-": standard input */
    bool gzip;         /* it must be gzip */
    bool force;        /* the namespace is emptied first; asks on the terminal */
    bool yes;          /* does not ask */
} mr_transfer_import_options;

int mr_transfer_export(const mr_transfer_export_options *options);
int mr_transfer_import(const mr_transfer_import_options *options);

#endif
