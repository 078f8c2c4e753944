/* SPDX-License-Identifier: MIT
 *
 * cli/args.h - the command line: a table of verbs, a table of flags, and what they parse to.
 *
 *     millrace VERB [operands] [flags]      flags anywhere, `--` ends them
 *     --flag value  --flag=value  --switch  --no-switch  -n 20  -n20
 *
 * Most flags set a key of pipeline/config.h's table and take its type, range and default from
 * there; the others set a field of mr_args through mr_args_table. Help, man page and completion are
 * printed from the same tables.
 *
 * Thread: main thread. */
#ifndef MR_CLI_ARGS_H
#define MR_CLI_ARGS_H

#include "pipeline/config.h"

#define MR_ARGS_MAX_OPERANDS 8

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
       MR_VERBS_MOVING = MR_VERB_COPY | MR_VERB_PIPELINE | MR_VERB_RUN,
       MR_VERBS_READING = MR_VERBS_MOVING | MR_VERB_PREVIEW | MR_VERB_SCHEMA | MR_VERB_CHECK,
       MR_VERBS_ALL = (1 << 12) - 1,
};

typedef struct mr_verb {
    const char *name, *aliases; /* aliases separated by spaces, or NULL */
    const char *operands;       /* as the usage line shows them; "" for none */
    const char *summary;        /* one line */
    const char *details;        /* paragraphs for its own help, or NULL */
    unsigned bit;
    uint32_t min_operands, max_operands;
    unsigned needs;            /* MR_CONFIG_*: the ends that must be known before `run` */
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
} mr_flag_action;

typedef struct mr_flag {
    const char *name; /* with dashes */
    char letter;      /* or 0 */
    const char *key;
    const char *value; /* what help calls the value; NULL for a switch */
    const char *help;  /* NULL = the key's own help */
    unsigned verbs;
    mr_flag_action action;
    const char *alias; /* another name, or NULL */
} mr_flag;

struct mr_args {
    mr_arena *arena;
    const mr_verb *verb;
    const char *operands[MR_ARGS_MAX_OPERANDS];
    uint32_t operand_count;
    mr_pipeline_config config; /* finished and free of contradictions for verbs that need an end */
    mr_options options;        /* of mr_args_table into this struct */
    bool help, json, man, markdown, connect;
    uint64_t rows;        /* of preview */
    uint32_t runs;        /* of bench */
    uint64_t records;     /* of bench; 0 = the scenario's own number */
    const char *baseline; /* of bench, or NULL */
    const char *source_file, *destination_file, *system_file;
};

/* Each ends with a zeroed entry. */
extern const mr_verb mr_verbs[];
extern const mr_flag mr_flags[];
extern const mr_option mr_args_table[];

/* The verb of that name or alias, or NULL. */
const mr_verb *mr_verb_find(mr_slice name);

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
