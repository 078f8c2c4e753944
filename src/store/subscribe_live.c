/* SPDX-License-Identifier: MIT
 *
 * The live half of subscriptions: what was just committed, from the feed to everybody who wants it.
 *
 * A channel is woken at most once between two runs of its job. The job takes entries from the feed
 * and finds the subscribers of each by its stream, its category and "all"; an event is formatted
 * when the first of them wants it and sent to each with one call. */
#include "core/mem.h"
#include "store/subscribe_internal.h"

/* --- Subscribers ---------------------------------------------------------------------------- */

static void enter(mr_subscriber *subscriber)
{
    mr_subscribe_topic *topic = subscriber->topic;
    subscriber->mode = MR_SUBSCRIBER_LIVE;
    subscriber->live_prev = NULL;
    subscriber->live_next = topic->live;
    if (topic->live != NULL) topic->live->live_prev = subscriber;
    topic->live = subscriber;
}

void mr_subscribe_leave(mr_subscriber *subscriber)
{
    if (subscriber->mode != MR_SUBSCRIBER_LIVE) return;
    mr_subscriber *prev = subscriber->live_prev, *next = subscriber->live_next;
    *(prev != NULL ? &prev->live_next : &subscriber->topic->live) = next;
    if (next != NULL) next->live_prev = prev;
    subscriber->mode = MR_SUBSCRIBER_CATCHING_UP;
}

void mr_subscribe_end(mr_subscriber *subscriber)
{
    if (subscriber->mode == MR_SUBSCRIBER_ENDED) return;
    mr_subscribe_leave(subscriber);
    subscriber->mode = MR_SUBSCRIBER_ENDED;
    mr_http_stream_end(subscriber->request);
}

static bool is_of_stream(const mr_subscriber *subscriber)
{
    return subscriber->topic->scope == MR_READ_STREAM;
}

bool mr_subscribe_deliver(mr_subscriber *subscriber, int64_t position, int64_t global_position,
                          mr_slice event)
{
    const mr_subscribe_counters *count = &subscriber->channel->hub->owner->count;
    const int64_t at = is_of_stream(subscriber) ? position : global_position;
    switch (mr_http_stream_send(subscriber->request, event, NULL)) {
    case MR_OK:
        subscriber->cursor = at + 1;
        subscriber->resumed = false;
        if (subscriber->from_global <= global_position)
            subscriber->from_global = global_position + 1;
        if (count->events != NULL) mr_counter_add(count->events, 1);
        return true;
    case MR_ERR_LIMIT:
        if (mr_http_stream_waiting(subscriber->request) == 0) { /* it will never fit */
            mr_subscribe_end(subscriber);
            return false;
        }
        mr_subscribe_leave(subscriber);
        subscriber->mode = MR_SUBSCRIBER_WAITING;
        subscriber->cursor = at;
        if (count->slow != NULL) mr_counter_add(count->slow, 1);
        return false;
    default: mr_subscribe_end(subscriber); return false;
    }
}

/* Back to what was asked for, since positions start anew. */
static void begin_again(mr_subscriber *subscriber)
{
    subscriber->cursor = subscriber->from;
    subscriber->from_global = 0;
    subscriber->resumed = false;
}

/* Back to `lowest`, where an import put something that the feed does not tell. A stream's cursor is
 * a position in it and is right still. */
static void step_back(mr_subscriber *subscriber, int64_t lowest)
{
    const int64_t to = lowest < subscriber->from ? subscriber->from : lowest;
    if (subscriber->from_global > lowest) subscriber->from_global = lowest;
    if (!is_of_stream(subscriber) && subscriber->cursor > to) subscriber->cursor = to;
}

static void read_on(mr_subscriber *subscriber)
{
    mr_subscribe_leave(subscriber);
    if (subscriber->mode == MR_SUBSCRIBER_CATCHING_UP) mr_subscribe_catch_up(subscriber);
}

