#include "lapic/apic.h"

#include <string.h>

#include "api/kick.h"
#include "api/vcpu.h"

#define VERSION 0x50014u /* six local vectors, as an integrated APIC has them. SDM: 11.4.8 */
#define CLASS(value) ((value) & 0xF0u)

/* --- Sets of 256 vectors: eight registers, sixteen bytes apart. SDM: 11.8.4 --- */

static uint32_t *find_word(struct apic *apic, uint32_t set, uint8_t vector)
{
    return apic_register(apic, set + (uint32_t)(vector / 32) * 0x10);
}

static void set_bit(struct apic *apic, uint32_t set, uint8_t vector)
{
    *find_word(apic, set, vector) |= 1u << (vector % 32);
}

static void clear_bit(struct apic *apic, uint32_t set, uint8_t vector)
{
    *find_word(apic, set, vector) &= ~(1u << (vector % 32));
}

static bool test_bit(struct apic *apic, uint32_t set, uint8_t vector)
{
    return *find_word(apic, set, vector) >> (vector % 32) & 1;
}

static int find_highest(struct apic *apic, uint32_t set)
{
    for (int word = 7; word >= 0; word--) {
        uint32_t bits = *apic_register(apic, set + (uint32_t)word * 0x10);

        if (bits)
            return word * 32 + 31 - __builtin_clz(bits);
    }
    return -1;
}

/* --- Priorities. SDM: 11.8.3.1 --- */

static void update_priority(struct apic *apic)
{
    uint32_t task = *apic_register(apic, APIC_TPR) & 0xFF;
    int served = find_highest(apic, APIC_ISR);

    if (served >= 0 && CLASS((uint32_t)served) > CLASS(task))
        task = CLASS((uint32_t)served);
    *apic_register(apic, APIC_PPR) = task;
}

static bool is_enabled(struct apic *apic)
{
    return apic_is_on(apic) && (*apic_register(apic, APIC_SVR) & APIC_SVR_ENABLE);
}

int apic_find(struct vcpu *vcpu)
{
    struct apic *apic = &vcpu->apic;
    int vector = -1;

    pthread_mutex_lock(&apic->lock);
    if (is_enabled(apic)) {
        vector = find_highest(apic, APIC_IRR);
        update_priority(apic);
        if (vector >= 0 && CLASS((uint32_t)vector) <= CLASS(*apic_register(apic, APIC_PPR)))
            vector = -1;
    }
    pthread_mutex_unlock(&apic->lock);
    return vector;
}

uint8_t apic_find_class(struct vcpu *vcpu)
{
    int vector;

    pthread_mutex_lock(&vcpu->apic.lock);
    vector = is_enabled(&vcpu->apic) ? find_highest(&vcpu->apic, APIC_IRR) : -1;
    pthread_mutex_unlock(&vcpu->apic.lock);
    return vector < 0 ? 0 : (uint8_t)(vector >> 4);
}

void apic_acknowledge(struct vcpu *vcpu, uint8_t vector)
{
    struct apic *apic = &vcpu->apic;

    pthread_mutex_lock(&apic->lock);
    clear_bit(apic, APIC_IRR, vector);
    set_bit(apic, APIC_ISR, vector);
    update_priority(apic);
    pthread_mutex_unlock(&apic->lock);
    atomic_store(&vcpu->work, true);
}

void apic_accept(struct vcpu *vcpu, uint8_t vector, bool level)
{
    struct apic *apic = &vcpu->apic;
    bool accepted;

    pthread_mutex_lock(&apic->lock);
    accepted = is_enabled(apic);
    if (accepted) {
        set_bit(apic, APIC_IRR, vector);
        (level ? set_bit : clear_bit)(apic, APIC_TMR, vector);
    }
    pthread_mutex_unlock(&apic->lock);
    if (accepted)
        kick_vcpu(vcpu);
}

void apic_end(struct vcpu *vcpu)
{
    struct apic *apic = &vcpu->apic;
    int vector;

    pthread_mutex_lock(&apic->lock);
    vector = find_highest(apic, APIC_ISR);
    if (vector >= 0) {
        clear_bit(apic, APIC_ISR, (uint8_t)vector);
        update_priority(apic);
        if (test_bit(apic, APIC_TMR, (uint8_t)vector))
            vcpu->eoi = vector;
    }
    pthread_mutex_unlock(&apic->lock);
    atomic_store(&vcpu->work, true);
}

uint8_t apic_get_cr8(struct vcpu *vcpu)
{
    return (uint8_t)(*apic_register(&vcpu->apic, APIC_TPR) >> 4 & 15);
}

/* A CR8 that agrees leaves the lower half of the TPR alone. */
void apic_set_cr8(struct vcpu *vcpu, uint8_t value)
{
    if (value == apic_get_cr8(vcpu))
        return;
    pthread_mutex_lock(&vcpu->apic.lock);
    *apic_register(&vcpu->apic, APIC_TPR) = (uint32_t)(value & 15) << 4;
    pthread_mutex_unlock(&vcpu->apic.lock);
    atomic_store(&vcpu->work, true);
}

