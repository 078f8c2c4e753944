/* SPDX-License-Identifier: MIT */
#include <stdio.h>

int main(void)
{
    puts("millrace " MR_VERSION);
    return 0;
}