/* --- The fan-out ---------------------------------------------------------------------------- */

/* One entry on its way, with what is found out about it once for all subscribers. */
typedef struct fan {
    mr_subscribe_channel *channel;
    mr_message message;
    mr_buffer *event;
    bool formatted, too_large;
    bool hashed, grouped; /* `grouped`: its stream belongs to a member of each group */
    int64_t hash;
    unsigned sends;
} fan;

static fan fan_of(mr_subscribe_channel *channel, const mr_feed_entry *entry)
{
    fan one = {.channel = channel, .event = &channel->hub->event};
    mr_feed_message(entry, &one.message);
    return one;
}

static bool owns(fan *one, mr_group group)
{
    if (group.size == 0) return true;
    if (!one->hashed) {
        mr_slice cardinal;
        one->hashed = true;
        one->grouped = mr_stream_cardinal_id(one->message.stream, &cardinal);
        if (one->grouped) one->hash = mr_group_hash(cardinal);
    }
    return one->grouped && mr_group_member(one->hash, group.size) == group.member;
}

static void format(fan *one)
{
    const bool body = one->channel->bodies;
    one->formatted = true;
    mr_buffer_reset(one->event);
    one->too_large = mr_subscribe_event_bytes(&one->message, body) > MR_SUBSCRIBE_PAGE_BYTES ||
                     mr_subscribe_put_event(&one->message, body, one->event) != MR_OK;
}

/* Sends the event to one subscriber that wants it; what is too large for the loop's buffer it gets
 * by a page of its own. False when it is not to be sent more. */
static bool send_to(fan *one, mr_subscriber *subscriber)
{
    const mr_message *message = &one->message;
    if (!one->formatted) format(one);
    one->sends++;
    if (!one->too_large)
        return mr_subscribe_deliver(subscriber, message->position, message->global_position,
                                    mr_buffer_slice(one->event));
    mr_subscribe_leave(subscriber);
    subscriber->cursor = is_of_stream(subscriber) ? message->position : message->global_position;
    subscriber->resumed = false;
    mr_subscribe_catch_up(subscriber);
    return false;
}

static void send_to_topic(fan *one, mr_read_scope scope, mr_slice name)
{
    const mr_message *message = &one->message;
    mr_subscribe_topic *topic = mr_subscribe_index_find(&one->channel->index, scope, name);
    mr_subscriber *subscriber = topic != NULL ? topic->live : NULL;
    for (mr_subscriber *next; subscriber != NULL; subscriber = next) {
        next = subscriber->live_next;
        /* Not by its cursor: a stream that was begun anew counts from 0 again. */
        const bool wanted = scope == MR_READ_STREAM
                                ? message->position >= subscriber->from &&
                                      message->global_position >= subscriber->from_global
                                : message->global_position >= subscriber->cursor;
        if (wanted && owns(one, subscriber->group)) (void)!send_to(one, subscriber);
    }
}

static unsigned send_to_all(mr_subscribe_channel *channel, const mr_feed_entry *entry)
{
    fan one = fan_of(channel, entry);
    send_to_topic(&one, MR_READ_STREAM, one.message.stream);
    send_to_topic(&one, MR_READ_CATEGORY, mr_stream_category(one.message.stream));
    send_to_topic(&one, MR_READ_ALL, (mr_slice){0});
    return one.sends;
}

/* --- Channels ------------------------------------------------------------------------------- */

void mr_subscribe_channel_look_back(mr_subscribe_channel *channel)
{
    const uint64_t epoch = mr_feed_epoch(channel->space);
    const int64_t lowest = mr_feed_lowered(channel->space, &channel->watcher);
    const bool anew = epoch != channel->epoch;
    if (!anew && lowest == INT64_MAX) return;
    channel->epoch = epoch;
    channel->generation++;
    if (anew) channel->delivered = mr_feed_head(channel->space);
    for (mr_subscriber *one = channel->subscribers; one != NULL; one = one->channel_next) {
        if (anew)
            begin_again(one);
        else
            step_back(one, lowest);
        read_on(one);
    }
}

