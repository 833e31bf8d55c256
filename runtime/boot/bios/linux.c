/* A kernel is started at its 16-bit entry point, as BIOS loaders do. Linux: Documentation/arch/x86/boot.rst */
#include "boot/bios/linux.h"

#include "core/layout.h"
#include "boot/bios/low.h"
#include "boot/start.h"
#include "boot/region.h"
#include "core/panic.h"
#include "core/string.h"

#define HEADER 0x1F1
#define SECTOR 512
#define BOOT_FLAG 0xAA55
#define MAGIC 0x53726448                /* "HdrS" */
#define VERSION_MIN 0x0203           /* cmd_line_ptr, initrd_addr_max */
#define VERSION_INIT_SIZE 0x020A        /* cmdline_size, pref_address, init_size */
#define LOADER_UNDEFINED 0xFF
#define LOADED_HIGH 1
#define CAN_USE_HEAP 0x80
#define LINE_MIN 255

/* The 64 KiB below the low page: setup code, its heap and stack, then the command line. */
#define SETUP_ROOM KIB(64)
#define SETUP_MAX KIB(32)
#define HEAP_END 0xE000                 /* linux16.asm has it too */
#define HEAP_END_BIAS 0x200

struct setup_header {
    u8 setup_sectors;
    u16 root_flags;
    u32 system_size;
    u16 ram_size, video_mode, root_device, boot_flag;
    u16 jump;
    u32 magic;
    u16 version;
    u32 mode_switch;
    u16 start_system, kernel_version;
    u8 loader_type, load_flags;
    u16 move_size;
    u32 code32_start, ramdisk_image, ramdisk_size, boot_sector;
    u16 heap_end;
    u8 loader_version, loader_type_more;
    u32 line, ramdisk_last;
    u32 kernel_alignment;
    u8 relocatable, least_alignment;
    u16 more_flags;
    u32 line_size, subarchitecture;
    u64 subarchitecture_data;
    u32 payload, payload_size;
    u64 setup_data, preferred_address;
    u32 init_size;
} __attribute__((packed));

_Static_assert(offsetof(struct setup_header, magic) + HEADER == 0x202, "boot protocol");
_Static_assert(offsetof(struct setup_header, ramdisk_last) + HEADER == 0x22C, "boot protocol");
_Static_assert(offsetof(struct setup_header, init_size) + HEADER == 0x260, "boot protocol");

static u64 size_of(const struct module *module)
{
    return module->end - module->start;
}

static u64 setup_size(const struct setup_header *header)
{
    return ((header->setup_sectors ? header->setup_sectors : 4) + 1u) * SECTOR;
}

static void check_places(void)
{
    for (u32 i = 0; i < start.module_count; i++)
        if (start.modules[i].start < MIB(1))
            boot_stop("module-place", "the loader put a module below 1 MiB");
}

static void check_kernel(const struct module *kernel, const struct setup_header *header)
{
    if (size_of(kernel) < HEADER + sizeof(*header) || header->boot_flag != BOOT_FLAG || header->magic != MAGIC ||
        !(header->load_flags & LOADED_HIGH) || setup_size(header) > SETUP_MAX || setup_size(header) >= size_of(kernel))
        boot_stop("module-kernel", "the first module is not a bzImage of Linux");
    if (header->version < VERSION_MIN)
        boot_stop("module-protocol", "the kernel's boot protocol is older than 2.03");
}

/* Some loaders put the file's name first. */
static const char *skip_file_name(const char *line)
{
    if (*line == '/' || *line == '(')
        while (*line && *line != ' ')
            line++;
    while (*line == ' ')
        line++;
    return line;
}

static void write_line(const struct setup_header *header, const char *line, char *to)
{
    u64 max = header->version < VERSION_INIT_SIZE ? LINE_MIN : header->line_size, size = 0;
    while (line[size])
        size++;
    if (size > max)
        boot_stop("module-line", "the kernel's command line is too long");
    memcpy(to, line, size + 1);
}

/* The end of the memory that the kernel writes before it reads its initrd. */
static u64 find_kernel_end(const struct module *kernel, const struct setup_header *header)
{
    u64 lo = MIB(1), hi = lo + size_of(kernel) - setup_size(header);
    bool fits = region_is_ram(lo, hi);
    if (header->version >= VERSION_INIT_SIZE) {
        lo = header->preferred_address;
        fits = fits && region_is_ram(lo, lo + header->init_size);
        hi = max(hi, lo + header->init_size);
    }
    if (!fits)
        boot_stop("module-memory", "there is not enough memory for the kernel");
    return hi;
}

/* As high as possible, without overlap with both modules where they are now. */
static void move_initrd(const struct module *initrd, struct setup_header *header, u64 lowest)
{
    u64 to = region_find(size_of(initrd), lowest, (u64)header->ramdisk_last + 1);
    if (!to)
        boot_stop("module-memory", "there is not enough memory for the initrd");
    memcpy(phys(to), phys(initrd->start), size_of(initrd));
    header->ramdisk_image = (u32)to;
    header->ramdisk_size = (u32)size_of(initrd);
}

void linux_load(void)
{
    const struct module *kernel = &start.modules[0];
    u64 setup = start.low_page - SETUP_ROOM;
    struct setup_header *header = phys(kernel->start + HEADER);
    check_places();
    check_kernel(kernel, header);
    u64 lowest = find_kernel_end(kernel, header);
    write_line(header, skip_file_name(kernel->line), phys(setup + HEAP_END));
    header->loader_type = LOADER_UNDEFINED;
    header->load_flags |= CAN_USE_HEAP;
    header->heap_end = HEAP_END - HEAP_END_BIAS;
    header->line = (u32)(setup + HEAP_END);
    if (start.module_count > 1)
        move_initrd(&start.modules[1], header, lowest);
    /* Last, and in this order: the kernel's new place may overlap its old one, and the initrd's old one. */
    u64 code = kernel->start + setup_size(header), code_size = kernel->end - code;
    memcpy(phys(setup), phys(kernel->start), setup_size(header));
    memmove(phys(MIB(1)), phys(code), code_size);
    low_set_linux(setup);
}
