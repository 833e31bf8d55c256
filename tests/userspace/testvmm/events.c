/* Cases: injected interrupts, interrupt windows and shadows, and events whose delivery a VM exit interrupted. */
#include <string.h>

#include "test.h"

static struct domain domain;
static struct processor *cpu = domain.processors;

static void start(enum mode mode)
{
    if (!domain.handle)
        make_domain(&domain);
    begin(cpu, mode);
}

/* A guest loop without exits is interrupted by dom0's interrupts, with IF=0 too, and makes progress. */
void case_timer(void)
{
    start(LONG);
    LOAD(&domain, spin);
    for (int turn = 0; turn < 20; turn++) {
        uint64_t before = cpu->run->rax;
        struct result result;

        cpu->run->rflags = turn & 1 ? 0x202 : 2;
        result = enter(cpu);
        STATUS(result, 0);
        EQUAL(result.value, LUV_EXIT_INTERRUPTED);
        CHECK(cpu->run->rax != before, "the guest made no progress in turn %d", turn);
    }
}

void case_leave_now(void)
{
    struct result result;

    start(LONG);
    LOAD(&domain, spin);
    cpu->run->rax = 5;
    cpu->run->event = INTERRUPT(0x30);
    cpu->run->rflags = 0x202;
    *cpu->exit_now = 1;
    result = enter(cpu);
    STATUS(result, 0);
    EQUAL(result.value, LUV_EXIT_INTERRUPTED);
    EQUAL(cpu->run->rax, 5);
    EQUAL(cpu->run->rip, CODE);
    EQUAL(cpu->run->event, INTERRUPT(0x30));
    *cpu->exit_now = 0;
    RUN(cpu, IO);
    EQUAL(find_vector(cpu), 0x30);
    *cpu->exit_now = 1; /* an event that is pending is delivered all the same */
    cpu->run->finish = LUV_FINISH_ADVANCE;
    result = enter(cpu);
    STATUS(result, 0);
    EQUAL(result.value, LUV_EXIT_INTERRUPTED);
    EQUAL(cpu->run->rip, STUBS + 0x30 * 16 + 2);
    EQUAL(cpu->run->finish, LUV_FINISH_RESUME);
}

void case_window(void)
{
    start(LONG);
    LOAD(&domain, window);
    RUN(cpu, IO);
    cpu->run->windows = LUV_REQUESTS_INTERRUPT_WINDOW;
    STEP(cpu, INTERRUPT_WINDOW);
    EQUAL(cpu->run->rflags & 0x200, 0x200);
    EQUAL(cpu->run->blocking & 3, 0);
    EQUAL(cpu->run->rip, CODE + 5); /* after the NOP that STI shadows */
    cpu->run->windows = 0;
    cpu->run->event = INTERRUPT(0x30);
    RUN(cpu, IO);
    EQUAL(find_vector(cpu), 0x30);
    EQUAL(cpu->run->event, 0);
    EQUAL(*(uint64_t *)(domain.memory + cpu->run->rsp), CODE + 5);
    STEP(cpu, HALT);
    EQUAL(cpu->run->rip, CODE + 7);
}

/* The HLT is completed first, then the interrupt is delivered after it. */
void case_halt_and_interrupt(void)
{
    start(LONG);
    LOAD(&domain, halt);
    cpu->run->rflags = 0x202;
    RUN(cpu, HALT);
    cpu->run->event = INTERRUPT(0x41);
    STEP(cpu, IO);
    EQUAL(find_vector(cpu), 0x41);
    EQUAL(*(uint64_t *)(domain.memory + cpu->run->rsp), CODE + 1);
    STEP(cpu, IO);
    EQUAL(cpu->run->rip, CODE + 1);
}

