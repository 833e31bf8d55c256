#include "boot/multiboot/line.h"

#include "boot/multiboot/cpu32.h"
#include "boot/multiboot/multiboot.h"
#include "boot/multiboot/options.h"
#include "boot/multiboot/text.h"

static const struct line no_line;

static struct line mb1_find(const struct mb1_info *info)
{
    if (!(info->flags & MB1_LINE))
        return no_line;
    return (struct line){memory_at(info->line), LINE_SIZE};
}

/* A tag that ends beyond the information ends the search. Multiboot 2: 3.6.2 */
static struct line mb2_find(u32 info)
{
    u32 size = ((const struct mb2_info *)memory_at(info))->size, at = sizeof(struct mb2_info);
    while (at < size && size - at >= sizeof(struct mb2_tag)) {
        const struct mb2_tag *tag = memory_at(info + at);
        if (tag->type == MB2_END || tag->size < sizeof(*tag) || tag->size > size - at)
            return no_line;
        if (tag->type == MB2_LINE)
            return (struct line){(const char *)(tag + 1), tag->size - (u32)sizeof(*tag)};
        at = mb2_next(at, tag->size);
    }
    return no_line;
}

struct line line_find(u32 magic, u32 info)
{
    if (magic == MB2_LOADER)
        return mb2_find(info);
    if (magic == MB1_LOADER)
        return mb1_find(memory_at(info));
    text_put("luvalley: error[loader]: not started by a Multiboot loader\n");
    text_stop();
}
