#include "boot/multiboot/bare.h"

#include "boot/multiboot/cpu32.h"
#include "boot/multiboot/text.h"
#include "generated/abi/luvalley_abi.h"

#define BDA_MEMORY 0x413                /* KiB of conventional memory */
#define BDA_MARKER 0x4F0                /* the intra-application area: 16 bytes that programs may use */
#define MARKER 0x4256554Cu              /* "LUVB" */

/* Left behind by a start of the disk without a hypervisor. */
struct marker {
    u32 magic;
    u64 tsc;
} __attribute__((packed));

/* The low page as it was loaded; its labels are offsets in it. */
extern char low_load[], low_size[], low_drive[], low_partition[];

/* bare.asm: into real mode, to the boot stub in this page. */
__attribute__((noreturn)) void bare_switch(u32 page);

static u64 read_tsc(void)
{
    return has_cpuid() ? host_rdtsc() : 0;
}

static bool runs_as_dom0(void)
{
    if (!has_cpuid())
        return false;
    struct regs4 r = host_cpuid(LUV_CPUID_LEAF, 0);
    static const u32 words[] = LUV_CPUID_WORDS;
    return r.ebx == words[0] && r.ecx == words[1] && r.edx == words[2];
}

/* A hypervisor of ours is running, or a bare start's disk led back to this image: nesting or looping helps nobody. */
void bare_check_loop(void)
{
    if (runs_as_dom0()) {
        text_put("luvalley: error[already-running]: this is dom0 already; the disk led back to Luvalley's own entry\n");
        text_stop();
    }
    struct marker *marker = memory_at(BDA_MARKER);
    if (marker->magic != MARKER)
        return;
    marker->magic = 0;
    if (read_tsc() < marker->tsc)       /* the counter was reset: the marker is stale */
        return;
    text_put("luvalley: error[boot-loop]: the disk led back to Luvalley, which cannot run on this processor\n");
    text_stop();
}

static void copy_page(u8 *to, const char *from, u32 size)
{
    asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
}

/* The low page goes to the top of conventional memory, which stays announced: nothing remains in use there. */
void bare_start(const struct boot_disk *disk)
{
    *(struct marker *)memory_at(BDA_MARKER) = (struct marker){MARKER, read_tsc()};
    u32 page = (u32)round_down(KIB(*(const u16 *)memory_at(BDA_MEMORY)) - PAGE_SIZE, PAGE_SIZE);
    u8 *low = memory_at(page);
    copy_page(low, low_load, (u32)(uintptr_t)low_size);
    low[(uintptr_t)low_drive] = disk->drive;
    low[(uintptr_t)low_partition] = disk->partition;
    bare_switch(page);
}
