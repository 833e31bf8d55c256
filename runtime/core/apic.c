#include "core/apic.h"

#include "core/cpu.h"
#include "core/host.h"

#define X2APIC_MSRS (IA32_X2APIC_APICID - APIC_ID / 16)
#define XAPIC_ID_SHIFT 24
#define XAPIC_IDS 0xFF                  /* and the last one means all */
#define SEND_TRIES 100000

#define VERSION_LAST_LVT_SHIFT 16       /* SDM: 11.4.8 */
#define SVR_AFTER_INIT 0xFF             /* software-disabled. SDM: 11.9 */
#define VECTORS 256
#define VECTOR_WORDS 8

bool apic_is_x2(void)
{
    return host_rdmsr(IA32_APIC_BASE) & APIC_BASE_X2APIC;
}

u64 apic_page(void)
{
    return host_rdmsr(IA32_APIC_BASE) & APIC_BASE_FRAME_MASK;
}

static volatile u32 *register_at(u32 offset)
{
    return phys(apic_page() + offset);
}

u32 apic_read(u32 offset)
{
    return apic_is_x2() ? (u32)host_rdmsr(X2APIC_MSRS + offset / 16) : *register_at(offset);
}

void apic_write(u32 offset, u32 value)
{
    if (apic_is_x2())
        host_wrmsr(X2APIC_MSRS + offset / 16, value);
    else
        *register_at(offset) = value;
}

u32 apic_own_id(void)
{
    if (!(host_rdmsr(IA32_APIC_BASE) & APIC_BASE_ENABLE))
        return host_cpuid(1, 0).ebx >> XAPIC_ID_SHIFT;
    u32 id = apic_read(APIC_ID);
    return apic_is_x2() ? id : id >> XAPIC_ID_SHIFT;
}

static void send_wait(void)
{
    for (u32 tries = SEND_TRIES; tries && *register_at(APIC_ICR_LOW) & APIC_ICR_PENDING; tries--)
        host_pause();
}

/* The guest may have written the upper half already, for an interrupt that it sends next. */
static void send_by_page(u32 apic_id, u32 command)
{
    u32 high = *register_at(APIC_ICR_HIGH);
    send_wait();
    *register_at(APIC_ICR_HIGH) = apic_id << XAPIC_ID_SHIFT;
    *register_at(APIC_ICR_LOW) = command;
    send_wait();
    *register_at(APIC_ICR_HIGH) = high;
}

void apic_send(u32 apic_id, u32 command)
{
    if (apic_is_x2())
        host_wrmsr(IA32_X2APIC_ICR, (u64)apic_id << 32 | command);
    else if (apic_id < XAPIC_IDS)
        send_by_page(apic_id, command);
}

/* In the order in which versions of the APIC got them. SDM: 11.5.1 */
static void lvts_mask(void)
{
    static const u16 lvts[] = {APIC_LVT_TIMER,    APIC_LVT_LINT0,   APIC_LVT_LINT1, APIC_LVT_ERROR,
                               APIC_LVT_COUNTERS, APIC_LVT_THERMAL, APIC_LVT_CMCI};
    u32 last = apic_read(APIC_VERSION) >> VERSION_LAST_LVT_SHIFT & 0xFF;
    for (u32 i = 0; i < COUNT_OF(lvts) && i <= last; i++)
        apic_write(lvts[i], APIC_LVT_MASKED);
}

static bool in_service(void)
{
    u32 any = 0;
    for (u32 i = 0; i < VECTOR_WORDS; i++)
        any |= apic_read(APIC_ISR + 16 * i);
    return any;
}

void apic_reset(struct cpu *cpu)
{
    cpu->logical_id = 0;
    cpu->logical_format = ~0u;
    if (!(host_rdmsr(IA32_APIC_BASE) & APIC_BASE_ENABLE))
        return;
    for (u32 i = 0; i < VECTORS && in_service(); i++)
        apic_write(APIC_EOI, 0);
    lvts_mask();
    apic_write(APIC_TIMER_COUNT, 0);
    apic_write(APIC_TPR, 0);
    apic_write(APIC_SVR, SVR_AFTER_INIT);
    if (apic_is_x2())
        return;                         /* its logical id follows from its id. SDM: 11.12.10.2 */
    apic_write(APIC_LDR, 0);
    apic_write(APIC_DFR, ~0u);
}