/* What the feed no longer has, each live subscriber reads for itself. */
static void fall_behind(mr_subscribe_channel *channel)
{
    const int64_t next = channel->delivered + 1;
    channel->delivered = mr_feed_head(channel->space);
    for (mr_subscriber *one = channel->subscribers; one != NULL; one = one->channel_next) {
        if (one->mode != MR_SUBSCRIBER_LIVE) continue;
        mr_subscribe_leave(one);
        if (!is_of_stream(one) && one->cursor < next) one->cursor = next;
        mr_subscribe_catch_up(one);
    }
}

/* Runs the job again, soon, unless a wake has seen to that. */
static void run_again(mr_subscribe_channel *channel)
{
    if (!atomic_exchange_explicit(&channel->woken, true, memory_order_acq_rel))
        mr_loop_later(channel->hub->loop, &channel->job);
}

/* Delivers entries until the loop's other work should have its turn. */
static void deliver_taken(mr_subscribe_channel *channel, int64_t last)
{
    const mr_slice taken = mr_buffer_slice(&channel->hub->taken);
    unsigned sends = 0;
    for (const mr_feed_entry *entry = mr_feed_next(taken, NULL); entry != NULL;
         entry = mr_feed_next(taken, entry)) {
        if (sends >= MR_SUBSCRIBE_TURN_SENDS) break;
        sends += send_to_all(channel, entry);
        channel->delivered = entry->global_position;
    }
    if (sends < MR_SUBSCRIBE_TURN_SENDS) channel->delivered = last;
    run_again(channel); /* there may be more than the buffer holds */
}

static void deliver(mr_subscribe_channel *channel)
{
    if (mr_space_is_deleted(channel->space)) {
        for (mr_subscriber *one = channel->subscribers; one != NULL; one = one->channel_next)
            mr_subscribe_end(one);
        return;
    }
    int64_t last = 0;
    const uint32_t generation = channel->generation;
    const mr_feed_taken taken = mr_feed_take(channel->space, channel->delivered, channel->bodies,
                                             &channel->hub->taken, &last);
    mr_subscribe_channel_look_back(channel); /* afterwards: so `taken` is of one epoch */
    if (channel->generation != generation) {
        run_again(channel);
        return;
    }
    switch (taken) {
    case MR_FEED_SOME: deliver_taken(channel, last); return;
    case MR_FEED_NONE: return;
    case MR_FEED_BEHIND: fall_behind(channel); return;
    }
}

/* The exchange pairs with that of wake(): what was committed before a wake that found `woken` set
 * is seen here. */
static void run(mr_loop_job *job)
{
    mr_subscribe_channel *channel = MR_CONTAINER_OF(job, mr_subscribe_channel, job);
    atomic_exchange_explicit(&channel->woken, false, memory_order_acq_rel);
    if (channel->open)
        deliver(channel);
    else
        mr_subscribe_channel_release(channel);
}

static void wake(mr_feed_watcher *watcher)
{
    mr_subscribe_channel *channel = MR_CONTAINER_OF(watcher, mr_subscribe_channel, watcher);
    if (!atomic_exchange_explicit(&channel->woken, true, memory_order_acq_rel))
        mr_loop_post(channel->hub->loop, &channel->job);
}

static mr_code open_channel(mr_subscribe_channel *channel, mr_error *err)
{
    MR_TRY(mr_feed_watch(channel->space, &channel->watcher, err));
    channel->open = true;
    channel->epoch = mr_feed_epoch(channel->space); /* before the head: see check_epoch */
    channel->delivered = mr_feed_head(channel->space);
    channel->next = channel->hub->channels;
    channel->hub->channels = channel;
    return MR_OK;
}

