#include "dom0/step.h"

#include "core/apic.h"
#include "boot/region.h"
#include "generated/vmx/dom0.h"
#include "vmx/events.h"
#include "core/host.h"
#include "core/layout.h"
#include "dom0/memory.h"
#include "vmx/nmi.h"
#include "core/panic.h"
#include "core/string.h"
#include "dom0/apic_watch.h"

/* One instruction with TF set and IF clear. NMIs cause exits meanwhile: see nmi_update_controls. SDM: 25.4.2 */
static void single_step_begin(struct step *step)
{
    step->rflags = guest_rflags();
    step->debugctl = guest_debugctl();
    step->exception_intercepts = exception_intercepts();
    set_guest_rflags((step->rflags & ~(u64)RFLAGS_IF) | RFLAGS_TF);
    set_guest_debugctl(step->debugctl & ~(u64)DEBUGCTL_BTF);
    set_guest_blocking(guest_blocking() & BLOCKING_NMI);
    set_exception_intercepts(0xFFFFFFFF);
}

static void single_step_end(const struct step *step)
{
    u64 borrowed = RFLAGS_IF | RFLAGS_TF;
    set_guest_rflags((guest_rflags() & ~borrowed) | (step->rflags & borrowed));
    set_guest_debugctl(step->debugctl);
    set_exception_intercepts(step->exception_intercepts);
}

static void page_point(struct cpu *cpu, u64 gpa, u64 frame, u32 rights, u32 type)
{
    if (nested_point(&cpu->nested, gpa, frame, rights, type))
        return;
    memory_fill(cpu, gpa);
    nested_point(&cpu->nested, gpa, frame, rights, type);
}

/* What the instruction reads of a page whose write is dropped: RAM as it is, and ones of all else. */
static void scratch_fill(const struct cpu *cpu, u8 *scratch, u64 gpa)
{
    struct nested_range range = nested_range(&cpu->map, gpa);
    u64 frame = nested_frame(&cpu->map, &range, round_down(gpa, PAGE_SIZE));
    if (range.what != MEMORY_HIDE && region_is_ram(frame, frame + PAGE_SIZE))
        memcpy(scratch, phys(frame), PAGE_SIZE);
    else
        memset(scratch, 0xFF, PAGE_SIZE);
}

static void page_let_through(struct cpu *cpu, u64 gpa)
{
    struct nested_range range = nested_range(&cpu->map, gpa);
    u64 frame = nested_frame(&cpu->map, &range, round_down(gpa, PAGE_SIZE));
    page_point(cpu, gpa, frame, range.rights | NESTED_WRITE, range.type);
}

/*
 * The scratch page takes the place of the page written to: it holds ones for hidden memory, the register's present value for
 * the APIC. The EPT violation itself has flushed what the processor had cached of the page. SDM: 29.4.3.1
 */
static void page_substitute(struct cpu *cpu, u64 gpa, enum step_how how)
{
    u8 *scratch = cpu_block(cpu)->scratch;
    if (how == STEP_THROUGH) {
        page_let_through(cpu, gpa);
        return;
    }
    if (how == STEP_APIC)
        *(u32 *)(scratch + (gpa & PAGE_MASK & ~3ull)) = apic_read(gpa & PAGE_MASK & ~3ull);
    else
        scratch_fill(cpu, scratch, gpa);
    page_point(cpu, gpa, hv_phys(scratch), NESTED_RIGHTS, TYPE_WB);
}

static void page_record(struct cpu *cpu, u64 gpa, enum step_how how)
{
    struct step *step = &cpu->step;
    for (u32 i = 0; i < step->pages; i++)
        if (step->page[i].gpa == round_down(gpa, PAGE_SIZE))
            return;
    if (step->pages == STEP_PAGES)
        panic(cpu, "one instruction writes to too many pages without the right to");
    step->page[step->pages++] = (struct step_page){round_down(gpa, PAGE_SIZE), how};
    if (how == STEP_APIC)
        step->apic_offset = gpa & PAGE_MASK & ~3ull;
}

void step_begin(struct cpu *cpu, u64 gpa, enum step_how how)
{
    struct step *step = &cpu->step;
    cpu->apic_writes += how == STEP_APIC;
    cpu->hidden_writes += how == STEP_DROP;
    page_substitute(cpu, gpa, how);
    page_record(cpu, gpa, how);
    if (step->active)
        return;
    /* Delivery of an event writes to a stack there, and would push TF too. It ends with an exit of the open NMI window. */
    step->delivering = exit_in_delivery();
    step->active = !step->delivering;
    if (step->active)
        single_step_begin(step);
    nmi_update_controls(cpu);
}

/* The entries are as before. True: the APIC's page was among them. */
static bool pages_restore(struct cpu *cpu)
{
    struct step *step = &cpu->step;
    bool apic = false;
    for (u32 i = 0; i < step->pages; i++) {
        u64 gpa = step->page[i].gpa;
        struct nested_range range = nested_range(&cpu->map, gpa);
        page_point(cpu, gpa, nested_frame(&cpu->map, &range, gpa), range.rights, range.type);
        apic |= step->page[i].how == STEP_APIC;
    }
    memory_flush(cpu);
    step->pages = 0;
    step->active = step->delivering = false;
    return apic;
}

void step_end_delivery(struct cpu *cpu)
{
    if (cpu->step.delivering)
        pages_restore(cpu);
}

/* The #DB is also the guest's if it single-steps itself or a breakpoint matched. SDM: 18.2.3 */
static void debug_inject(struct cpu *cpu, u64 cause)
{
    bool guests_step = cpu->step.rflags & RFLAGS_TF && !(cpu->step.debugctl & DEBUGCTL_BTF);
    if (!guests_step)
        cause &= ~(u64)DR6_BS;
    if (!cause)
        return;
    host_write_dr6(host_read_dr6() | cause);
    guest_inject(cpu, VECTOR_DB);
}

static void exception_inject(struct cpu *cpu, const struct exit_exception *e)
{
    if (e->vector == VECTOR_PF)
        host_write_cr2(e->detail);
    if (e->has_error)
        guest_inject_error(cpu, e->vector, e->error);
    else
        guest_inject(cpu, e->vector);
}

bool step_finish(struct cpu *cpu)
{
    if (!cpu->step.active)
        return false;
    struct exit_exception e = exit_exception();
    bool debug = e.vector == VECTOR_DB;
    single_step_end(&cpu->step);
    bool apic = pages_restore(cpu);
    nmi_update_controls(cpu);
    if (apic && debug && e.detail & DR6_BS)
        watch_apic_write(cpu, cpu->step.apic_offset, *(u32 *)(cpu_block(cpu)->scratch + cpu->step.apic_offset));
    if (debug)
        debug_inject(cpu, e.detail);
    else
        exception_inject(cpu, &e);
    return true;
}

void step_cancel(struct cpu *cpu)
{
    if (cpu->step.active)
        set_exception_intercepts(cpu->step.exception_intercepts);
    if (cpu->step.pages)
        pages_restore(cpu);
}
