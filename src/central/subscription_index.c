#include "central/subscription_index.h"

#include "base/check.h"
#include "central/subscription.h"

/* The links of a subscription with one subject are its first: its topics do
 * not matter to where it is found. */
#define SUBJECT_LINK 0u

static void link_in(struct subscription **first,
                    struct subscription *subscription, uint32_t place)
{
    struct subscription_link *link = &subscription->links[place];

    link->previous = NULL;
    link->next = *first;
    if (*first != NULL)
        (*first)->links[place].previous = subscription;
    *first = subscription;
}

static void link_out(struct subscription **first,
                     struct subscription *subscription, uint32_t place)
{
    struct subscription_link *link = &subscription->links[place];

    if (link->previous != NULL)
        link->previous->links[place].next = link->next;
    else
        *first = link->next;
    if (link->next != NULL)
        link->next->links[place].previous = link->previous;
    *link = (struct subscription_link){0};
}

/* Takes the head of the chain out of the map, and puts the new one in. */
static void change_chain(struct subscription_index *index,
                         struct subscription *subscription, bool add)
{
    struct uuid subject = subscription->interest.subject;
    struct subscription *first = map_remove(&index->of_subject, subject);

    if (add)
        link_in(&first, subscription, SUBJECT_LINK);
    else
        link_out(&first, subscription, SUBJECT_LINK);
    if (first != NULL)
        map_put(&index->of_subject, subject, first);
}

void subscription_index_add(struct subscription_index *index,
                            struct subscription *subscription)
{
    CHECK(!subscription->indexed);
    subscription->indexed = true;
    if (!uuid_is_zero(subscription->interest.subject)) {
        change_chain(index, subscription, true);
        return;
    }
    for (uint32_t topic = 0; topic < STORE_TOPIC_COUNT; topic++)
        if (subscription->interest.topics & STORE_TOPIC_BIT(topic))
            link_in(&index->of_topic[topic], subscription, topic);
}

void subscription_index_remove(struct subscription_index *index,
                               struct subscription *subscription)
{
    if (!subscription->indexed)
        return;
    subscription->indexed = false;
    if (!uuid_is_zero(subscription->interest.subject)) {
        change_chain(index, subscription, false);
        return;
    }
    for (uint32_t topic = 0; topic < STORE_TOPIC_COUNT; topic++)
        if (subscription->interest.topics & STORE_TOPIC_BIT(topic))
            link_out(&index->of_topic[topic], subscription, topic);
}

/* Returns false when `found` has seen enough. */
static bool walk(struct subscription *first, uint32_t place,
                 const struct store_event *event, subscription_found_fn found,
                 void *user)
{
    for (struct subscription *each = first, *next; each; each = next) {
        next = each->links[place].next;
        if (event_interests(&each->interest, event) && !found(user, each))
            return false;
    }
    return true;
}

void subscription_index_each(const struct subscription_index *index,
                             const struct store_event *event,
                             subscription_found_fn found, void *user)
{
    if (!walk(index->of_topic[event->topic], event->topic, event, found, user))
        return;
    if (!uuid_is_zero(event->job_uuid) &&
        !walk(map_get(&index->of_subject, event->job_uuid), SUBJECT_LINK,
              event, found, user))
        return;
    if (!uuid_is_zero(event->session_uuid))
        walk(map_get(&index->of_subject, event->session_uuid), SUBJECT_LINK,
             event, found, user);
}

void subscription_index_free(struct subscription_index *index)
{
    map_free(&index->of_subject);
}
