/* SPDX-License-Identifier: MIT */
#include "remote/retry.h"

int64_t mr_retry_delay_ns(const mr_retry_policy *policy, uint64_t k, uint64_t random)
{
    const double cap = (double)policy->max_delay_ns;
    double delay = (double)policy->delay_ns;
    for (uint64_t i = 0; i < k && delay < cap && policy->multiplier > 1; i++)
        delay *= policy->multiplier;
    if (delay > cap) delay = cap;
    const double unit = (double)(random >> 11) * 0x1p-53; /* 0 to 1 */
    return (int64_t)(delay * (1 + policy->jitter * (2 * unit - 1)));
}

mr_retry_verdict mr_retry_failed(mr_retry *retry, const mr_retry_policy *policy, int64_t now_ns,
                                 mr_fault_class fault, int64_t retry_after_ns, uint64_t random,
                                 int64_t *out_wait_ns)
{
    if (!mr_fault_passes(fault)) return MR_RETRY_USELESS;
    const uint64_t k = retry->failures++;
    if (k >= policy->attempts) return MR_RETRY_SPENT;
    int64_t wait = mr_retry_delay_ns(policy, k, random);
    if (wait < retry_after_ns) wait = retry_after_ns;
    *out_wait_ns = wait;
    if (policy->deadline_ns == 0) return MR_RETRY_AGAIN;
    const int64_t left = policy->deadline_ns - (now_ns - retry->begun_ns);
    return wait > left ? MR_RETRY_LATE : MR_RETRY_AGAIN;
}
