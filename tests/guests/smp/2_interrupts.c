/* IPIs between CPUs, self IPIs, the APIC timer, and APIC registers, all memory-mapped. */
#include "smp.h"

CASE(fixed_interrupts)
{
    begin();
    for (u32 i = 0; i < others; i++) {
        struct processor *p = &processors[ids[i]];
        p->ipis = 0;
        set_duty(ids[i], i % 2 ? OPEN_CPUID : HALT_OPEN);
        delay(SETTLE);
        for (u32 n = 1; n <= 20; n++) {
            apic_send(ids[i], ICR_FIXED | VECTOR_IPI);
            check_true("an interrupt from another processor", wait_for(&p->ipis, n, WAIT));
        }
        delay(SETTLE);
        check("interrupts", p->ipis, 20);
    }
    __asm__ volatile("sti");
    u32 before = processors[0].ipis;
    for (u32 n = 1; n <= 8; n++) {
        apic_send(0, ICR_SELF | ICR_FIXED | VECTOR_IPI);
        wait_for(&processors[0].ipis, before + n, WAIT);
    }
    __asm__ volatile("cli");
    check("interrupts to itself", processors[0].ipis - before, 8);
    check("none is in service", apic_read(APIC_ISR + 0x10 * (VECTOR_IPI / 32)), 0);
}

CASE(timers)
{
    begin();
    for (u32 i = 0; i < others; i++) {
        processors[ids[i]].timers = 0;
        set_duty(ids[i], RUN_TIMER);
        check_true("the APIC's timer of another processor", wait_for(&processors[ids[i]].timers, 10, WAIT));
        set_duty(ids[i], IDLE);
    }
    apic_write(APIC_TIMER_DIVIDE, 0xB);
    apic_write(APIC_LVT_TIMER, 0x20000 | VECTOR_TIMER);
    apic_write(APIC_TIMER_COUNT, 50000);
    processors[0].timers = 0;
    __asm__ volatile("sti");
    wait_for(&processors[0].timers, 10, WAIT);
    __asm__ volatile("cli");
    apic_write(APIC_LVT_TIMER, 0x10000 | VECTOR_TIMER);
    check_true("the periodic APIC timer of this processor", processors[0].timers >= 10);
}

/* APIC registers keep what is written, by any instruction. */
CASE(apic_registers)
{
    volatile u32 *tpr = (volatile u32 *)(APIC + APIC_TPR), *high = (volatile u32 *)(APIC + APIC_ICR_HIGH);

    begin();
    *tpr = 0x20;
    check("TPR by MOV", *tpr, 0x20);
    __asm__ volatile("orl $0x10, (%0)" : : "r"(tpr) : "memory", "cc");
    check("TPR by OR", *tpr, 0x30);
    __asm__ volatile("addl $0x10, (%0)" : : "r"(tpr) : "memory", "cc");
    check("TPR by ADD", *tpr, 0x40);
    u32 value = 0;
    __asm__ volatile("xchg %0, (%1)" : "+r"(value) : "r"(tpr) : "memory");
    check("TPR by XCHG: before", value, 0x40);
    check("TPR by XCHG: after", *tpr, 0);
    check("CR8 agrees", read_cr8(), 0);
    *high = 0x05000000;
    check("ICR's upper half", *high & 0xFF000000, 0x05000000);
    check("version", apic_read(0x30) & 0xF0, 0x10);
    RECORD("APIC registers", apic_read(APIC_ID), apic_read(0x30), apic_read(APIC_SVR), apic_read(0xD0), apic_read(0xE0));
}
