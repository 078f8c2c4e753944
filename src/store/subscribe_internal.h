/* SPDX-License-Identifier: MIT
 *
 * store/subscribe_internal.h - what the files of subscriptions share.
 *
 *     mr_subscriptions
 *        '── hub, one per loop        heartbeat, pages, the buffer that entries are taken into
 *              '── channel            one per space and kind of event: watcher, index, delivered
 *                    '── subscriber   cursor and mode
 *
 *     subscriber:   CATCHING_UP ──── a page ended at or behind what was delivered ────> LIVE
 *                    ^   |  ^ '── its output is full ──> WAITING                         |
 *                    |   |  '─────── writable ────────────'  ^                           |
 *                    |   '── a page at a time, read by       '────── output full ────────|
 *                    |       the store's threads                                         |
 *                    '──────────── the channel fell behind, or was cleared ──────────────'
 *
 * Only live subscribers are in the index. A page's messages come before what the channel delivered
 * while it was read, and those are taken from the feed once more for this subscriber alone when the
 * page arrives; so it joins without a hole.
 *
 * Thread: the loop's, except what a page and a watcher do on the store's threads. */
#ifndef MR_STORE_SUBSCRIBE_INTERNAL_H
#define MR_STORE_SUBSCRIBE_INTERNAL_H

#include "http/loop.h"
#include "store/feed.h"
#include "store/subscribe.h"

/* Of one page of pokes or messages. A larger message makes a page of its own. */
#define MR_SUBSCRIBE_PAGE_BYTES    (24u << 10)
#define MR_SUBSCRIBE_PAGE_MESSAGES 256
/* Room for the rest of an event beside its data and metadata, names without much to escape. */
#define MR_SUBSCRIBE_FRAME_BYTES 256
/* What waits for a slow reader; half of it being free again, a whole page fits. */
#define MR_SUBSCRIBE_OUTPUT_BYTES (64u << 10)
/* Pages of one loop that are being read at a time; other subscribers wait in a queue. */
#define MR_SUBSCRIBE_PAGES_MAX 8
/* A page that held a large message gives the memory beyond this back. */
#define MR_SUBSCRIBE_PAGE_KEEP_BYTES (32u << 10)
/* The largest event of all, beyond any message that a request can bring. */
#define MR_SUBSCRIBE_EVENT_BYTES_MAX (256u << 20)
/* Sends after which a loop's other connections have their turn. */
#define MR_SUBSCRIBE_TURN_SENDS   1000
#define MR_SUBSCRIBE_HEARTBEAT_MS 15000

typedef struct mr_subscribe_hub mr_subscribe_hub;
typedef struct mr_subscribe_channel mr_subscribe_channel;
typedef struct mr_subscriber mr_subscriber;

/* --- What was asked for (subscribe_query.c) ------------------------------------------------- */

typedef struct mr_subscribe_query {
    mr_read_scope scope;
    mr_slice name; /* of the stream or category; borrowed from the query or the arena */
    int64_t position;
    mr_group group;
    bool catch_up, bodies;
} mr_subscribe_query;

/* MR_ERR_INPUT with the text of the answer. */
MR_NODISCARD mr_code mr_subscribe_query_parse(mr_slice query, mr_arena *arena,
                                              mr_subscribe_query *out, mr_error *err);

/* A Last-Event-ID that is one of ours; false for all else. */
bool mr_subscribe_event_id(mr_slice text, int64_t *out);

/* --- Events (subscribe_event.c) ------------------------------------------------------------- */

/* Appends the whole event with its empty line: the message itself, or a poke. */
MR_NODISCARD MR_HOT mr_code mr_subscribe_put_event(const mr_message *message, bool body,
                                                   mr_buffer *out);
/* About as many bytes as that appends. */
MR_HOT size_t mr_subscribe_event_bytes(const mr_message *message, bool body);

/* --- Who wants what (subscribe_index.c) ----------------------------------------------------- */

/* The live subscribers of one stream or category. */
typedef struct mr_subscribe_topic {
    struct mr_subscribe_topic *next; /* in its bucket */
    uint64_t hash;
    uint32_t users; /* subscribers, live or not */
    uint16_t name_len;
    uint8_t scope; /* mr_read_scope */
    mr_subscriber *live;
    char name[];
} mr_subscribe_topic;

typedef struct mr_subscribe_index {
    mr_subscribe_topic **buckets; /* a power of two of them */
    size_t bucket_count, topic_count;
    uint64_t seed; /* 0: not drawn yet */
} mr_subscribe_index;

void mr_subscribe_index_done(mr_subscribe_index *index);
/* The topic, made when new, with one more user; NULL without memory. */
MR_NODISCARD mr_subscribe_topic *mr_subscribe_index_use(mr_subscribe_index *index,
                                                        mr_read_scope scope, mr_slice name);
/* One user less; the last one's leaving frees it. */
void mr_subscribe_index_drop(mr_subscribe_index *index, mr_subscribe_topic *topic);
/* NULL when nobody wants it. */
MR_HOT mr_subscribe_topic *mr_subscribe_index_find(const mr_subscribe_index *index,
                                                   mr_read_scope scope, mr_slice name);

/* --- Subscribers ---------------------------------------------------------------------------- */

typedef enum mr_subscriber_mode {
    MR_SUBSCRIBER_CATCHING_UP, /* a page is being read or queued for */
    MR_SUBSCRIBER_WAITING,     /* for room in its output */
    MR_SUBSCRIBER_LIVE,
    MR_SUBSCRIBER_ENDED, /* nothing more is sent; closed() will come */
} mr_subscriber_mode;

