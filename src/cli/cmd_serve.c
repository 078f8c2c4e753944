/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"
#include "cli/serve_run.h"

int mr_cmd_serve(mr_args *args)
{
    return mr_serve_run(&args->serve, false);
}
