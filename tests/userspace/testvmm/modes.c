/* The guest's descriptor and page tables, and the initial vCPU state in each mode. */
#include <string.h>

#include "test.h"

enum { GATE_BYTES = 16, STUB_BYTES = 16, VECTORS = 256 };

static void fill_tables(uint8_t *memory)
{
    uint64_t *table2 = (uint64_t *)(memory + TABLE2), *pae = (uint64_t *)(memory + PAE_TABLE3);
    uint32_t *table32 = (uint32_t *)(memory + TABLE_32);

    *(uint64_t *)(memory + TABLE4) = TABLE3 | PAGE_ENTRY_PRESENT | PAGE_ENTRY_WRITE | PAGE_ENTRY_USER;
    *(uint64_t *)(memory + TABLE3) = TABLE2 | PAGE_ENTRY_PRESENT | PAGE_ENTRY_WRITE | PAGE_ENTRY_USER;
    for (uint64_t i = 0; i < 512; i++)
        table2[i] = i << 21 | PAGE_ENTRY_PAGE_SIZE | PAGE_ENTRY_PRESENT | PAGE_ENTRY_WRITE | PAGE_ENTRY_USER;
    memset(pae, 0, PAGE);
    pae[0] = TABLE2 | PAGE_ENTRY_PRESENT;
    for (uint32_t i = 0; i < 1024; i++)
        table32[i] = i << 22 | PAGE_ENTRY_PAGE_SIZE | PAGE_ENTRY_PRESENT | PAGE_ENTRY_WRITE | PAGE_ENTRY_USER;
}

static void fill_gdt(uint8_t *memory)
{
    static const uint64_t descriptors[] = {
        [SELECT_CODE64 / 8] = 0x00AF9B000000FFFF,
        [SELECT_DATA / 8] = 0x00CF93000000FFFF,
        [SELECT_CODE32 / 8] = 0x00CF9B000000FFFF,
        [SELECT_USER32 / 8] = 0x00CFFB000000FFFF,
        [SELECT_USER_DATA / 8] = 0x00CFF3000000FFFF,
        [SELECT_TSS / 8] = 0x00008B0000000067 | (uint64_t)TSS << 16, /* busy; its upper half follows */
        [SELECT_TSS_OTHER / 8] = 0x0000890000000067 | (uint64_t)TSS_OTHER << 16,
    };

    memcpy(memory + GDT, descriptors, sizeof descriptors);
    *(uint64_t *)(memory + TSS + 4) = FAULT_STACK;     /* long mode's RSP0 */
    *(uint64_t *)(memory + TSS + 0x24) = FAULT_STACK;  /* and IST1 */
}

/* Each gate has its own handler: an OUT, then IRET. */
static void fill_gates(uint8_t *memory, bool wide, uint16_t selector, uint8_t level)
{
    for (uint64_t vector = 0; vector < VECTORS; vector++) {
        uint64_t stub = STUBS + vector * STUB_BYTES;
        uint64_t gate = stub | (uint64_t)selector << 16 | (uint64_t)(0x8E | level << 5) << 40;

        memcpy(memory + stub, wide ? "\xE6\xE0\x48\xCF" : "\xE6\xE0\xCF\xF4", 4);
        if (wide)
            memcpy(memory + IDT + vector * GATE_BYTES, (uint64_t[]){gate, 0}, 16);
        else
            memcpy(memory + IDT + vector * 8, &gate, 8);
    }
}

static struct kvm_segment make_segment(uint16_t selector, uint8_t type, uint8_t level, bool wide)
{
    return (struct kvm_segment){.limit = 0xFFFFFFFF,
                                .selector = selector,
                                .type = type,
                                .present = 1,
                                .dpl = level,
                                .db = !wide,
                                .s = 1,
                                .l = wide,
                                .g = 1};
}

