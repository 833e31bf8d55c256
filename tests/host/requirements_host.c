/* requirements.32.c and its generated table on the host: the test provides CPUID and RDMSR, and collects the texts. */
#include "boot/multiboot/requirements.h"
#include "boot/multiboot/text.h"
#include "core/host.h"

static void (*ask_cpuid)(u32 leaf, u32 subleaf, u32 *registers);
static u64 (*ask_msr)(u32 msr);
static void (*hear)(const char *text);
static bool cpuid_exists;

bool has_cpuid(void)
{
    return cpuid_exists;
}

struct regs4 host_cpuid(u32 leaf, u32 subleaf)
{
    u32 r[4];
    ask_cpuid(leaf, subleaf, r);
    return (struct regs4){r[0], r[1], r[2], r[3]};
}

u64 host_rdmsr(u32 msr)
{
    return ask_msr(msr);
}

void text_put(const char *text)
{
    hear(text);
}

u32 host_check(bool exists, void *cpuid, void *msr, void *text)
{
    cpuid_exists = exists;
    ask_cpuid = cpuid;
    ask_msr = msr;
    hear = text;
    return requirements_check();
}
