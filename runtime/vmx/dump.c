/* What the last exit left in the VMCS, for a panic. */
#include "core/cpu.h"
#include "core/log.h"
#include "core/panic.h"
#include "generated/vmx/checks.h"
#include "generated/vmx/names.h"
#include "vmx/entry_checks.h"
#include "vmx/state.h"

#define EXITS_SHOWN 16

static const char *exit_name(u64 reason)
{
    return reason < EXIT_COUNT && exit_names[reason] ? exit_names[reason] : "unknown";
}

static void say(const char *text)
{
    panic_print(text, 0, 0);
}

static void show(const char *name, u64 value)
{
    say(name);
    panic_print(" %\n", value, 0);
}

static void exits_show(const struct cpu *cpu)
{
    u64 exits = 0;
    for (u32 i = 0; i < EXIT_COUNT; i++)
        exits += cpu->exit_counts[i];
    say("last exits, newest first:");
    for (u32 i = 1; i <= min(exits, EXITS_SHOWN); i++) {
        say(" ");
        say(exit_name(cpu->last_exits[(u8)(cpu->last_index - i)]));
    }
    say("\n");
}

static void registers_show(const struct cpu *cpu)
{
    static const char *const names[] = {"rax", "rcx", "rdx", "rbx", "rsi", "rdi", "r8", "r9",
                                        "r10", "r11", "rbp", "r12", "r13", "r14", "r15"};
    for (u32 i = 0; i < COUNT_OF(names); i++)
        show(names[i], (&cpu->guest.rax)[i]);
}

/* The fields that this processor has. A VMREAD that fails overwrites the instruction error, so that comes first. */
static void vmcs_show(void)
{
    show("vm_instruction_error", vmread(VMCS_VM_INSTRUCTION_ERROR));
    for (u32 i = 0; i < VMCS_FIELD_COUNT; i++) {
        u64 value;
        if (vmcs_fields[i].encoding != VMCS_VM_INSTRUCTION_ERROR && vmread_try(vmcs_fields[i].encoding, &value))
            show(vmcs_fields[i].name, value);
    }
}

void exit_dump(const struct cpu *cpu)
{
    u64 error = vmread(VMCS_VM_INSTRUCTION_ERROR), reason = vmread(VMCS_EXIT_REASON);
    if (cpu->vcpu)
        say("in a vCPU of a domU, whose VMCS this is:\n");
    vmcs_show();
    registers_show(cpu);
    exits_show(cpu);
    say("last exit: ");
    say(exit_name(reason & EXIT_REASON_BASIC_MASK));
    say(reason & EXIT_REASON_ENTRY_FAILURE ? ", VM entry failed\n" : "\n");
    show("exit_qualification", vmread(VMCS_EXIT_QUALIFICATION));
    show("guest_rip", guest_rip());
    if (reason & EXIT_REASON_ENTRY_FAILURE || check_error(error))
        checks_show();
}
