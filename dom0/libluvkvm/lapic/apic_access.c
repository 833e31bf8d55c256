/* The APIC's registers as the guest reaches them: by its page, or by MSRs in x2APIC mode. SDM: 11.4.1, 11.12.1.2 */
#include <string.h>

#include "lapic/apic.h"
#include "lapic/ipi.h"
#include "api/vcpu.h"

/* What a guest may write of each register; 0: nothing. */
static uint32_t get_writable(uint32_t offset)
{
    switch (offset) {
    case APIC_ID:
    case APIC_LDR: return 0xFF000000;
    case APIC_TPR: return 0xFF;
    case APIC_DFR: return 0xF0000000;
    case APIC_SVR: return 0x1FF;
    case APIC_ICR_LOW: return 0xCCFFF;
    case APIC_ICR_HIGH: return 0xFF000000;
    case APIC_LVT_TIMER: return 0x700FF;
    case APIC_LVT_THERMAL:
    case APIC_LVT_COUNTERS: return 0x107FF;
    case APIC_LVT_LINT0:
    case APIC_LVT_LINT1: return 0x1A7FF;
    case APIC_LVT_ERROR: return 0x100FF;
    case APIC_TIMER_COUNT: return 0xFFFFFFFF;
    case APIC_TIMER_DIVIDE: return 0xB;
    default: return 0;
    }
}

static bool is_vector(uint32_t offset)
{
    return offset >= APIC_LVT_TIMER && offset <= APIC_LVT_ERROR;
}

static void mask_vectors(struct apic *apic)
{
    for (uint32_t offset = APIC_LVT_TIMER; offset <= APIC_LVT_ERROR; offset += 0x10)
        *apic_register(apic, offset) |= APIC_LVT_MASKED;
}

/* Store what is writable, under the lock; returns the old value. */
static uint32_t store(struct vcpu *vcpu, uint32_t offset, uint32_t value)
{
    struct apic *apic = &vcpu->apic;
    uint32_t *place = apic_register(apic, offset), old, writable = get_writable(offset);

    pthread_mutex_lock(&apic->lock);
    old = *place;
    *place = (old & ~writable) | (value & writable);
    if (offset == APIC_DFR)
        *place |= 0x0FFFFFFF;
    if (offset == APIC_SVR && !(value & APIC_SVR_ENABLE))
        mask_vectors(apic);
    if (is_vector(offset) && !(*apic_register(apic, APIC_SVR) & APIC_SVR_ENABLE))
        *place |= APIC_LVT_MASKED;
    pthread_mutex_unlock(&apic->lock);
    return old;
}

static void write_register(struct vcpu *vcpu, uint32_t offset, uint32_t value)
{
    uint32_t old;

    if (offset == APIC_EOI) {
        apic_end(vcpu);
        return;
    }
    old = store(vcpu, offset, value);
    if (offset == APIC_ICR_LOW)
        send_ipi(vcpu, value,
                 apic_is_x2(&vcpu->apic) ? *apic_register(&vcpu->apic, APIC_ICR_HIGH)
                                         : *apic_register(&vcpu->apic, APIC_ICR_HIGH) >> 24);
    else if (offset == APIC_TIMER_COUNT)
        apic_timer_start(vcpu);
    else if (offset == APIC_LVT_TIMER)
        apic_timer_mode(vcpu, old);
    atomic_store(&vcpu->work, true);
}

static uint32_t read_register(struct vcpu *vcpu, uint32_t offset)
{
    if (offset == APIC_TIMER_NOW)
        return apic_timer_now(vcpu);
    if (offset == APIC_PPR)
        apic_find(vcpu);
    if (offset == APIC_ID && apic_is_x2(&vcpu->apic))
        return vcpu->apic.id;
    return *apic_register(&vcpu->apic, offset);
}

/* --- The page --- */

bool apic_has_page(struct vcpu *vcpu, uint64_t address)
{
    return ((address ^ vcpu->apic.base) & APIC_BASE_ADDRESS) == 0 && address >> 36 == 0;
}

/* Registers are 32 bits wide on 16-byte boundaries. A page that is switched off reads ones and swallows writes. SDM: 11.4.1 */
void apic_access_page(struct vcpu *vcpu, uint64_t address, uint32_t size, bool write, uint8_t *data)
{
    uint32_t offset = address & (PAGE - 1), value = 0;
    bool here = apic_is_on(&vcpu->apic) && !apic_is_x2(&vcpu->apic) && offset < APIC_REGISTERS;

    if (!here || (offset & 15) + size > 4) {
        if (!write)
            memset(data, here ? 0 : 0xFF, size);
        return;
    }
    if (!write) {
        value = read_register(vcpu, offset & ~15u) >> (offset & 3) * 8;
        memcpy(data, &value, size);
    } else if (size == 4) {
        memcpy(&value, data, 4);
        write_register(vcpu, offset, value);
    }
}

/* --- The MSRs --- */

/* Which registers x2APIC mode has. SDM: table 11-6 */
static bool is_x2_register(uint32_t offset, bool write)
{
    if (write)
        return offset == APIC_EOI || offset == APIC_ESR || offset == APIC_SELF_IPI ||
            (get_writable(offset) && offset != APIC_ID && offset != APIC_LDR && offset != APIC_DFR && offset != APIC_ICR_HIGH);
    return offset == APIC_ID || offset == APIC_VERSION || offset == APIC_TPR || offset == APIC_PPR || offset == APIC_LDR ||
        offset == APIC_SVR || (offset >= APIC_ISR && offset <= APIC_ESR) || is_vector(offset) || offset == APIC_ICR_LOW ||
        offset == APIC_TIMER_COUNT || offset == APIC_TIMER_NOW || offset == APIC_TIMER_DIVIDE;
}

bool apic_read_msr(struct vcpu *vcpu, uint32_t index, uint64_t *value)
{
    uint32_t offset = (index - X2APIC_MSR_FIRST) * 0x10;

    if (!apic_is_x2(&vcpu->apic) || offset >= APIC_REGISTERS || !is_x2_register(offset, false))
        return false;
    *value = read_register(vcpu, offset);
    if (index == IA32_X2APIC_ICR)
        *value |= (uint64_t)*apic_register(&vcpu->apic, APIC_ICR_HIGH) << 32;
    return true;
}

/* Bits that are reserved are a fault, unlike in the page. */
static bool is_valid(uint32_t offset, uint64_t value)
{
    if (offset == APIC_EOI || offset == APIC_ESR)
        return !value;
    if (offset == APIC_SELF_IPI)
        return value < 256;
    return !(value >> 32) &&
        !(value & ~(uint64_t)(get_writable(offset) | (is_vector(offset) ? 0x5000 : 0) | (offset == APIC_SVR ? 0x1200 : 0)));
}

bool apic_write_msr(struct vcpu *vcpu, uint32_t index, uint64_t value)
{
    uint32_t offset = (index - X2APIC_MSR_FIRST) * 0x10;

    if (!apic_is_x2(&vcpu->apic) || offset >= APIC_REGISTERS || !is_x2_register(offset, true))
        return false;
    if (index == IA32_X2APIC_ICR) {
        *apic_register(&vcpu->apic, APIC_ICR_HIGH) = (uint32_t)(value >> 32);
    } else if (!is_valid(offset, value)) {
        return false;
    }
    if (index == IA32_X2APIC_SELF_IPI)
        apic_accept(vcpu, (uint8_t)value, false);
    else if (offset != APIC_ESR)
        write_register(vcpu, offset, (uint32_t)value);
    return true;
}