static void set_segments(struct kvm_sregs *sregs, uint16_t code, uint16_t data, uint8_t level, bool wide)
{
    sregs->cs = make_segment(code, 11, level, wide);
    sregs->ss = sregs->ds = sregs->es = sregs->fs = sregs->gs = make_segment(data, 3, level, false);
    sregs->tr = (struct kvm_segment){.base = TSS, .limit = 0x67, .selector = SELECT_TSS, .type = 11, .present = 1};
    sregs->ldt = (struct kvm_segment){.unusable = 1};
    sregs->gdt = (struct kvm_dtable){.base = GDT, .limit = 0x4F};
    sregs->idt = (struct kvm_dtable){.base = IDT, .limit = wide ? 0xFFF : 0x7FF};
}

static void set_real(struct kvm_sregs *sregs)
{
    struct kvm_segment *all[] = {&sregs->cs, &sregs->ds, &sregs->es, &sregs->fs, &sregs->gs, &sregs->ss};

    for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
        *all[i] = (struct kvm_segment){.limit = 0xFFFF, .type = i ? 3 : 11, .present = 1, .s = 1};
    sregs->idt = (struct kvm_dtable){.base = 0, .limit = 0x3FF};
}

static void set_mode(struct kvm_sregs *sregs, enum mode mode)
{
    bool wide = mode == LONG;

    sregs->cr0 = CR0_NE | CR0_ET | (mode == REAL ? 0 : CR0_PE) | (mode >= PAGED ? CR0_PG : 0);
    sregs->cr3 = mode == LONG ? TABLE4 : mode == PAE ? PAE_TABLE3 : TABLE_32;
    sregs->cr4 = CR4_OSFXSR | CR4_OSXSAVE | (mode >= PAE ? CR4_PAE : mode == PAGED ? CR4_PSE : 0);
    sregs->efer = wide ? EFER_LME | EFER_LMA : 0;
    if (mode == REAL)
        set_real(sregs);
    else
        set_segments(sregs, wide ? SELECT_CODE64 : SELECT_CODE32, SELECT_DATA, 0, wide);
}

static void place(struct processor *processor)
{
    processor->run->rip = CODE;
    processor->run->rsp = STACK;
    processor->run->rflags = 2;
    processor->run->blocking = 0;
    processor->run->event = 0;
    processor->run->finish = LUV_FINISH_RESUME;
    processor->run->windows = 0;
}

/* A CPUID table as libluvkvm sets it, with the features that the cases use. */
static void permit(struct processor *processor)
{
    uint64_t controls[3] = {0, 0, 0x3707FF};

    set_state(processor, LUV_STATE_CONTROLS, controls, sizeof controls);
}

void begin(struct processor *processor, enum mode mode)
{
    struct kvm_sregs sregs;

    fill_tables(processor->domain->memory);
    fill_gdt(processor->domain->memory);
    if (mode != REAL)
        fill_gates(processor->domain->memory, mode == LONG, mode == LONG ? SELECT_CODE64 : SELECT_CODE32, 0);
    permit(processor);
    get_state(processor, LUV_STATE_SREGS, &sregs, sizeof sregs);
    set_mode(&sregs, mode);
    set_state(processor, LUV_STATE_SREGS, &sregs, sizeof sregs);
    place(processor);
}

void begin_user(struct processor *processor)
{
    struct kvm_sregs sregs;

    begin(processor, PROTECTED);
    fill_gates(processor->domain->memory, false, SELECT_USER32, 3);
    get_state(processor, LUV_STATE_SREGS, &sregs, sizeof sregs);
    set_segments(&sregs, SELECT_USER32, SELECT_USER_DATA, 3, false);
    sregs.cr0 |= CR0_AM;
    set_state(processor, LUV_STATE_SREGS, &sregs, sizeof sregs);
}

int find_vector(struct processor *processor)
{
    uint64_t offset = processor->run->rip - STUBS;

    if (processor->run->exit != LUV_EXIT_IO || processor->run->io.port != TRAP_PORT || offset >= VECTORS * STUB_BYTES)
        return -1;
    return (int)(offset / STUB_BYTES);
}

void reach_second_gigabyte(struct domain *domain)
{
    uint64_t *table3 = (uint64_t *)(domain->memory + TABLE3), *table2 = (uint64_t *)(domain->memory + TABLE2_OTHER);

    table3[1] = TABLE2_OTHER | 3;
    table2[0] = 0x40000000 | 0x83;
}
