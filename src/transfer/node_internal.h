/* What sessions see of their node. */
#ifndef TRANSFER_NODE_INTERNAL_H
#define TRANSFER_NODE_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "crypto/password_known.h"
#include "fasp/vlink.h"
#include "io/loop.h"
#include "net/tls_conn.h"
#include "net/udp_port.h"
#include "transfer/block.h"
#include "transfer/node.h"

/* Ends of sessions: a session with ourselves has two. */
#define NODE_SLOTS 4096u
#define NODE_SLOT_BITS 12u
/* Lists of sessions by the ids of their trains: four in each, of 1,000. */
#define NODE_TRAIN_LISTS 256u
/* Datagrams that are nobody's are told of so often at most. */
#define NODE_STRAYS_LOG_NS UINT64_C(60000000000)

/* A connection id is a slot's index and its generation, so that a datagram of
 * a session that ended finds nobody. */
struct node_slot {
    struct transfer_session *session; /* NULL = free */
    uint32_t generation;
};

struct transfer_node {
    struct transfer_node_config config;
    struct loop *loop;
    struct udp_port_owner udp_owner;
    struct udp_port *udp;
    struct address udp_address;
    uint16_t announced_udp_port;
    struct tls_context *client_context;
    struct tls_context *server_context;
    struct tls_listener *listener;
    struct address listen_address;
    struct loop_strand login_strand; /* hashing takes one worker at most */
    struct password_known passwords;
    struct block_pool pool;

    struct transfer_session *sessions;
    struct transfer_session *touched;
    uint32_t session_count;
    struct vlink vlinks[2]; /* of what comes, or of both; of what goes */
    uint32_t slot_next;
    struct transfer_session *trains[NODE_TRAIN_LISTS];
    uint32_t trains_secret; /* odd: peers choose ids, and not their list */
    uint64_t strays;        /* datagrams that named no session */
    uint64_t strays_told;
    uint64_t strays_told_ns;
    struct node_slot slots[NODE_SLOTS];

    bool is_stopping;
    bool listener_gone;
    bool udp_gone;
    struct loop_timer gone; /* tells it from the loop */
    void (*stopped)(void *owner);
    void *stopped_owner;
};

/* What this node allows sessions that send files, or receive them. */
const struct transfer_rules *node_rules(const struct transfer_node *node,
                                        bool is_sender);

/* How long what is sent now would wait for the vlink that it is of, behind
 * `wire_bytes` more that were sent or came; 0 without one. */
uint64_t node_vlink_queue_ns(struct transfer_node *node, bool is_sender,
                             uint64_t wire_bytes, uint64_t now_ns);

/* A connection id for the session, not 0; 0 when there is none left. */
uint32_t node_take_slot(struct transfer_node *node,
                        struct transfer_session *session);
void node_give_slot(struct transfer_node *node, uint32_t connection_id);
/* Whose datagrams of trains are found; removing one that was not added does
 * nothing. */
void node_add_trains(struct transfer_node *node,
                     struct transfer_session *session);
void node_remove_trains(struct transfer_node *node,
                        struct transfer_session *session);
/* session_pump() at the end of this turn's datagrams. */
void node_touch(struct transfer_node *node, struct transfer_session *session);
/* A session's memory is about to go. */
void node_session_gone(struct transfer_node *node,
                       struct transfer_session *session);

#endif
