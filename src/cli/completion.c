/* SPDX-License-Identifier: MIT
 *
 * A bash script that completes verbs, the flags of each verb, the values of flags that are a
 * choice, and files. */
#include "cli/help.h"

static mr_code put(mr_buffer *out, const char *text, mr_error *err)
{
    return mr_buffer_append(out, mr_slice_text(text), err);
}

static mr_code bash_verbs(mr_buffer *out, mr_error *err)
{
    MR_TRY(put(out, "    local verbs='", err));
    const char *space = "";
    for (const mr_verb *verb = mr_verbs; verb->name != NULL; verb++) {
        if (verb->bit == MR_VERB_LATER || strchr(verb->name, ' ') != NULL) continue;
        MR_TRY(mr_buffer_printf(out, err, "%s%s", space, verb->name));
        space = " ";
    }
    MR_TRY(put(out, "' store='", err));
    space = "";
    for (const mr_verb *verb = mr_verbs; verb->name != NULL; verb++) {
        if ((verb->bit & MR_VERBS_STORE) == 0) continue;
        MR_TRY(mr_buffer_printf(out, err, "%s%s", space, verb->name + strlen("store ")));
        space = " ";
    }
    return put(out, "'\n", err);
}

/* One case per verb: the flags it has. */
static mr_code bash_flags(mr_buffer *out, mr_error *err)
{
    MR_TRY(put(out,
               "    local verb=${COMP_WORDS[1]}\n"
               "    [ \"$verb\" = store ] && verb+=\" ${COMP_WORDS[2]}\"\n"
               "    case $verb in\n",
               err));
    for (const mr_verb *verb = mr_verbs; verb->name != NULL; verb++) {
        if (verb->bit == MR_VERB_LATER) continue;
        const bool two = strchr(verb->name, ' ') != NULL;
        MR_TRY(
            mr_buffer_printf(out, err, "    %s%s%s", two ? "'" : "", verb->name, two ? "'" : ""));
        if (verb->aliases != NULL) MR_TRY(mr_buffer_printf(out, err, " | %s", verb->aliases));
        MR_TRY(put(out, ") flags='", err));
        const char *space = "";
        for (const mr_flag *flag = mr_verb_flags(verb); flag->name != NULL; flag++) {
            if ((flag->verbs & verb->bit) == 0) continue;
            MR_TRY(mr_buffer_printf(out, err, "%s--%s", space, flag->name));
            space = " ";
        }
        MR_TRY(put(out, "' ;;\n", err));
    }
    return put(out, "    esac\n", err);
}

/* One case per flag whose value is a choice; of two with one name the first one counts. */
static mr_code bash_choices_of(const mr_flag *table, mr_buffer *out, mr_error *err)
{
    for (const mr_flag *flag = table; flag->name != NULL; flag++) {
        const mr_option *option = mr_flag_option(flag);
        if (option == NULL || option->type != MR_OPTION_ENUM) continue;
        MR_TRY(mr_buffer_printf(out, err, "    --%s) words='", flag->name));
        const char *space = "";
        for (const mr_option_choice *c = option->choices; c->name != NULL; c++, space = " ")
            MR_TRY(mr_buffer_printf(out, err, "%s%s", space, c->name));
        MR_TRY(put(out, "' ;;\n", err));
    }
    return MR_OK;
}

static mr_code bash_choices(mr_buffer *out, mr_error *err)
{
    MR_TRY(put(out, "    case $previous in\n", err));
    MR_TRY(bash_choices_of(mr_flags, out, err));
    MR_TRY(bash_choices_of(mr_server_flags, out, err));
    MR_TRY(put(out, "    --format) words='array lines' ;;\n", err));
    MR_TRY(put(out, "    --compression) words='none gzip zstd lz4 snappy s2 deflate' ;;\n", err));
    return put(out, "    esac\n", err);
}

/* Connectors for the operands of `pipeline` and `list`. */
static mr_code bash_operands(mr_buffer *out, mr_error *err)
{
    MR_TRY(put(out, "    case ${COMP_WORDS[1]} in\n    pipeline | list) words+=' ", err));
    const char *space = "";
    for (const mr_connector_name *c = mr_connector_names; c->name != NULL; c++, space = " ")
        if (c->built) MR_TRY(mr_buffer_printf(out, err, "%s%s", space, c->name));
    return put(out,
               "' ;;\n    help) words+=\" $verbs configuration server metrics\" ;;\n    "
               "completion) words+=' "
               "bash' ;;\n    esac\n",
               err);
}

mr_code mr_help_bash(mr_buffer *out, mr_error *err)
{
    MR_TRY(put(out,
               "# Completion of millrace for bash; printed by `millrace completion bash`.\n"
               "_millrace() {\n"
               "    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} "
               "flags='' words=''\n",
               err));
    MR_TRY(bash_verbs(out, err));
    MR_TRY(put(out,
               "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
               "        mapfile -t COMPREPLY < <(compgen -W \"$verbs\" -- \"$word\")\n"
               "        return\n"
               "    fi\n"
               "    # bash splits --flag=value into three words\n"
               "    [ \"$previous\" = = ] && previous=${COMP_WORDS[COMP_CWORD - 2]}\n"
               "    [ \"$word\" = = ] && word='' previous=${COMP_WORDS[COMP_CWORD - 1]}\n",
               err));
    MR_TRY(put(out,
               "    if [ \"$COMP_CWORD\" -eq 2 ] && [ \"${COMP_WORDS[1]}\" = store ]; then\n"
               "        mapfile -t COMPREPLY < <(compgen -W \"$store\" -- \"$word\")\n"
               "        return\n"
               "    fi\n",
               err));
    MR_TRY(bash_choices(out, err));
    MR_TRY(put(out,
               "    if [ -n \"$words\" ]; then\n"
               "        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
               "        return\n"
               "    fi\n",
               err));
    MR_TRY(bash_flags(out, err));
    MR_TRY(put(out,
               "    if [[ $word == -* ]]; then\n"
               "        mapfile -t COMPREPLY < <(compgen -W \"$flags\" -- \"$word\")\n"
               "        return\n"
               "    fi\n",
               err));
    MR_TRY(bash_operands(out, err));
    return put(out,
               "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\"; compgen -f -- "
               "\"$word\")\n"
               "}\n"
               "complete -o filenames -F _millrace millrace\n",
               err);
}
