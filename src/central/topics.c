#include "central/subscription.h"

struct topic_row {
    enum store_topic topic;
    const char *word;
};

/* The contract's words, in its order (section 6). */
static const struct topic_row rows[] = {
    {STORE_TOPIC_JOB_CONNECTING, "Connecting"},
    {STORE_TOPIC_JOB_START, "Start"},
    {STORE_TOPIC_JOB_STOP, "Stop"},
    {STORE_TOPIC_JOB_STATUS, "Status"},
    {STORE_TOPIC_JOB_ERROR, "Error"},
    {STORE_TOPIC_SESSION_START, "Start"},
    {STORE_TOPIC_SESSION_STOP, "Stop"},
    {STORE_TOPIC_SESSION_STATUS, "Status"},
    {STORE_TOPIC_SESSION_ERROR, "Error"},
    {STORE_TOPIC_SESSION_STATISTICS, "Statistics"},
};

#define ROW_COUNT (sizeof rows / sizeof rows[0])

static enum store_kind kind_of(enum store_topic topic)
{
    return topic < STORE_TOPIC_SESSION_START ? STORE_KIND_JOB
                                             : STORE_KIND_SESSION;
}

uint32_t subscription_topic_names(uint32_t topics,
                                  struct text names[STORE_TOPIC_COUNT])
{
    uint32_t count = 0;

    for (size_t i = 0; i < ROW_COUNT; i++)
        if (topics & STORE_TOPIC_BIT(rows[i].topic))
            names[count++] = text_of(rows[i].word);
    return count;
}

enum store_topic subscription_topic(enum store_kind kind, struct text word)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (kind_of(rows[i].topic) == kind && text_is(word, rows[i].word))
            return rows[i].topic;
    return STORE_TOPIC_COUNT;
}

const char *subscription_topic_word(enum store_topic topic)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (rows[i].topic == topic)
            return rows[i].word;
    return "";
}

uint32_t subscription_topics_default(enum store_kind kind)
{
    uint32_t topics = 0;

    for (size_t i = 0; i < ROW_COUNT; i++)
        if (kind_of(rows[i].topic) == kind &&
            rows[i].topic != STORE_TOPIC_SESSION_STATISTICS)
            topics |= STORE_TOPIC_BIT(rows[i].topic);
    return topics;
}
