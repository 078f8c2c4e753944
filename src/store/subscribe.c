/* SPDX-License-Identifier: MIT
 *
 * Subscribing and leaving, and the heartbeat: one timer a loop, which walks its subscribers. */
#include "store/subscribe.h"

#include <time.h>

#include "core/mem.h"
#include "store/subscribe_internal.h"

/* --- Opening and closing -------------------------------------------------------------------- */

typedef struct counter_decl {
    const char *name, *help;
    mr_counter **out;
} counter_decl;

static mr_code make_counter(mr_metrics *metrics, const counter_decl *decl, mr_error *err)
{
    mr_metric_family *family;
    MR_TRY(mr_metrics_family(
        metrics,
        &(mr_metric_decl){.name = decl->name, .help = decl->help, .type = MR_METRIC_COUNTER},
        &family, err));
    return mr_metrics_counter(family, NULL, decl->out, err);
}

static mr_code make_counters(mr_metrics *metrics, mr_subscribe_counters *out, mr_error *err)
{
    const counter_decl decls[] = {
        {"millrace_subscriber_events_total", "Pokes and messages given to subscribers.",
         &out->events},
        {"millrace_subscriber_reads_total",
         "Pages read from the store for subscribers that are catching up.", &out->reads},
        {"millrace_subscriber_slow_total",
         "Times that a subscriber's output was full and it had to catch up later.", &out->slow},
    };
    mr_metric_family *family;
    if (metrics == NULL) return MR_OK;
    MR_TRY(mr_metrics_family(metrics,
                             &(mr_metric_decl){.name = "millrace_subscribers",
                                               .help = "Subscriptions that are open.",
                                               .type = MR_METRIC_GAUGE},
                             &family, err));
    MR_TRY(mr_metrics_gauge(family, NULL, &out->subscribers, err));
    for (size_t i = 0; i < MR_COUNT_OF(decls); i++)
        MR_TRY(make_counter(metrics, &decls[i], err));
    return MR_OK;
}

mr_code mr_subscriptions_open(const mr_subscribe_options *options, mr_subscriptions **out,
                              mr_error *err)
{
    mr_subscriptions *subscriptions = mr_mem_zalloc(sizeof *subscriptions);
    if (subscriptions == NULL)
        return mr_fail(err, MR_ERR_NOMEM, "no memory left for subscriptions");
    subscriptions->options = *options;
    if (options->heartbeat_ms == 0) subscriptions->options.heartbeat_ms = MR_SUBSCRIBE_HEARTBEAT_MS;
    const mr_code rc = make_counters(options->metrics, &subscriptions->count, err);
    if (rc == MR_OK)
        *out = subscriptions;
    else
        mr_mem_free(subscriptions);
    return rc;
}

void mr_subscriptions_settle(mr_subscriptions *subscriptions)
{
    const struct timespec moment = {.tv_nsec = 200000};
    while (atomic_load_explicit(&subscriptions->reads_under_way, memory_order_acquire) > 0)
        nanosleep(&moment, NULL);
}

void mr_subscriptions_close(mr_subscriptions *subscriptions)
{
    if (subscriptions == NULL) return;
    mr_subscribe_hub *hub = atomic_load_explicit(&subscriptions->hubs, memory_order_acquire);
    for (mr_subscribe_hub *next; hub != NULL; hub = next) {
        next = hub->next;
        MR_DCHECK(hub->subscribers == NULL && hub->channels == NULL);
        mr_subscribe_pages_done(hub);
        mr_buffer_done(&hub->taken);
        mr_buffer_done(&hub->event);
        mr_mem_free(hub);
    }
    mr_mem_free(subscriptions);
}

/* --- The heartbeat -------------------------------------------------------------------------- */

/* A comment to each; a stream whose output waits shows life by that. */
static void beat(mr_subscribe_hub *hub)
{
    unsigned sends = 0;
    while (hub->beat_next != NULL) {
        if (sends == MR_SUBSCRIBE_TURN_SENDS) {
            mr_loop_later(hub->loop, &hub->beat_job);
            return;
        }
        mr_subscriber *subscriber = hub->beat_next;
        hub->beat_next = subscriber->hub_next;
        if (subscriber->mode == MR_SUBSCRIBER_ENDED ||
            mr_http_stream_waiting(subscriber->request) > 0)
            continue;
        sends++;
        (void)!mr_http_stream_send(subscriber->request, MR_SLICE(": hb\n\n"), NULL);
    }
    hub->beating = false;
}

static void beat_on(mr_loop_job *job)
{
    beat(MR_CONTAINER_OF(job, mr_subscribe_hub, beat_job));
}

static void set_heartbeat(mr_subscribe_hub *hub)
{
    mr_loop_timer_set(hub->loop, &hub->heartbeat,
                      hub->loop->now_ns + hub->owner->options.heartbeat_ms * UINT64_C(1000000));
}