void case_tpr(void)
{
    uint32_t kind;

    start(LONG);
    LOAD(&domain, tpr);
    cpu->run->tpr = 9;
    cpu->run->tpr_threshold = 5;
    RUN(cpu, TPR_BELOW_THRESHOLD);
    EQUAL(cpu->run->rbx, 9);
    EQUAL(cpu->run->tpr, 2);
    cpu->run->tpr_threshold = 0;
    RUN(cpu, HALT);
    EQUAL(cpu->run->rcx, 2);
    begin(cpu, LONG);
    cpu->run->tpr = 2;
    cpu->run->tpr_threshold = 5; /* the TPR is below the threshold from the start: the entry must not fail */
    kind = run(cpu);
    CHECK(kind == LUV_EXIT_TPR_BELOW_THRESHOLD || kind == LUV_EXIT_HALT, "exit %u", kind);
    EQUAL(cpu->run->tpr, 2);
    cpu->run->tpr_threshold = 0;
}

void case_nmi(void)
{
    start(LONG);
    LOAD(&domain, spin);
    cpu->run->event = NMI;
    RUN(cpu, IO);
    EQUAL(find_vector(cpu), 2);
    EQUAL(cpu->run->blocking, 8);
    cpu->run->windows = LUV_REQUESTS_NMI_WINDOW;
    STEP(cpu, NMI_WINDOW);
    EQUAL(cpu->run->blocking, 0);
    CHECK(cpu->run->rip >= CODE && cpu->run->rip < CODE + 5, "rip %#" PRIx64, cpu->run->rip);
    cpu->run->windows = 0;
}

void case_shadows(void)
{
    start(LONG);
    LOAD(&domain, shadows);
    RUN(cpu, IO);
    EQUAL(cpu->run->blocking, 1);
    cpu->run->event = INTERRUPT(0x30); /* in the shadow of STI: cannot be delivered */
    RUN(cpu, ENTRY_FAILURE);
    cpu->run->event = 0;
    cpu->run->rip += 2;
    cpu->run->finish = LUV_FINISH_MOVED;
    RUN(cpu, HALT);
    EQUAL(cpu->run->blocking, 0);
    STEP(cpu, IO);
    EQUAL(cpu->run->blocking, 2);
    EQUAL(cpu->run->io.port, 0x81);
    STEP(cpu, HALT);
    EQUAL(cpu->run->blocking, 0);
}

/* The gate is in unmapped memory: the exit reports the event, which is injected again after memory_map. */
void case_broken_delivery(void)
{
    struct kvm_sregs sregs;
    uint8_t *gates;

    start(LONG);
    LOAD(&domain, spin);
    get_state(cpu, LUV_STATE_SREGS, &sregs, sizeof sregs);
    sregs.idt.base = 0x20000000;
    set_state(cpu, LUV_STATE_SREGS, &sregs, sizeof sregs);
    cpu->run->rflags = 0x202;
    cpu->run->event = INTERRUPT(0x30);
    for (int turn = 0; turn < 3; turn++) {
        RUN(cpu, NESTED_PAGE_FAULT);
        EQUAL(cpu->run->memory.physical & ~0xFull, 0x20000000 + 0x30 * 16);
        EQUAL(cpu->run->event, INTERRUPT(0x30));
    }
    gates = map_superpage(claim_superpage(&domain));
    memcpy(gates, domain.memory + IDT, PAGE);
    map_memory(&domain, 0x20000000, gates, SUPERPAGE, 7);
    RUN(cpu, IO);
    EQUAL(find_vector(cpu), 0x30);
    EQUAL(cpu->run->event, 0);
    begin(cpu, LONG); /* the same for an exception with an error code */
    get_state(cpu, LUV_STATE_SREGS, &sregs, sizeof sregs);
    sregs.idt.base = 0x28000000;
    set_state(cpu, LUV_STATE_SREGS, &sregs, sizeof sregs);
    cpu->run->event = FAULT(14);
    cpu->run->event_error = 7;
    RUN(cpu, NESTED_PAGE_FAULT);
    EQUAL(cpu->run->event, FAULT(14));
    EQUAL(cpu->run->event_error, 7);
    map_memory(&domain, 0x28000000, gates, SUPERPAGE, 7);
    RUN(cpu, IO);
    EQUAL(find_vector(cpu), 14);
    EQUAL(*(uint64_t *)(domain.memory + cpu->run->rsp), 7);
}