mr_code mr_subscribe_channel_get(mr_subscribe_hub *hub, mr_space *space, bool bodies,
                                 mr_subscribe_channel **out, mr_error *err)
{
    for (mr_subscribe_channel *channel = hub->channels; channel != NULL; channel = channel->next) {
        if (channel->space != space || channel->bodies != bodies) continue;
        mr_space_release(space); /* the channel has one */
        *out = channel;
        return MR_OK;
    }
    mr_subscribe_channel *channel = mr_mem_zalloc(sizeof *channel);
    if (channel == NULL) {
        mr_space_release(space);
        return mr_fail(err, MR_ERR_NOMEM, "no memory left for a subscription");
    }
    channel->watcher = (mr_feed_watcher){.wake = wake, .bodies = bodies};
    channel->job.run = run;
    channel->hub = hub;
    channel->space = space;
    channel->bodies = bodies;
    const mr_code rc = open_channel(channel, err);
    if (rc == MR_OK)
        *out = channel;
    else
        mr_subscribe_channel_release(channel);
    return rc;
}

static void close_channel(mr_subscribe_channel *channel)
{
    mr_feed_unwatch(channel->space, &channel->watcher);
    channel->open = false;
    mr_subscribe_channel **link = &channel->hub->channels;
    while (*link != channel)
        link = &(*link)->next;
    *link = channel->next;
}

void mr_subscribe_channel_release(mr_subscribe_channel *channel)
{
    if (channel->subscribers != NULL) return;
    if (channel->open) close_channel(channel);
    if (channel->page_count > 0 ||
        atomic_load_explicit(&channel->woken, memory_order_acquire)) /* its job is still to run */
        return;
    mr_subscribe_index_done(&channel->index);
    mr_space_release(channel->space);
    mr_mem_free(channel);
}

/* --- Joining -------------------------------------------------------------------------------- */

static bool wants(fan *one, const mr_subscriber *subscriber)
{
    const mr_message *message = &one->message;
    const mr_subscribe_topic *topic = subscriber->topic;
    const mr_slice name = mr_slice_of(topic->name, topic->name_len);
    switch ((mr_read_scope)topic->scope) {
    case MR_READ_STREAM:
        return message->position >= subscriber->cursor &&
               message->global_position >= subscriber->from_global &&
               mr_slice_equal(message->stream, name);
    case MR_READ_CATEGORY:
        if (!mr_slice_equal(mr_stream_category(message->stream), name)) return false;
        break;
    case MR_READ_ALL: break;
    }
    return message->global_position >= subscriber->cursor && owns(one, subscriber->group);
}

/* Sends what is wanted of the entries up to what the channel has delivered; false when the
 * subscriber cannot join now. */
static bool send_missed(mr_subscriber *subscriber, mr_slice taken)
{
    mr_subscribe_channel *channel = subscriber->channel;
    for (const mr_feed_entry *entry = mr_feed_next(taken, NULL);
         entry != NULL && entry->global_position <= channel->delivered;
         entry = mr_feed_next(taken, entry)) {
        fan one = fan_of(channel, entry);
        if (wants(&one, subscriber) && !send_to(&one, subscriber)) return false;
    }
    return true;
}

void mr_subscribe_join(mr_subscriber *subscriber, int64_t after)
{
    mr_subscribe_channel *channel = subscriber->channel;
    const uint32_t generation = channel->generation;
    while (after < channel->delivered) {
        const mr_feed_taken taken =
            mr_feed_take(channel->space, after, channel->bodies, &channel->hub->taken, &after);
        mr_subscribe_channel_look_back(channel);
        if (channel->generation != generation) return; /* it reads again, as everybody does */
        if (taken == MR_FEED_NONE) break;
        if (taken == MR_FEED_BEHIND) {
            mr_subscribe_catch_up(subscriber);
            return;
        }
        if (!send_missed(subscriber, mr_buffer_slice(&channel->hub->taken))) return;
    }
    enter(subscriber);
}
