/* Why a VM entry failed: the manual's rules, one by one. Also compiles for a test on the host. */
#include "vmx/entry_checks.h"

#include "generated/vmx/checks.h"
#include "generated/vmx/controls.h"
#include "generated/x86/x86.h"
#include "core/log.h"

#define MEMORY_TYPES 0xF3u              /* a bit for each type that IA32_PAT may hold. SDM: 12.12 */

static bool is_alike(u64 address, u32 lowest)
{
    u64 above = address >> lowest;
    return above == 0 || above == ~0ull >> lowest;
}

bool is_canonical(u64 address)
{
    return is_alike(address, address_widths().linear - 1);
}

bool is_linear(u64 address)
{
    return is_alike(address, address_widths().linear);
}

bool is_physical(u64 address)
{
    return address >> address_widths().physical == 0;
}

bool is_structure(u64 address)
{
    return is_physical(address) && !(msr_read(IA32_VMX_BASIC) & BASIC_PHYSICAL_32_BIT && address >> 32);
}

bool is_allowed(u64 word, u64 capability)
{
    return !((u32)capability & ~word) && !(word & ~(capability >> 32));
}

bool is_allowed_ones(u64 word, u64 capability)
{
    return !(word & ~capability);
}

bool is_memory_types(u64 value)
{
    for (u32 i = 0; i < 64; i += 8)
        if ((value >> i & 0xFF) > 7 || !(MEMORY_TYPES >> (value >> i & 0xFF) & 1))
            return false;
    return true;
}

static void show_violated(void *context, const char *name, const char *section, bool holds)
{
    (void)context;
    if (holds)
        return;
    panic_print("VM entry violates the rule ", 0, 0);
    panic_print(name, 0, 0);
    panic_print(", SDM ", 0, 0);
    panic_print(section, 0, 0);
    panic_print("\n", 0, 0);
}

void checks_show(void)
{
    checks_evaluate(show_violated, 0);
}

static void find_first(void *context, const char *name, const char *section, bool holds)
{
    struct violated_rule *first = context;
    (void)section;
    if (!first->name && !holds)
        first->name = name;
    if (!first->name)
        first->number++;
}

struct violated_rule checks_first(void)
{
    struct violated_rule first = {0, 0};
    checks_evaluate(find_first, &first);
    return first;
}
