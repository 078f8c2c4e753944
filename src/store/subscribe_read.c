/* SPDX-License-Identifier: MIT
 *
 * The catching-up half of subscriptions: pages read by the store's threads, formatted there, sent
 * on the loop's.
 *
 * A page is small enough for the output of a stream that has just become writable, so it is sent
 * whole and is free again at once, however slow its reader is; what does not fit after all is read
 * again later. Subscribers queue for the loop's few pages and go to the end after each, so a long
 * history holds up nobody. */
#include "core/mem.h"
#include "store/subscribe_internal.h"

/* --- The queue ------------------------------------------------------------------------------ */

static void enqueue(mr_subscribe_hub *hub, mr_subscriber *subscriber)
{
    subscriber->queued = true;
    subscriber->queue_next = NULL;
    subscriber->queue_prev = hub->queue_last;
    *(hub->queue_last != NULL ? &hub->queue_last->queue_next : &hub->queue_first) = subscriber;
    hub->queue_last = subscriber;
}

static void dequeue(mr_subscribe_hub *hub, mr_subscriber *subscriber)
{
    mr_subscriber *prev = subscriber->queue_prev, *next = subscriber->queue_next;
    subscriber->queued = false;
    *(prev != NULL ? &prev->queue_next : &hub->queue_first) = next;
    *(next != NULL ? &next->queue_prev : &hub->queue_last) = prev;
}

/* --- On the store's threads ----------------------------------------------------------------- */

/* True when the event was appended as a record. */
static bool append_record(mr_subscribe_page *page, const mr_message *message)
{
    mr_buffer *events = &page->events;
    const size_t before = events->len;
    mr_subscribe_record record = {.position = message->position,
                                  .global_position = message->global_position};
    if (mr_buffer_reserve(events, sizeof record, NULL) != MR_OK) return false;
    events->len += sizeof record;
    if (mr_subscribe_put_event(message, page->body, events) != MR_OK) {
        events->len = before;
        return false;
    }
    record.len = (uint32_t)(events->len - before - sizeof record);
    memcpy(events->ptr + before, &record, sizeof record);
    return true;
}

static bool take(mr_read_op *read, const mr_message *message)
{
    mr_subscribe_page *page = MR_CONTAINER_OF(read, mr_subscribe_page, read);
    if (message->position < page->from_position) return true;
    const size_t need = sizeof(mr_subscribe_record) + mr_subscribe_event_bytes(message, page->body);
    if (page->events.len > 0 && page->events.len + need > MR_SUBSCRIBE_PAGE_BYTES)
        page->cut = true;
    else if (!append_record(page, message))
        page->failed = true;
    return !page->cut && !page->failed;
}

static void done(mr_op *op)
{
    mr_subscribe_page *page = MR_CONTAINER_OF(op, mr_subscribe_page, read.op);
    mr_subscriptions *owner = page->hub->owner; /* the page is the loop's from the post on */
    mr_loop_post(page->hub->loop, &page->arrived);
    atomic_fetch_sub_explicit(&owner->reads_under_way, 1, memory_order_release);
}

/* --- Pages ---------------------------------------------------------------------------------- */

static void page_arrived(mr_loop_job *job);

static mr_subscribe_page *take_page(mr_subscribe_hub *hub)
{
    mr_subscribe_page *page = hub->spare_pages;
    if (page != NULL) {
        hub->spare_pages = page->next_spare;
        return page;
    }
    page = mr_mem_zalloc(sizeof *page);
    if (page == NULL) return NULL;
    page->hub = hub;
    page->arrived.run = page_arrived;
    mr_buffer_init(&page->events, "an event", MR_SUBSCRIBE_EVENT_BYTES_MAX);
    return page;
}

static void give_page(mr_subscribe_page *page)
{
    mr_buffer_reset(&page->events);
    mr_buffer_shrink(&page->events, MR_SUBSCRIBE_PAGE_KEEP_BYTES);
    page->next_spare = page->hub->spare_pages;
    page->hub->spare_pages = page;
}

void mr_subscribe_pages_done(mr_subscribe_hub *hub)
{
    MR_DCHECK(hub->page_count == 0 && hub->queue_first == NULL);
    for (mr_subscribe_page *page = hub->spare_pages, *next; page != NULL; page = next) {
        next = page->next_spare;
        mr_buffer_done(&page->events);
        mr_mem_free(page);
    }
    hub->spare_pages = NULL;
}

/* What is to be read for the subscriber next. */
static mr_read_op read_of(mr_subscribe_page *page, const mr_subscriber *subscriber)
{
    const mr_subscribe_topic *topic = subscriber->topic;
    const bool by_global = topic->scope == MR_READ_STREAM && subscriber->resumed;
    memcpy(page->name, topic->name, topic->name_len);
    return (mr_read_op){
        .op = {.kind = MR_OP_READ, .space = page->channel->space, .done = done},
        .scope = (mr_read_scope)topic->scope,
        .name = mr_slice_of(page->name, topic->name_len),
        .from = by_global ? subscriber->from_global : subscriber->cursor,
        .by_global = by_global,
        .no_bodies = !page->body,
        .limit = MR_SUBSCRIBE_PAGE_MESSAGES,
        .group = subscriber->group,
        .take = take,
    };
}

