#include "cpu/mtrrs.h"

#include "api/vcpu.h"
#include "cpu/cpuid.h"
#include "generated/x86/x86.h"

#define LAST_RANGE (IA32_MTRR_PHYS + 2 * (uint32_t)(MTRR_CAPABILITIES & 0xFF) - 1) /* base and mask of each */
#define DEFAULT_BITS 0xCFFull /* type; FE, E */
#define BASE_RESERVED 0xF00ull
#define MASK_RESERVED 0x7FFull
#define WIDTH_LEAF 0x80000008u
#define WIDTH_WITHOUT_LEAF 36u

/* UC, WC, WT, WP, WB. SDM: 12.3 */
static bool is_type(uint64_t type)
{
    return type < 8 && 0x73u >> type & 1;
}

static bool is_fixed(uint32_t index)
{
    return index == IA32_MTRR_FIX64K_00000 || index == IA32_MTRR_FIX16K_80000 || index == IA32_MTRR_FIX16K_A0000 ||
        (index >= IA32_MTRR_FIX4K_C0000 && index <= IA32_MTRR_FIX4K_F8000);
}

static bool are_types(uint64_t value)
{
    for (; value; value >>= 8)
        if (!is_type(value & 0xFF))
            return false;
    return true;
}

/* The bits of an address that the guest's processor does not have. */
static uint64_t get_beyond(struct vcpu *vcpu)
{
    uint32_t registers[4], width;

    answer_leaf(vcpu, WIDTH_LEAF, 0, registers);
    width = registers[0] & 0xFF ? registers[0] & 0xFF : WIDTH_WITHOUT_LEAF;
    return width < 64 ? ~0ull << width : 0;
}

static bool is_range(struct vcpu *vcpu, uint32_t index, uint64_t value)
{
    uint64_t beyond = get_beyond(vcpu);

    if (index % 2)
        return !(value & (beyond | MASK_RESERVED));
    return !(value & (beyond | BASE_RESERVED)) && is_type(value & 0xFF);
}

bool may_write_mtrr(struct vcpu *vcpu, uint32_t index, uint64_t value)
{
    if (index == IA32_MTRR_DEF_TYPE)
        return !(value & ~DEFAULT_BITS) && is_type(value & 0xFF);
    if (index >= IA32_MTRR_PHYS && index <= LAST_RANGE)
        return is_range(vcpu, index, value);
    return !is_fixed(index) || are_types(value);
}
