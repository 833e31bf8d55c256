/* Where the system's tables lie, from and to a device. SDM: SGDT, SIDT, LGDT, LIDT, SLDT, STR, LLDT, LTR, LMSW; 2.4, 6.15 */
#include "emulator/segments.h"
#include "generated/x86/x86.h"

#define TYPE_LDT 2u
#define TSS_AVAILABLE 9u
#define MSW_LOADED 0xFull /* PE, MP, EM, TS */
#define BASE_286 0xFFFFFFull

/* --- GDTR and IDTR: a limit and a base --- */

static bool is_long(struct attempt *attempt)
{
    return attempt->instruction->machine_mode == ZYDIS_MACHINE_MODE_LONG_64;
}

/* With operands of 16 bits the base has 24. */
static uint64_t cut_base(struct attempt *attempt, uint64_t base)
{
    return !is_long(attempt) && attempt->instruction->operand_width == 16 ? base & BASE_286 : base;
}

static void store_table(struct attempt *attempt, const struct kvm_dtable *table)
{
    uint64_t linear = find_linear(attempt, &attempt->operands[0]);

    write_linear(attempt, linear, 2, table->limit);
    write_linear(attempt, linear + 2, is_long(attempt) ? 8 : 4, cut_base(attempt, table->base));
}

static void load_table(struct attempt *attempt, struct kvm_dtable *table)
{
    uint64_t linear = find_linear(attempt, &attempt->operands[0]);

    table->limit = (uint16_t)read_linear(attempt, linear, 2);
    table->base = cut_base(attempt, read_linear(attempt, linear + 2, is_long(attempt) ? 8 : 4));
    if (is_long(attempt) && !is_canonical(attempt, table->base))
        stop_exception(attempt, VECTOR_GP, true, 0);
}

/* --- LDTR, and the lower bits of CR0 --- */

static void load_local(struct attempt *attempt, struct named *named)
{
    uint16_t selector = (uint16_t)read_operand(attempt, 0);

    if (!(selector & ~SELECTOR_RPL_MASK)) {
        named->sregs.ldt = (struct kvm_segment){.selector = selector, .unusable = 1};
        return;
    }
    if (selector & SELECTOR_TI)
        refuse_selector(attempt, VECTOR_GP, selector);
    find_named(attempt, named, selector, true);
    if (named->segment.s || named->segment.type != TYPE_LDT)
        refuse_selector(attempt, VECTOR_GP, selector);
    else if (!named->segment.present)
        refuse_selector(attempt, VECTOR_NP, selector);
    named->sregs.ldt = named->segment;
}

/* PE can be set, and not cleared. */
static void load_status(struct attempt *attempt, struct kvm_sregs *sregs)
{
    uint64_t cleared = MSW_LOADED & ~(uint64_t)CR0_PE;

    sregs->cr0 = (sregs->cr0 & ~cleared) | (read_operand(attempt, 0) & MSW_LOADED);
}

/* --- TR --- */

static void load_task(struct attempt *attempt, struct named *named)
{
    uint16_t selector = (uint16_t)read_operand(attempt, 0);

    if (!(selector & ~SELECTOR_RPL_MASK) || selector & SELECTOR_TI)
        refuse_selector(attempt, VECTOR_GP, selector);
    find_named(attempt, named, selector, true);
    if (named->segment.s || (named->segment.type | (is_wide(attempt) ? 0 : TYPE_WIDE)) != TSS_AVAILABLE)
        refuse_selector(attempt, VECTOR_GP, selector);
    else if (!named->segment.present)
        refuse_selector(attempt, VECTOR_NP, selector);
    mark_named(attempt, named, TYPE_BUSY);
    named->sregs.tr = named->segment;
}

/* --- Which --- */

static bool store(struct attempt *attempt, const struct kvm_sregs *sregs)
{
    switch (attempt->mnemonic) {
    case ZYDIS_MNEMONIC_SGDT: store_table(attempt, &sregs->gdt); return true;
    case ZYDIS_MNEMONIC_SIDT: store_table(attempt, &sregs->idt); return true;
    case ZYDIS_MNEMONIC_SLDT: write_operand(attempt, 0, sregs->ldt.selector); return true;
    case ZYDIS_MNEMONIC_STR: write_operand(attempt, 0, sregs->tr.selector); return true;
    default: return false;
    }
}

static void load(struct attempt *attempt, struct named *named)
{
    switch (attempt->mnemonic) {
    case ZYDIS_MNEMONIC_LGDT: load_table(attempt, &named->sregs.gdt); break;
    case ZYDIS_MNEMONIC_LIDT: load_table(attempt, &named->sregs.idt); break;
    case ZYDIS_MNEMONIC_LLDT: load_local(attempt, named); break;
    case ZYDIS_MNEMONIC_LTR: load_task(attempt, named); break;
    default: load_status(attempt, &named->sregs); break;
    }
    keep_sregs(attempt, &named->sregs);
}

static bool is_of_tables(ZydisMnemonic mnemonic)
{
    switch (mnemonic) {
    case ZYDIS_MNEMONIC_SGDT:
    case ZYDIS_MNEMONIC_SIDT:
    case ZYDIS_MNEMONIC_SLDT:
    case ZYDIS_MNEMONIC_STR:
    case ZYDIS_MNEMONIC_LGDT:
    case ZYDIS_MNEMONIC_LIDT:
    case ZYDIS_MNEMONIC_LLDT:
    case ZYDIS_MNEMONIC_LTR:
    case ZYDIS_MNEMONIC_LMSW: return true;
    default: return false;
    }
}

bool do_table(struct attempt *attempt)
{
    if (!is_of_tables(attempt->mnemonic))
        return false;
    struct named named = {.refusal = VECTOR_GP};
    if (!take_sregs(attempt, &named.sregs))
        return false;
    if (!store(attempt, &named.sregs))
        load(attempt, &named);
    return true;
}
