#include "dom0/step.h"

#include "core/apic.h"
#include "generated/dom0.h"
#include "vmx/events.h"
#include "core/host.h"
#include "dom0/memory.h"
#include "vmx/nmi.h"
#include "core/panic.h"
#include "core/string.h"
#include "dom0/apic_watch.h"

/* The guest's own, borrowed for one instruction. NMIs leave meanwhile and are held: see nmi_controls. SDM: 25.4.2 */
static void single_step_begin(struct step *step)
{
    u64 blocking = guest_interruptibility();
    step->rflags = guest_rflags();
    step->debugctl = guest_debugctl();
    step->exception_bitmap = vmread(VMCS_EXCEPTION_BITMAP);
    set_guest_rflags((step->rflags & ~(u64)RFLAGS_IF) | RFLAGS_TF);
    set_guest_debugctl(step->debugctl & ~(u64)DEBUGCTL_BTF);
    set_guest_interruptibility(blocking & INTERRUPTIBILITY_NMI);
    vmwrite(VMCS_EXCEPTION_BITMAP, 0xFFFFFFFF);
}

static void single_step_end(const struct step *step)
{
    u64 own = RFLAGS_IF | RFLAGS_TF;
    set_guest_rflags((guest_rflags() & ~own) | (step->rflags & own));
    set_guest_debugctl(step->debugctl);
    vmwrite(VMCS_EXCEPTION_BITMAP, step->exception_bitmap);
}

static void page_point(struct cpu *cpu, u64 gpa, u64 frame, u32 rights, u32 type)
{
    if (ept_point(&cpu->ept, gpa, frame, rights, type))
        return;
    memory_fill(cpu, gpa);
    ept_point(&cpu->ept, gpa, frame, rights, type);
}

/*
 * The page that stands in: ones for hidden memory, the register's present value for the APIC. The violation itself has
 * thrown away what the processor had cached of the page. SDM: 29.4.3.1
 */
static void page_substitute(struct cpu *cpu, u64 gpa, bool apic)
{
    u8 *scratch = cpu_block(cpu)->scratch;
    if (apic)
        *(u32 *)(scratch + (gpa & PAGE_MASK & ~3ull)) = apic_read(gpa & PAGE_MASK & ~3ull);
    else
        memset(scratch, 0xFF, PAGE_SIZE);
    page_point(cpu, gpa, hv_phys(scratch), EPT_RIGHTS, TYPE_WB);
}

static void page_record(struct cpu *cpu, u64 gpa, bool apic)
{
    struct step *step = &cpu->step;
    for (u32 i = 0; i < step->pages; i++)
        if (step->page[i].gpa == round_down(gpa, PAGE_SIZE))
            return;
    if (step->pages == STEP_PAGES)
        panic(cpu, "one instruction writes to too many hidden pages");
    step->page[step->pages++] = (struct step_page){round_down(gpa, PAGE_SIZE), apic};
    if (apic)
        step->apic_offset = gpa & PAGE_MASK & ~3ull;
}

void step_begin(struct cpu *cpu, u64 gpa, bool apic)
{
    struct step *step = &cpu->step;
    *(apic ? &cpu->apic_writes : &cpu->hidden_writes) += 1;
    page_substitute(cpu, gpa, apic);
    page_record(cpu, gpa, apic);
    if (step->active)
        return;
    /* The processor itself pushes onto a stack there, and would push TF too: the open NMI window ends that. */
    step->delivering = exit_in_delivery();
    step->active = !step->delivering;
    if (step->active)
        single_step_begin(step);
    nmi_update_controls(cpu);
}

/* Pages as before. Returns whether the APIC's was among them. */
static bool pages_restore(struct cpu *cpu)
{
    struct step *step = &cpu->step;
    bool apic = false;
    for (u32 i = 0; i < step->pages; i++) {
        u64 gpa = step->page[i].gpa;
        bool is_apic = step->page[i].apic;
        page_point(cpu, gpa, is_apic ? gpa : ones_page, EPT_READ | EPT_EXECUTE, is_apic ? TYPE_UC : TYPE_WB);
        apic |= is_apic;
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

/* #DB is the guest's too if it steps itself or a breakpoint matched. SDM: 18.2.3 */
static void debug_inject(struct cpu *cpu, u64 cause)
{
    bool own_step = cpu->step.rflags & RFLAGS_TF && !(cpu->step.debugctl & DEBUGCTL_BTF);
    if (!own_step)
        cause &= ~(u64)PENDING_DEBUG_BS;
    if (!cause)
        return;
    host_write_dr6(host_read_dr6() | cause);
    guest_inject(cpu, VECTOR_DB);
}

static void exception_inject(struct cpu *cpu, u64 info, u64 qualification)
{
    u32 vector = info & EXIT_INTERRUPTION_INFO_VECTOR_MASK;
    if (vector == VECTOR_PF)
        host_write_cr2(qualification);
    if (info & EXIT_INTERRUPTION_INFO_ERROR_CODE_VALID)
        guest_inject_error(cpu, vector, (u32)vmread(VMCS_EXIT_INTERRUPTION_ERROR_CODE));
    else
        guest_inject(cpu, vector);
}

bool step_finish(struct cpu *cpu)
{
    if (!cpu->step.active)
        return false;
    u64 info = vmread(VMCS_EXIT_INTERRUPTION_INFO), qualification = vmread(VMCS_EXIT_QUALIFICATION);
    bool debug = (info & EXIT_INTERRUPTION_INFO_VECTOR_MASK) == VECTOR_DB;
    single_step_end(&cpu->step);
    bool apic = pages_restore(cpu);
    nmi_update_controls(cpu);
    if (apic && debug && qualification & PENDING_DEBUG_BS)
        watch_apic_write(cpu, cpu->step.apic_offset, *(u32 *)(cpu_block(cpu)->scratch + cpu->step.apic_offset));
    if (debug)
        debug_inject(cpu, qualification);
    else
        exception_inject(cpu, info, qualification);
    return true;
}

void step_cancel(struct cpu *cpu)
{
    if (cpu->step.active)
        vmwrite(VMCS_EXCEPTION_BITMAP, cpu->step.exception_bitmap);
    if (cpu->step.pages)
        pages_restore(cpu);
}
