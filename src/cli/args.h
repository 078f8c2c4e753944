/* SPDX-License-Identifier: MIT
 *
 * cli/args.h - the command line: a table of verbs, a table of flags, and what they parse to.
 *
 *     millrace VERB [operands] [flags]      flags anywhere, `--` ends them
 *     --flag value  --flag=value  --switch  --no-switch  -n 20  -n20
 *
 * Most flags set a key of pipeline/config.h's or cli/serve_config.h's table and take their type,
 * range and default from there; the others set a field of mr_args through mr_args_table. Help, man
 * page and completion are printed from the same tables.
 *
 * Thread: main thread. */
#ifndef MR_CLI_ARGS_H
#define MR_CLI_ARGS_H

#include "cli/serve_config.h"
#include "pipeline/config.h"

#define MR_ARGS_MAX_OPERANDS 8
#define MR_PLUGINS_VARIABLE  "MILLRACE_PLUGINS" /* a folder of plug-ins */

typedef struct mr_args mr_args;

enum { /* mr_verb.bit, and the verbs of a flag */
       MR_VERB_COPY = 1 << 0,
       MR_VERB_PIPELINE = 1 << 1,
       MR_VERB_RUN = 1 << 2,
       MR_VERB_PREVIEW = 1 << 3,
       MR_VERB_SCHEMA = 1 << 4,
       MR_VERB_CHECK = 1 << 5,
       MR_VERB_LIST = 1 << 6,
       MR_VERB_BENCH = 1 << 7,
       MR_VERB_VERSION = 1 << 8,
       MR_VERB_HELP = 1 << 9,
       MR_VERB_COMPLETION = 1 << 10,
       MR_VERB_LATER = 1 << 11,
       MR_VERB_SERVE = 1 << 12,
       MR_VERB_STORE_BACKUP = 1 << 13,
       MR_VERB_STORE_CHECK = 1 << 14,
       MR_VERB_STORE_NAMESPACES = 1 << 15,
       MR_VERB_STORE_STREAMS = 1 << 16,
       MR_VERB_STORE_EXPORT = 1 << 17,
       MR_VERB_STORE_IMPORT = 1 << 18,
       MR_VERB_STORE_TOKEN = 1 << 19,
       MR_VERB_STORE = 1 << 20, /* alone: what can follow */
       MR_VERB_STATE = 1 << 22,
       MR_VERB_REPLAY = 1 << 21,
       MR_VERBS_MOVING = MR_VERB_COPY | MR_VERB_PIPELINE | MR_VERB_RUN | MR_VERB_REPLAY,
       MR_VERBS_READING = MR_VERBS_MOVING | MR_VERB_PREVIEW | MR_VERB_SCHEMA | MR_VERB_CHECK,
       MR_VERBS_STORE = MR_VERB_STORE_BACKUP | MR_VERB_STORE_CHECK | MR_VERB_STORE_NAMESPACES |
                        MR_VERB_STORE_STREAMS | MR_VERB_STORE_EXPORT | MR_VERB_STORE_IMPORT |
                        MR_VERB_STORE_TOKEN,
       MR_VERBS_ALL = (1 << 23) - 1,
};

typedef struct mr_flag mr_flag;

typedef struct mr_verb {
    const char *name, *aliases; /* one word or two; aliases separated by spaces, or NULL */
    const char *operands;       /* as the usage line shows them; "" for none */
    const char *summary;        /* one line */
    const char *details;        /* paragraphs for its own help, or NULL */
    unsigned bit;
    uint32_t min_operands, max_operands;
    unsigned needs;            /* MR_CONFIG_*: the ends that must be known before `run` */
    const mr_flag *flags;      /* NULL: mr_flags */
    int (*run)(mr_args *args); /* returns the exit code; NULL = not built in this version */
} mr_verb;

typedef enum mr_flag_action {
    MR_FLAG_KEY = 1,        /* `key` of mr_config_table */
    MR_FLAG_ARGS,           /* `key` of mr_args_table */
    MR_FLAG_SOURCE_SETTING, /* `key` of the source's connector */
    MR_FLAG_DESTINATION_SETTING,
    MR_FLAG_SOURCE_PAIR, /* key=value for the source's connector */
    MR_FLAG_DESTINATION_PAIR,
    MR_FLAG_SOURCE_JSON, /* an object of settings */
    MR_FLAG_DESTINATION_JSON,
    MR_FLAG_FILTER, /* a step of the pipeline */
    MR_FLAG_MAP,
    MR_FLAG_PLUGIN, /* a shared object, loaded at once */
    MR_FLAG_SERVE,  /* `key` of mr_serve_table */
} mr_flag_action;

struct mr_flag {
    const char *name; /* with dashes */
    char letter;      /* or 0 */
    const char *key;
    const char *value; /* what help calls the value; NULL for a switch */
    const char *help;  /* NULL = the key's own help */
    unsigned verbs;
    mr_flag_action action;
    const char *alias; /* another name, or NULL */
};

/* Of the verbs that begin with `store`; what was not given is NULL. */
typedef struct mr_store_args {
    const char *registry, *space, *prefix, *categories, *since, *until;
    const char *output, *input, *token, *token_file, *ca_file;
    uint32_t limit;
    bool gzip, force, yes, strict, insecure;
} mr_store_args;

struct mr_args {
    mr_arena *arena;
    const mr_verb *verb;
    const char *operands[MR_ARGS_MAX_OPERANDS];
    uint32_t operand_count;
    mr_pipeline_config config; /* finished and free of contradictions for verbs that need an end */
    mr_options options;        /* of mr_args_table into this struct */
    bool help, json, man, markdown, connect;
    bool json_schema;     /* of check: print it instead */
    uint64_t rows;        /* of preview */
    uint32_t runs;        /* of bench */
    uint64_t records;     /* of bench; 0 = the scenario's own number */
    const char *baseline; /* of bench, or NULL */
    const char *source_file, *destination_file, *system_file;
    mr_serve_config serve; /* of serve, and of check when `is_serve` */
    bool is_serve;         /* check: the file is one for serve */
    const char *config_file;
    bool rotate_token;
    mr_store_args store;
};

/* Each ends with a zeroed entry. */
extern const mr_verb mr_verbs[];
extern const mr_flag mr_flags[];        /* of verbs about records */
extern const mr_flag mr_server_flags[]; /* of serve and store */
extern const mr_option mr_args_table[];

/* The verb of that name or alias, or NULL. */
const mr_verb *mr_verb_find(mr_slice name);
/* The table that has the verb's flags, among others. */
const mr_flag *mr_verb_flags(const mr_verb *verb);

/* The option behind a flag; NULL for settings of connectors. */
const mr_option *mr_flag_option(const mr_flag *flag);
/* True for a flag that takes no value: --flag, --no-flag. */
bool mr_flag_is_switch(const mr_flag *flag);

/* Parses argv[1 ...]. Files named by flags and operands are read; standard input is not.
 * MR_ERR_USAGE says what is wrong, with a near match for unknown verbs and flags. With --help
 * nothing but `verb` and `help` is to be used; without a verb, `verb` is that of "help". */
MR_NODISCARD mr_code mr_args_parse(mr_args *args, int argc, char **argv, mr_arena *arena,
                                   mr_error *err);

#endif
