/* generated/vmx/checks.c and runtime/vmx/entry_checks.c on the host: the VMCS and the processor are arrays that Python fills. */
#include "vmx/entry_checks.h"

#include "generated/vmx/checks.h"
#include "core/log.h"

#define MSRS 64
#define FEATURES 64

u64 host_fields[0x8000];
u64 host_msrs[MSRS][2]; /* number, value */
u32 host_features[FEATURES][4]; /* leaf, subleaf, register and bit of the processor's features */
u32 host_msr_count, host_feature_count;
u8 host_widths[2]; /* physical, linear */
u8 host_broken[CHECK_RULES];
char host_text[1 << 16];
static u32 text_length;

u64 field_read(u16 field)
{
    return host_fields[field];
}

u64 msr_read(u32 msr)
{
    for (u32 i = 0; i < host_msr_count; i++)
        if (host_msrs[i][0] == msr)
            return host_msrs[i][1];
    return 0;
}

bool feature_read(u32 leaf, u32 subleaf, u32 reg, u32 bit)
{
    for (u32 i = 0; i < host_feature_count; i++) {
        u32 *f = host_features[i];
        if (f[0] == leaf && f[1] == subleaf && f[2] == reg && f[3] == bit)
            return true;
    }
    return false;
}

struct widths address_widths(void)
{
    return (struct widths){host_widths[0], host_widths[1]};
}

void panic_print(const char *text, u64 a, u64 b)
{
    (void)a;
    (void)b;
    while (*text && text_length < sizeof(host_text) - 1)
        host_text[text_length++] = *text++;
}

static const char *host_names[CHECK_RULES];

static void note_rule(void *context, const char *name, const char *section, bool holds)
{
    u32 *number = context;
    (void)section;
    host_names[*number] = name;
    host_broken[(*number)++] = !holds;
}

/* Evaluate every rule; host_broken[] is true for those that are violated. */
void host_check(void)
{
    u32 number = 0;
    checks_evaluate(note_rule, &number);
}

void host_show(void)
{
    text_length = 0;
    checks_show();
    host_text[text_length] = 0;
}

const char *host_rule(u32 i)
{
    host_check();
    return host_names[i];
}
