#include "core/panic.h"

#include "core/apic.h"
#include "vmx/entry_checks.h"
#include "core/cpu.h"
#include "generated/checks.h"
#include "generated/names.h"
#include "generated/x86.h"
#include "core/host.h"
#include "core/log.h"
#include "vmx/vmx.h"

#define EXITS_SHOWN 16

volatile bool panicking;

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

/* Those fields that this processor has. The error of a VMREAD that fails hides the one before: it comes first. */
static void vmcs_show(void)
{
    show("vm_instruction_error", vmread(VMCS_VM_INSTRUCTION_ERROR));
    for (u32 i = 0; i < VMCS_FIELD_COUNT; i++) {
        u64 value;
        if (vmcs_fields[i].encoding != VMCS_VM_INSTRUCTION_ERROR && vmread_try(vmcs_fields[i].encoding, &value))
            show(vmcs_fields[i].name, value);
    }
}

static void exit_show(const struct cpu *cpu)
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

/* INIT is the one signal that no guest can hold back; its exit sees panicking. */
static void others_halt(const struct cpu *own)
{
    for (u32 i = 0; i < cpu_count; i++)
        if (cpus && cpus[i] && cpus[i] != own)
            apic_send(cpus[i]->apic_id, APIC_SEND(INIT));
}

static __attribute__((noreturn)) void end(const char *error, const char *why, u64 a, u64 b)
{
    say("luvalley: error[");
    say(error);
    say("]: ");
    panic_print(why, a, b);
    say("\n");
    host_halt();
}

void boot_stop(const char *error, const char *why)
{
    end(error, why, 0, 0);
}

void panic_at(struct cpu *cpu, const char *why, u64 a, u64 b)
{
    static struct cpu *stopper;
    if (__atomic_exchange_n(&panicking, true, __ATOMIC_SEQ_CST)) {
        if (cpu && cpu == stopper)
            end("stopped", why, a, b);  /* in the middle of its own dump */
        host_halt();
    }
    stopper = cpu;
    if (cpu && cpu->vmx_on) {
        others_halt(cpu);
        exit_show(cpu);
        show("cpu", cpu->index);
    }
    end("stopped", why, a, b);
}

void panic(struct cpu *cpu, const char *why)
{
    panic_at(cpu, why, 0, 0);
}

/* The reset control register, the keyboard controller, and a triple fault: one of them works. */
void machine_reset(const char *why)
{
    struct {
        u16 limit;
        u64 base;
    } __attribute__((packed)) nothing = {0, 0};
    log_line(why, 0, 0);
    host_out8(PORT_RESET_CONTROL, 2);
    host_out8(PORT_RESET_CONTROL, 6);
    host_out8(PORT_KEYBOARD_COMMAND, 0xFE);
    asm volatile("lidt %0; int3" : : "m"(nothing));
    host_halt();
}