/* Does the PIC's line reach the processor: straight, or through LINT0 as ExtINT? SDM: 11.5.1 */
bool apic_accepts_pic(struct vcpu *vcpu)
{
    uint32_t entry = *apic_register(&vcpu->apic, APIC_LVT_LINT0);

    return !apic_is_on(&vcpu->apic) ||
        (!(entry & APIC_LVT_MASKED) && (entry & APIC_LVT_DELIVERY_MASK) >> APIC_LVT_DELIVERY_SHIFT == APIC_LVT_DELIVERY_EXTINT);
}

/* --- Its life --- */

static void reset_registers(struct apic *apic)
{
    static const uint16_t vectors[] = {APIC_LVT_TIMER, APIC_LVT_THERMAL, APIC_LVT_COUNTERS,
                                       APIC_LVT_LINT0, APIC_LVT_LINT1,   APIC_LVT_ERROR};

    memset(apic->registers, 0, sizeof apic->registers);
    *apic_register(apic, APIC_ID) = apic->id << 24;
    *apic_register(apic, APIC_VERSION) = VERSION;
    *apic_register(apic, APIC_DFR) = ~0u;
    *apic_register(apic, APIC_SVR) = 0xFF;
    for (unsigned i = 0; i < sizeof vectors / sizeof *vectors; i++)
        *apic_register(apic, vectors[i]) = APIC_LVT_MASKED;
    apic->started = apic->period = apic->due = 0;
    apic->tsc_due = 0;
}

/* What INIT does: all but its identity, base and mode. SDM: 11.4.7.3 */
void apic_reset(struct vcpu *vcpu)
{
    pthread_mutex_lock(&vcpu->apic.lock);
    reset_registers(&vcpu->apic);
    if (apic_is_x2(&vcpu->apic))
        *apic_register(&vcpu->apic, APIC_LDR) = vcpu->apic.id >> 4 << 16 | 1u << (vcpu->apic.id & 15);
    pthread_mutex_unlock(&vcpu->apic.lock);
    atomic_store(&vcpu->work, true);
}

void apic_create(struct vcpu *vcpu)
{
    struct apic *apic = &vcpu->apic;

    pthread_mutex_init(&apic->lock, NULL);
    apic->id = vcpu->id;
    apic->base = LOCAL_APIC_BASE | APIC_BASE_ENABLE | (vcpu->id ? 0 : APIC_BASE_BSP);
    atomic_store(&apic->sipi, -1);
    reset_registers(apic);
    if (!vcpu->id)
        *apic_register(apic, APIC_LVT_LINT0) = APIC_LVT_DELIVERY_EXTINT << APIC_LVT_DELIVERY_SHIFT;
}

/* The four modes and the ways between them. SDM: 11.12.1, 11.12.5 */
bool apic_set_base(struct vcpu *vcpu, uint64_t base)
{
    struct apic *apic = &vcpu->apic;
    uint64_t old = apic->base, modes = APIC_BASE_ENABLE | APIC_BASE_X2APIC;

    if ((base & modes) == APIC_BASE_X2APIC || base & ~(APIC_BASE_ADDRESS | modes | APIC_BASE_BSP))
        return false;
    if ((old & modes) == modes && (base & modes) == APIC_BASE_ENABLE)
        return false;
    if (!(old & APIC_BASE_ENABLE) && (base & modes) == modes)
        return false;
    apic->base = base;
    if ((old ^ base) & base & APIC_BASE_X2APIC)
        *apic_register(apic, APIC_LDR) = apic->id >> 4 << 16 | 1u << (apic->id & 15);
    if ((old ^ base) & old & APIC_BASE_ENABLE)
        apic_reset(vcpu);
    atomic_store(&vcpu->work, true);
    return true;
}

void apic_get(struct vcpu *vcpu, struct kvm_lapic_state *state)
{
    pthread_mutex_lock(&vcpu->apic.lock);
    *apic_register(&vcpu->apic, APIC_TIMER_NOW) = apic_timer_now(vcpu);
    memcpy(state->regs, vcpu->apic.registers, sizeof state->regs);
    pthread_mutex_unlock(&vcpu->apic.lock);
}

void apic_set(struct vcpu *vcpu, const struct kvm_lapic_state *state)
{
    struct apic *apic = &vcpu->apic;

    pthread_mutex_lock(&apic->lock);
    memcpy(apic->registers, state->regs, sizeof apic->registers);
    *apic_register(apic, APIC_ID) = apic->id << 24;
    *apic_register(apic, APIC_VERSION) = VERSION;
    update_priority(apic);
    apic_timer_restore(vcpu);
    pthread_mutex_unlock(&apic->lock);
    kick_vcpu(vcpu);
}