static void submit(mr_subscribe_page *page, mr_subscriber *subscriber)
{
    mr_subscribe_hub *hub = page->hub;
    mr_subscribe_channel *channel = subscriber->channel;
    subscriber->page = page;
    page->subscriber = subscriber;
    page->channel = channel;
    page->body = channel->bodies;
    page->delivered = channel->delivered;
    page->generation = channel->generation;
    page->cut = page->failed = false;
    page->read = read_of(page, subscriber);
    page->from_position = page->read.by_global ? subscriber->cursor : INT64_MIN;
    hub->page_count++;
    channel->page_count++;
    atomic_fetch_add_explicit(&hub->owner->reads_under_way, 1, memory_order_relaxed);
    if (hub->owner->count.reads != NULL) mr_counter_add(hub->owner->count.reads, 1);
    mr_message_store_submit(hub->owner->options.store, &page->read.op);
}

static void start_reads(mr_subscribe_hub *hub)
{
    while (hub->queue_first != NULL && hub->page_count < MR_SUBSCRIBE_PAGES_MAX) {
        mr_subscriber *subscriber = hub->queue_first;
        mr_subscribe_page *page = take_page(hub);
        dequeue(hub, subscriber);
        if (page != NULL)
            submit(page, subscriber);
        else
            mr_subscribe_end(subscriber);
    }
}

void mr_subscribe_catch_up(mr_subscriber *subscriber)
{
    subscriber->mode = MR_SUBSCRIBER_CATCHING_UP;
    if (subscriber->queued || subscriber->page != NULL) return;
    enqueue(subscriber->channel->hub, subscriber);
    start_reads(subscriber->channel->hub);
}

void mr_subscribe_forget_page(mr_subscriber *subscriber)
{
    if (subscriber->queued) dequeue(subscriber->channel->hub, subscriber);
    if (subscriber->page != NULL) subscriber->page->subscriber = NULL;
    subscriber->page = NULL;
}

/* --- Back on the loop's thread -------------------------------------------------------------- */

/* False when the subscriber takes no more for now. */
static bool send_records(const mr_subscribe_page *page, mr_subscriber *subscriber)
{
    mr_slice rest = mr_buffer_slice(&page->events);
    while (rest.len > 0) {
        mr_subscribe_record record;
        memcpy(&record, rest.ptr, sizeof record);
        rest = mr_slice_from(rest, sizeof record);
        if (!mr_subscribe_deliver(subscriber, record.position, record.global_position,
                                  mr_slice_of(rest.ptr, record.len)))
            return false;
        rest = mr_slice_from(rest, record.len);
    }
    return true;
}

/* All that the page looked at lies behind the subscriber now, wanted or not. */
static void move_cursor(const mr_subscribe_page *page, mr_subscriber *subscriber)
{
    const mr_read_op *read = &page->read;
    if (page->cut) return; /* the last one looked at was not taken */
    const bool full = read->taken >= MR_SUBSCRIBE_PAGE_MESSAGES;
    const int64_t next = (full ? read->last_global : read->seen_global) + 1;
    if (read->scope != MR_READ_STREAM) {
        if (subscriber->cursor < next) subscriber->cursor = next;
    } else if (subscriber->resumed && subscriber->from_global < next) {
        subscriber->from_global = next;
    }
}

static void use_page(const mr_subscribe_page *page, mr_subscriber *subscriber)
{
    const mr_read_op *read = &page->read;
    mr_subscribe_channel *channel = page->channel;
    if (subscriber->mode != MR_SUBSCRIBER_CATCHING_UP) return;
    if (read->op.fault.code != MR_FAULT_NONE || page->failed) {
        mr_subscribe_end(subscriber); /* its client comes again, and says where it was */
        return;
    }
    mr_subscribe_channel_look_back(channel);
    if (page->generation != channel->generation) {
        mr_subscribe_catch_up(subscriber);
        return;
    }
    if (!send_records(page, subscriber)) return;
    move_cursor(page, subscriber);
    if (page->cut || read->stopped || read->taken >= MR_SUBSCRIBE_PAGE_MESSAGES)
        mr_subscribe_catch_up(subscriber);
    else if (read->scope != MR_READ_STREAM && read->seen_global > page->delivered)
        mr_subscribe_join(subscriber, read->seen_global);
    else
        mr_subscribe_join(subscriber, page->delivered);
}

static void page_arrived(mr_loop_job *job)
{
    mr_subscribe_page *page = MR_CONTAINER_OF(job, mr_subscribe_page, arrived);
    mr_subscribe_hub *hub = page->hub;
    mr_subscribe_channel *channel = page->channel;
    mr_subscriber *subscriber = page->subscriber;
    hub->page_count--;
    channel->page_count--;
    if (subscriber != NULL) {
        subscriber->page = NULL;
        use_page(page, subscriber);
    }
    give_page(page);
    mr_subscribe_channel_release(channel);
    start_reads(hub);
}
