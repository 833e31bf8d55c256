#include "cpu/machine_checks.h"

#include "api/vcpu.h"

#define FIRST_NOTICE IA32_MC_CTL2 /* of corrected errors */
#define FIRST_BANK IA32_MC /* four registers each: CTL, STATUS, ADDR, MISC */
#define MAX_BANKS 32u
#define HAS_CONTROL (1ull << 8)
#define HAS_NOTICES (1ull << 10)
#define LINUX_CLEARS ((1ull << 10) | 1) /* of a bank's CTL: Linux does on some processors, and KVM allows it */

enum part { CTL, STATUS };

static bool is_bank(uint32_t index)
{
    return index >= FIRST_BANK && index < FIRST_BANK + 4 * MAX_BANKS;
}

static bool is_notice(uint32_t index)
{
    return index >= FIRST_NOTICE && index < FIRST_NOTICE + MAX_BANKS;
}

static uint32_t count_banks(const struct vcpu *vcpu)
{
    return vcpu->mcg_cap & 0xFF;
}

bool has_machine_check(const struct vcpu *vcpu, uint32_t index)
{
    if (index == IA32_MCG_CTL)
        return vcpu->mcg_cap & HAS_CONTROL;
    if (is_notice(index))
        return vcpu->mcg_cap & HAS_NOTICES && index - FIRST_NOTICE < count_banks(vcpu);
    return !is_bank(index) || (index - FIRST_BANK) / 4 < count_banks(vcpu);
}

/* Controls are all on or all off; a status can only be cleared. SDM: 17.3.1.2, 17.3.2.1, 17.3.2.2 */
bool may_write_machine_check(const struct vcpu *vcpu, uint32_t index, uint64_t value)
{
    if (!has_machine_check(vcpu, index) || index == IA32_MCG_CAP)
        return false;
    if (index == IA32_MCG_CTL)
        return !value || value == ~0ull;
    if (is_bank(index) && index % 4 == CTL)
        return !value || (value | LINUX_CLEARS) == ~0ull;
    return !is_bank(index) || index % 4 != STATUS || !value;
}
