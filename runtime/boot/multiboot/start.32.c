/* The 32-bit part of the start: what may end it, or lead to the disk without a hypervisor. */
#include "boot/multiboot/bare.h"
#include "boot/multiboot/line.h"
#include "boot/multiboot/multiboot.h"
#include "boot/multiboot/options.h"
#include "boot/multiboot/requirements.h"

struct handoff handoff;

/* From start.asm, which switches to long mode when this returns. */
void start32(u32 magic, u32 info)
{
    struct line line = line_find(magic, info);
    handoff = (struct handoff){.magic = magic, .info = info, .options.disk.drive = FIRST_DISK};
    if (line.size)
        options_parse(line.text, line.size, &handoff.options);
    bare_check_loop();
    if (requirements_check())
        bare_start(&handoff.options.disk);
}
