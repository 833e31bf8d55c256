#include "boot/multiboot/requirements.h"

#include "boot/multiboot/cpu32.h"
#include "boot/multiboot/text.h"
#include "generated/vmx/controls.h"
#include "generated/x86/x86.h"

#define EXTENDED_LEAVES 0x80000000u

static bool missing[REQUIREMENTS_MAX];

/* A leaf beyond the last one has no features. SDM: 3.3, CPUID */
static u32 read_cpuid(const struct requirement *one)
{
    if (host_cpuid(one->number & EXTENDED_LEAVES, 0).eax < one->number)
        return 0;
    struct regs4 r = host_cpuid(one->number, one->alternative);
    u32 words[] = {r.eax, r.ebx, r.ecx, r.edx};
    return words[one->word];
}

static u64 read_msr(const struct requirement *one)
{
    bool alternative = one->alternative && host_rdmsr(IA32_VMX_BASIC) & BASIC_TRUE_CONTROLS;
    return host_rdmsr(alternative ? one->alternative : one->number);
}

static bool bit_is(const struct requirement *one, u32 word)
{
    return (word >> one->bit & 1) == one->expected;
}

static bool is_met(const struct requirement *one)
{
    if (one->depends != NO_REQUIREMENT && missing[one->depends])
        return !one->expected;          /* what is not there is off */
    if (one->kind == REQUIRE_CPUID)
        return bit_is(one, read_cpuid(one));
    u64 value = read_msr(one);
    if (one->kind == REQUIRE_LOCK && !(value & FEATURE_CONTROL_LOCK))
        return true;
    return bit_is(one, (u32)(one->word == MSR_HIGH ? value >> 32 : value));
}

static void print_missing(const char *name, bool first)
{
    text_put(first ? "luvalley: error[requirements]: this processor lacks: " : ", ");
    text_put(name);
}

static u32 check_all(void)
{
    u32 count = 0;
    for (u32 i = 0; i < requirement_count; i++) {
        missing[i] = !is_met(&requirements[i]);
        if (missing[i])
            print_missing(requirements[i].name, !count++);
    }
    return count;
}

u32 requirements_check(void)
{
    u32 count = 1;
    if (has_cpuid())
        count = check_all();
    else
        print_missing("cpuid", true);
    if (count)
        text_put("\nluvalley: starting the disk without a hypervisor\n");
    return count;
}
