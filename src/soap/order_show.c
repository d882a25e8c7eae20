#include <stdio.h>
#include <string.h>

#include "soap/order_rows.h"
#include "soap/reader_frames.h"

/* What `row` of the order asks for, if it is not built yet: the word to show,
 * "" for a secret, NULL for nothing. */
static const char *unsupported_value(const struct order_row *row,
                                     const struct order *order,
                                     char shown[SHOWN_BYTES_MAX + 1])
{
    const unsigned char *base = (const unsigned char *)order;
    const void *place = base + row->offset;
    const struct text *text = place;

    switch ((enum order_kind)row->kind) {
    case ORDER_KIND_YES_NO:
    case ORDER_KIND_CHOICE: {
        uint8_t value = row->kind == ORDER_KIND_CHOICE ? *(const uint8_t *)place
                                                       : *(const bool *)place;
        if (row->supported & UINT32_C(1) << value)
            return NULL;
        return order_word(row->values, value);
    }
    case ORDER_KIND_TEXTS:
        if (row->support != ORDER_DEFAULT_ONLY ||
            *(const uint32_t *)(const void *)(base + row->flag_offset) == 0)
            return NULL;
        text = *(struct text *const *)place;
        break;
    case ORDER_KIND_TEXT:
    case ORDER_KIND_WORD:
        if (row->support != ORDER_DEFAULT_ONLY || text->size_bytes == 0 ||
            ((row->flags & NO_IS_ABSENT) &&
             text_is_nocase(text_trim(*text), "No")))
            return NULL;
        break;
    case ORDER_KIND_NUMBER:
        /* 0 asks for nothing in every row: no age, no capacity. */
        if (row->support != ORDER_DEFAULT_ONLY ||
            *(const int64_t *)place == row->otherwise ||
            *(const int64_t *)place == 0)
            return NULL;
        snprintf(shown, SHOWN_BYTES_MAX + 1, "%lld",
                 (long long)*(const int64_t *)place);
        return shown;
    case ORDER_KIND_CHOICES:
        return NULL;
    }
    snprintf(shown, SHOWN_BYTES_MAX + 1, "%.*s", SHOWN(*text));
    return row->flags & SECRET ? "" : shown;
}

struct text order_unsupported(const struct order *order, struct arena *arena)
{
    char shown[SHOWN_BYTES_MAX + 1];
    char message[256];

    for (uint32_t i = 0; i < order_row_count; i++) {
        const struct order_row *row = &order_rows[i];
        const char *value = unsupported_value(row, order, shown);
        if (value == NULL)
            continue;
        snprintf(message, sizeof message, "%s%s%s is not supported yet",
                 row->path, *value != '\0' ? "=" : "", value);
        struct text copy = text_copy(arena, text_of(message));
        return text_is_absent(copy) ? text_of("Not supported yet") : copy;
    }
    return TEXT_ABSENT;
}

/* A secret is shown to be there, no more. */
static struct text masked(struct text secret)
{
    return text_is_absent(secret) ? TEXT_ABSENT : text_of("********");
}

static void describe_locations(const struct order *order, struct arena *arena,
                               struct isc_order *described)
{
    struct isc_remote_location *remote = &described->remote_location;
    struct isc_array_of_methods *methods = &remote->authentication.methods;

    remote->system = (struct isc_system){
        .address = order->remote_address,
        .port = (uint16_t)order->remote_port,
        .user_name = order->remote_user,
        .password = masked(order->remote_password),
    };
    remote->authentication.key_path = order->key_path;
    methods->method =
        arena_take_zeroed(arena, order->method_count, sizeof *methods->method);
    if (methods->method != NULL) {
        methods->method_count = order->method_count;
        for (uint32_t i = 0; i < order->method_count; i++)
            methods->method[i] = text_of(order_word_method(order->method[i]));
    }
    remote->files = (struct isc_array_of_paths){order->remote_path,
                                                order->remote_path_count};
    described->local_location.files =
        (struct isc_array_of_paths){order->local_path, order->local_path_count};
}

void order_describe(const struct order *order, struct arena *arena,
                    struct isc_order *described)
{
    *described = (struct isc_order){
        .agent = order->agent,
        .application_data = {.token = masked(order->token),
                             .cookie = order->cookie},
        .operation = text_of(order_word_operation(order->operation)),
        .file_parameters = {.create_path = order->create_path,
                            .resume_check = text_of(
                                order_word_resume(order->resume_check))},
        .link_parameters = {.remote_capacity = (uint32_t)order->remote_capacity,
                            .local_capacity = (uint32_t)order->local_capacity,
                            .auto_detect_capacity =
                                order->auto_detect_capacity},
        .channel_parameters = {.port = (uint16_t)order->channel_port,
                               .datagram_size = (uint32_t)order->datagram_size,
                               .auto_detect_path_mtu =
                                   order->auto_detect_path_mtu},
        .rate_parameters = {.policy = text_of(order_word_policy(order->policy)),
                            .target_rate = (uint32_t)order->target_rate,
                            .target_rate_as_percent =
                                order->target_rate_as_percent,
                            .minimum_rate = (uint32_t)order->minimum_rate,
                            .minimum_rate_as_percent =
                                order->minimum_rate_as_percent,
                            .bandwidth_cap = (uint32_t)order->bandwidth_cap},
        .security_parameters = {.encryption_cipher = text_of(order_word_cipher(
                                    order->encryption_cipher))},
        .retry_parameters = {.count = (uint8_t)order->retry_count,
                             .base_interval = (uint32_t)order->retry_base_s,
                             .maximum_interval = (uint32_t)order->retry_max_s},
        .private_data_type = {.key = order->private_key},
    };
    describe_locations(order, arena, described);
}