struct mr_subscriber {
    mr_http_request *request;
    mr_subscribe_channel *channel;
    mr_subscribe_topic *topic;
    mr_subscriber *live_prev, *live_next;       /* in its topic */
    mr_subscriber *channel_prev, *channel_next; /* all of the channel */
    mr_subscriber *hub_prev, *hub_next;         /* all of the hub, for the heartbeat */
    mr_subscriber *queue_prev, *queue_next;     /* waiting for a page */
    struct mr_subscribe_page *page;             /* being read for it */
    mr_group group;
    int64_t from;   /* what was asked for: nothing before it is wanted */
    int64_t cursor; /* the next one wanted, of the same kind: a stream's position or a global one */
    int64_t from_global; /* nothing before it: behind what was sent last, or behind Last-Event-ID */
    bool resumed;        /* a stream after Last-Event-ID, and nothing sent yet: its cursor says too
                            little, reading goes by from_global */
    uint8_t mode;        /* mr_subscriber_mode */
    bool queued;
};

/* --- Pages (subscribe_read.c) --------------------------------------------------------------- */

/* One event in a page's buffer; its bytes follow. */
typedef struct mr_subscribe_record {
    int64_t position, global_position;
    uint32_t len;
} mr_subscribe_record;

typedef struct mr_subscribe_page {
    mr_read_op read;
    mr_loop_job arrived;
    mr_subscribe_hub *hub;
    mr_subscribe_channel *channel; /* held while the page is under way */
    mr_subscriber *subscriber;     /* NULL: it has left meanwhile */
    struct mr_subscribe_page *next_spare;
    int64_t delivered;   /* of the channel when the read was submitted */
    uint32_t generation; /* the same */
    mr_buffer events;    /* records */
    bool body;
    bool failed;           /* an event could not be held in memory */
    bool cut;              /* there was no room for more */
    int64_t from_position; /* of a stream read by global position: earlier ones are not wanted */
    char name[MR_STREAM_NAME_MAX];
} mr_subscribe_page;

/* Reads on at the subscriber's cursor as soon as a page is free. */
void mr_subscribe_catch_up(mr_subscriber *subscriber);
/* It has left: what is under way for it goes nowhere. */
void mr_subscribe_forget_page(mr_subscriber *subscriber);
void mr_subscribe_pages_done(mr_subscribe_hub *hub);

/* --- Channels (subscribe_live.c) ------------------------------------------------------------ */

struct mr_subscribe_channel {
    mr_feed_watcher watcher;
    mr_loop_job job;
    atomic_bool woken; /* `job` is with the loop; set by wake(), cleared when the job runs */
    mr_subscribe_hub *hub;
    mr_space *space;
    mr_subscribe_channel *next; /* of the hub */
    bool bodies;
    bool open;           /* watching */
    uint32_t page_count; /* under way */
    uint64_t epoch;      /* of the feed */
    uint32_t generation; /* changes when cursors were set back: pages under way mean nothing then */
    int64_t delivered;   /* global position up to which live subscribers have everything */
    mr_subscribe_index index;
    mr_subscriber *subscribers;
};

/* The hub's channel for the space, made when new; takes over the reference to `space` in any case.
 */
MR_NODISCARD mr_code mr_subscribe_channel_get(mr_subscribe_hub *hub, mr_space *space, bool bodies,
                                              mr_subscribe_channel **out, mr_error *err);
/* Stops watching when nobody is left, and frees the channel when nothing of it is under way. */
void mr_subscribe_channel_release(mr_subscribe_channel *channel);
/* When positions have started anew or an import came below them, cursors are set back. */
void mr_subscribe_channel_look_back(mr_subscribe_channel *channel);

/* Makes live a subscriber that has everything up to the global position `after`, and sends what the
 * channel has delivered behind it. */
void mr_subscribe_join(mr_subscriber *subscriber, int64_t after);
/* Takes a subscriber out of the fan-out; harmless when it is not in it. */
void mr_subscribe_leave(mr_subscriber *subscriber);
/* Sends an event and moves the cursor. False: the subscriber waits for room now, or has ended. */
MR_NODISCARD MR_HOT bool mr_subscribe_deliver(mr_subscriber *subscriber, int64_t position,
                                              int64_t global_position, mr_slice event);
void mr_subscribe_end(mr_subscriber *subscriber);

/* --- Hubs (subscribe.c) --------------------------------------------------------------------- */

typedef struct mr_subscribe_counters {
    mr_gauge *subscribers;
    mr_counter *events, *reads, *slow;
} mr_subscribe_counters;

struct mr_subscribe_hub {
    mr_subscribe_hub *next; /* of the subscriptions */
    mr_subscriptions *owner;
    mr_loop *loop;
    mr_subscribe_channel *channels;
    mr_subscriber *subscribers;
    uint32_t subscriber_count;

    mr_timer heartbeat;
    mr_loop_job beat_job; /* the walk goes on in the next turn */
    mr_subscriber *beat_next;
    bool beating;

    mr_buffer taken; /* entries of the feed */
    mr_buffer event; /* one event, for all who want it */
    mr_subscribe_page *spare_pages;
    uint32_t page_count; /* under way */
    mr_subscriber *queue_first, *queue_last;
};

struct mr_subscriptions {
    mr_subscribe_options options;
    mr_subscribe_counters count;
    _Atomic(mr_subscribe_hub *) hubs; /* newest first; each pushed by its own loop's thread */
    atomic_uint reads_under_way;      /* until done() has returned, but for its last statement */
};

#endif