static void on_heartbeat(mr_timer *timer)
{
    mr_subscribe_hub *hub = MR_CONTAINER_OF(timer, mr_subscribe_hub, heartbeat);
    set_heartbeat(hub);
    if (hub->beating) return; /* still at the last one */
    hub->beating = true;
    hub->beat_next = hub->subscribers;
    beat(hub);
}

/* --- Hubs ----------------------------------------------------------------------------------- */

/* The loop's hub, made when new. Only the loop's own thread asks for it, so it is made once. */
static mr_subscribe_hub *hub_of(mr_subscriptions *subscriptions, mr_loop *loop)
{
    mr_subscribe_hub *first = atomic_load_explicit(&subscriptions->hubs, memory_order_acquire);
    for (mr_subscribe_hub *hub = first; hub != NULL; hub = hub->next)
        if (hub->loop == loop) return hub;
    mr_subscribe_hub *hub = mr_mem_zalloc(sizeof *hub);
    if (hub == NULL) return NULL;
    hub->owner = subscriptions;
    hub->loop = loop;
    hub->heartbeat.fire = on_heartbeat;
    hub->beat_job.run = beat_on;
    mr_buffer_init(&hub->taken, "what was committed", MR_FEED_BYTES);
    mr_buffer_init(&hub->event, "an event", MR_SUBSCRIBE_OUTPUT_BYTES);
    do {
        hub->next = first;
    } while (!atomic_compare_exchange_weak_explicit(&subscriptions->hubs, &first, hub,
                                                    memory_order_release, memory_order_acquire));
    return hub;
}

static void link_subscriber(mr_subscribe_hub *hub, mr_subscriber *subscriber)
{
    mr_subscribe_channel *channel = subscriber->channel;
    subscriber->hub_next = hub->subscribers;
    if (hub->subscribers != NULL) hub->subscribers->hub_prev = subscriber;
    hub->subscribers = subscriber;
    subscriber->channel_next = channel->subscribers;
    if (channel->subscribers != NULL) channel->subscribers->channel_prev = subscriber;
    channel->subscribers = subscriber;
    if (hub->subscriber_count++ == 0) set_heartbeat(hub);
    if (hub->owner->count.subscribers != NULL) mr_gauge_add(hub->owner->count.subscribers, 1);
}

static void unlink_subscriber(mr_subscribe_hub *hub, mr_subscriber *subscriber)
{
    mr_subscriber *prev = subscriber->hub_prev, *next = subscriber->hub_next;
    if (hub->beat_next == subscriber) hub->beat_next = next;
    *(prev != NULL ? &prev->hub_next : &hub->subscribers) = next;
    if (next != NULL) next->hub_prev = prev;
    prev = subscriber->channel_prev, next = subscriber->channel_next;
    *(prev != NULL ? &prev->channel_next : &subscriber->channel->subscribers) = next;
    if (next != NULL) next->channel_prev = prev;
    if (--hub->subscriber_count == 0) mr_timer_cancel(&hub->heartbeat);
    if (hub->owner->count.subscribers != NULL) mr_gauge_add(hub->owner->count.subscribers, -1);
}

/* --- Streams -------------------------------------------------------------------------------- */

static void on_writable(MR_UNUSED mr_http_request *request, void *context)
{
    mr_subscriber *subscriber = context;
    if (subscriber->mode == MR_SUBSCRIBER_WAITING) mr_subscribe_catch_up(subscriber);
}

static void on_closed(MR_UNUSED mr_http_request *request, void *context)
{
    mr_subscriber *subscriber = context;
    mr_subscribe_channel *channel = subscriber->channel;
    mr_subscribe_leave(subscriber);
    mr_subscribe_forget_page(subscriber);
    unlink_subscriber(channel->hub, subscriber);
    mr_subscribe_index_drop(&channel->index, subscriber->topic);
    mr_mem_free(subscriber);
    mr_subscribe_channel_release(channel);
}

static const mr_http_stream_events stream_events = {.writable = on_writable, .closed = on_closed};

/* Begins the stream of `subscriber`, or answers `request` when there is none. */
static void begin(mr_http_request *request, mr_subscriber *subscriber)
{
    const mr_http_line lines[] = {
        {"Cache-Control", MR_SLICE("no-cache")},
        {"Access-Control-Allow-Origin", MR_SLICE("*")},
    };
    const mr_http_response head = {.status = 200,
                                   .content_type = MR_SLICE("text/event-stream"),
                                   .lines = lines,
                                   .line_count = MR_COUNT_OF(lines)};
    if (subscriber == NULL) {
        mr_http_reply(request, &head);
        return;
    }
    mr_http_stream_begin(request, &head, &stream_events, subscriber);
    mr_http_stream_settle(request, MR_SUBSCRIBE_OUTPUT_BYTES);
    (void)!mr_http_stream_send(request, MR_SLICE(": ready\n\n"), NULL);
}

