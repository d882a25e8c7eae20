#include "soap/reader_frames.h"

/* The parts of a Fault by local name, of both versions at once: a Code and a
 * Reason of 1.2 hold what 1.1 says directly. */
static const struct fault_part {
    const char *name;
    enum frame_kind kind;
} parts[] = {
    {"faultcode", FRAME_FAULT_CODE}, {"faultstring", FRAME_FAULT_TEXT},
    {"detail", FRAME_DETAIL},        {"Code", FRAME_FAULT},
    {"Value", FRAME_FAULT_CODE},     {"Reason", FRAME_FAULT},
    {"Text", FRAME_FAULT_TEXT},      {"Detail", FRAME_DETAIL},
};

void fault_start(struct soap_reader *reader)
{
    reader->is_peer_fault = true;
    reader->fault = (struct soap_fault){
        .code = SOAP_FAULT_SERVER,
        .text = text_of(""),
    };
    reader_push(reader, FRAME_FAULT);
}

void fault_child(struct soap_reader *reader, struct text name)
{
    enum frame_kind kind = FRAME_SKIP;

    for (uint32_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (text_is(name, parts[i].name))
            kind = parts[i].kind;
    }
    reader_push(reader, kind);
    text_builder_reset(&reader->value);
}

void fault_detail_child(struct soap_reader *reader, struct text uri,
                        struct text name)
{
    if (reader_top(reader)->kind == FRAME_TYPED_DETAIL) {
        reader_push(reader, FRAME_DETAIL_VALUE);
        text_builder_reset(&reader->value);
        return;
    }
    const struct soap_type *type = soap_element_find(uri, name);
    for (uint32_t i = SOAP_DETAIL_NONE + 1;
         type != NULL && i < SOAP_DETAIL_COUNT; i++) {
        if (soap_detail_type((enum soap_detail)i) == type) {
            reader->fault.detail = (enum soap_detail)i;
            reader_push(reader, FRAME_TYPED_DETAIL);
            return;
        }
    }
    reader_push(reader, FRAME_SKIP);
}

/* A code is a QName, "soapenv:Client"; its prefix is whatever they chose.
 * 1.1 allows "Client.Authentication" (section 4.4.1). */
static enum soap_fault_code code_of(struct text word)
{
    static const struct {
        const char *word;
        enum soap_fault_code code;
    } codes[] = {
        {"Client", SOAP_FAULT_CLIENT},
        {"Sender", SOAP_FAULT_CLIENT},
        {"VersionMismatch", SOAP_FAULT_VERSION_MISMATCH},
        {"MustUnderstand", SOAP_FAULT_MUST_UNDERSTAND},
    };

    for (uint32_t i = 0; i < word.size_bytes; i++) {
        if (word.data[i] == ':') {
            word = text_from(word.data + i + 1, word.size_bytes - i - 1);
            break;
        }
    }
    for (uint32_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (text_starts_with(word, codes[i].word))
            return codes[i].code;
    }
    return SOAP_FAULT_SERVER;
}

void fault_end_text(struct soap_reader *reader, enum frame_kind kind)
{
    struct text text = reader_take_text(reader, true);

    if (kind == FRAME_FAULT_CODE)
        reader->fault.code = code_of(text);
    else if (kind == FRAME_FAULT_TEXT)
        reader->fault.text = text;
    else
        reader->fault.value = text;
}
