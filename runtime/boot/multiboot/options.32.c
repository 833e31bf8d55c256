#include "boot/multiboot/options.h"

#include "boot/multiboot/text.h"
#include "generated/abi/option_table.h"

static bool ends_word(char c)
{
    return (u8)c <= ' ';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *skip_spaces(const char *at)
{
    while (*at == ' ')
        at++;
    return at;
}

static const char *skip_word(const char *at)
{
    while (!ends_word(*at))
        at++;
    return at;
}

/* The functions below return the end of what they have read, or 0 where something else stands there. */
static const char *match(const char *at, const char *prefix)
{
    for (; *prefix; at++, prefix++)
        if (*at != *prefix)
            return 0;
    return at;
}

static const char *parse_disk(const char *at, struct boot_disk *disk)
{
    if (!is_digit(*at))
        return 0;
    disk->drive = (u8)(FIRST_DISK + (*at++ - '0'));
    if (*at != ',')
        return at;
    if (*++at < '1' || *at > '4')
        return 0;
    disk->partition = (u8)(*at++ - '0');
    return at;
}

static const char *parse_number(const char *at, u32 *value)
{
    for (*value = 0; is_digit(*at); at++)
        if (__builtin_mul_overflow(*value, 10u, value) || __builtin_add_overflow(*value, (u32)(*at - '0'), value))
            return 0;
    return at;
}

static u32 unit_shift(char unit)
{
    switch (unit) {
    case 'K': return 10;
    case 'M': return 20;
    case 'G': return 30;
    default: return 0;
    }
}

static const char *parse_size(const char *at, u32 *superpages)
{
    u32 number;
    at = parse_number(at, &number);
    u32 shift = at ? unit_shift(*at) : 0;
    u64 bytes = (u64)number << shift, count = bytes / PAGE_2M;
    if (!shift || !bytes || bytes % PAGE_2M || count > UINT32_MAX)
        return 0;
    *superpages = (u32)count;
    return at + 1;
}

static const char *parse_sizes(const char *at, u32 limit, struct sizes *sizes)
{
    for (;; at++) {
        if (sizes->count == limit)
            return 0;
        at = parse_size(at, &sizes->superpages[sizes->count]);
        if (!at)
            return 0;
        sizes->count++;
        if (*at != ',')
            return at;
    }
}

static const char *parse_value(const char *at, const struct option *option, void *to)
{
    if (option->kind == OPTION_DRIVE)
        return parse_disk(at, to);
    if (option->kind == OPTION_SIZES)
        return parse_sizes(at, option->limit, to);
    *(bool *)to = true;
    return at;
}

static __attribute__((noreturn)) void stop_unknown(const char *word)
{
    text_put("luvalley: error[command-line]: unknown option ");
    for (; !ends_word(*word); word++)
        text_char(*word);
    text_put("\nluvalley: known are ");
    for (u32 i = 0; i < COUNT_OF(option_table); i++) {
        text_put(i ? ", " : "");
        text_put(option_table[i].syntax);
    }
    text_put("\n");
    text_stop();
}

static __attribute__((noreturn)) void stop_value(const struct option *option)
{
    text_put("luvalley: error[command-line]: ");
    text_put(option->syntax);
    text_put(" wants ");
    text_put(option->wants);
    text_put("\n");
    text_stop();
}

/* The option that the word at `at` begins with, or, where it has no value, is. */
static const struct option *find_option(const char *at)
{
    for (u32 i = 0; i < COUNT_OF(option_table); i++) {
        const char *value = match(at, option_table[i].name);
        if (value && (option_table[i].kind != OPTION_FLAG || ends_word(*value)))
            return &option_table[i];
    }
    return 0;
}

static const char *parse_option(const char *at, struct options *options)
{
    const struct option *option = find_option(at);
    if (!option)
        stop_unknown(at);
    const char *end = parse_value(match(at, option->name), option, (u8 *)options + option->offset);
    if (!end || !ends_word(*end))
        stop_value(option);
    return end;
}

static void check_end(const char *line, u32 size)
{
    for (u32 i = 0; i < size && i < LINE_SIZE; i++)
        if (!line[i])
            return;
    text_put("luvalley: error[command-line]: longer than 4095 characters\n");
    text_stop();
}

void options_parse(const char *line, u32 size, struct options *options)
{
    check_end(line, size);
    const char *at = skip_spaces(line);
    if (*at == '/' || *at == '(')       /* old loaders put the file's name first */
        at = skip_word(at);
    for (at = skip_spaces(at); *at; at = skip_spaces(at))
        at = parse_option(at, options);
}