/* --- Subscribing ---------------------------------------------------------------------------- */

/* Where a subscription begins; false when there is nothing to catch up with. Live ones without
 * history want what is committed from now on, which may be less than the channel is still to
 * deliver. */
static bool set_cursor(mr_subscriber *subscriber, const mr_subscribe_query *query,
                       mr_slice last_event_id)
{
    const int64_t head = mr_feed_head(subscriber->channel->space);
    int64_t last_id = 0;
    /* An id beyond the head is of a time before everything was cleared. */
    if (!mr_subscribe_event_id(last_event_id, &last_id) || last_id > head) last_id = 0;
    const bool has_history = query->catch_up || last_id > 0;
    subscriber->mode = MR_SUBSCRIBER_CATCHING_UP;
    subscriber->from = subscriber->cursor = query->position;
    if (query->scope == MR_READ_STREAM) {
        subscriber->resumed = last_id > 0;
        subscriber->from_global = last_id + 1;
        return true;
    }
    const int64_t first = has_history ? last_id + 1 : head + 1;
    if (subscriber->cursor < first) subscriber->cursor = first;
    return has_history;
}

static mr_code add_subscriber(mr_subscribe_channel *channel, const mr_subscribe_query *query,
                              mr_subscriber **out, mr_error *err)
{
    mr_subscriber *subscriber = mr_mem_zalloc(sizeof *subscriber);
    if (subscriber != NULL)
        subscriber->topic = mr_subscribe_index_use(&channel->index, query->scope, query->name);
    if (subscriber == NULL || subscriber->topic == NULL) {
        mr_mem_free(subscriber);
        mr_subscribe_channel_release(channel);
        return mr_fail(err, MR_ERR_NOMEM, "no memory left for a subscription");
    }
    subscriber->channel = channel;
    subscriber->group = query->group;
    link_subscriber(channel->hub, subscriber);
    *out = subscriber;
    return MR_OK;
}

static mr_code subscribe(mr_subscriptions *subscriptions, mr_http_request *request, mr_space *space,
                         const mr_subscribe_query *query, mr_error *err)
{
    mr_subscribe_channel *channel = NULL;
    mr_subscriber *subscriber = NULL;
    mr_slice last_event_id = {0};
    mr_subscribe_hub *hub = hub_of(subscriptions, mr_http_loop(request));
    if (hub == NULL) {
        mr_space_release(space);
        return mr_fail(err, MR_ERR_NOMEM, "no memory left for a subscription");
    }
    MR_TRY(mr_subscribe_channel_get(hub, space, query->bodies, &channel, err));
    MR_TRY(add_subscriber(channel, query, &subscriber, err));
    (void)mr_http_header(request, "last-event-id", &last_event_id);
    subscriber->request = request;
    const bool has_history = set_cursor(subscriber, query, last_event_id);
    begin(request, subscriber);
    if (has_history)
        mr_subscribe_catch_up(subscriber);
    else
        mr_subscribe_join(subscriber, channel->delivered);
    return MR_OK;
}

static void reply_text(mr_http_request *request, uint16_t status, const mr_error *err)
{
    mr_buffer *body = mr_http_output(request);
    if (mr_buffer_append(body, mr_slice_text(err->text), NULL) != MR_OK ||
        mr_buffer_append(body, MR_SLICE("\n"), NULL) != MR_OK)
        mr_buffer_reset(body);
    mr_http_reply(request,
                  &(mr_http_response){.status = status,
                                      .content_type = MR_SLICE("text/plain; charset=utf-8"),
                                      .body = mr_buffer_slice(body),
                                      .body_stays = true});
}

void mr_subscribe_serve(mr_http_request *request, void *context)
{
    mr_subscriptions *subscriptions = context;
    mr_subscribe_query query;
    mr_caller caller;
    mr_error err;
    if (!mr_auth_admit(subscriptions->options.auth, request, &caller)) return;
    mr_code rc =
        mr_subscribe_query_parse(mr_http_query(request), mr_http_arena(request), &query, &err);
    if (rc != MR_OK) {
        if (caller.space != NULL) mr_space_release(caller.space);
        reply_text(request, rc == MR_ERR_INPUT ? 400 : 503, &err);
        return;
    }
    if (caller.space == NULL) {
        mr_auth_reply_no_space(request, &caller);
        return;
    }
    if (mr_http_method_of(request) == MR_HTTP_HEAD) {
        mr_space_release(caller.space); /* no event can follow: nobody is kept waiting for one */
        begin(request, NULL);
        return;
    }
    rc = subscribe(subscriptions, request, caller.space, &query, &err);
    if (rc != MR_OK) mr_http_reply_error(request, 503, "BACKEND_ERROR", mr_slice_text(err.text));
}
