#include "stop.h"

#include "apic.h"
#include "cpu.h"
#include "generated/names.h"
#include "generated/x86.h"
#include "host.h"
#include "log.h"
#include "vmx.h"

#define EXITS_SHOWN 16

volatile bool machine_stopping;

static const char *exit_name(u64 reason)
{
    return reason < EXIT_COUNT && exit_names[reason] ? exit_names[reason] : "unknown";
}

static void show(const char *name, u64 value)
{
    loud_text(name);
    loud_text(" ");
    loud_hex(value);
    loud_text("\n");
}

static void exits_show(const struct cpu *cpu)
{
    loud_text("last exits, newest first:");
    for (u32 i = 1; i <= EXITS_SHOWN; i++) {
        loud_text(" ");
        loud_text(exit_name(cpu->last_exits[(u8)(cpu->last_index - i)]));
    }
    loud_text("\n");
}

static void registers_show(const struct cpu *cpu)
{
    static const char *const names[] = { "rax", "rcx", "rdx", "rbx", "rsi", "rdi", "r8", "r9", "r10", "r11", "rbp",
                                         "r12", "r13", "r14", "r15" };
    for (u32 i = 0; i < COUNT_OF(names); i++)
        show(names[i], (&cpu->guest.rax)[i]);
}

static void vmcs_show(void)
{
    for (u32 i = 0; i < VMCS_FIELD_COUNT; i++)
        show(vmcs_fields[i].name, vmread(vmcs_fields[i].encoding));
}

static void exit_show(const struct cpu *cpu)
{
    u64 reason = vmread(VMCS_EXIT_REASON);
    vmcs_show();
    registers_show(cpu);
    exits_show(cpu);
    loud_text("last exit: ");
    loud_text(exit_name(reason & 0xFFFF));
    loud_text(reason & EXIT_REASON_ENTRY_FAILURE ? ", VM entry failed\n" : "\n");
    show("exit_qualification", vmread(VMCS_EXIT_QUALIFICATION));
    show("guest_rip", vmread(VMCS_GUEST_RIP));
}

/* INIT is the one signal that no guest can hold back; its exit sees machine_stopping. */
static void others_halt(const struct cpu *own)
{
    for (u32 i = 0; i < cpu_count; i++)
        if (cpus && cpus[i] && cpus[i] != own)
            apic_send(cpus[i]->apic_id, ICR_INIT | ICR_ASSERT);
}

void boot_stop(const char *error, const char *why)
{
    loud_text("luvalley: error[");
    loud_text(error);
    loud_text("]: ");
    loud_text(why);
    loud_text("\n");
    host_halt();
}

void machine_stop(struct cpu *cpu, const char *why)
{
    if (__atomic_exchange_n(&machine_stopping, true, __ATOMIC_SEQ_CST))
        host_halt();
    if (cpu && cpu->vmx_on) {
        others_halt(cpu);
        exit_show(cpu);
        show("cpu", cpu->index);
    }
    boot_stop("stopped", why);
}

/* The reset control register, the keyboard controller, and a triple fault: one of them works. */
void machine_reset(const char *why)
{
    struct { u16 limit; u64 base; } __attribute__((packed)) nothing = { 0, 0 };
    log_line(why, 0, 0);
    host_out8(PORT_RESET_CONTROL, 2);
    host_out8(PORT_RESET_CONTROL, 6);
    host_out8(PORT_KEYBOARD_COMMAND, 0xFE);
    asm volatile("lidt %0; int3" : : "m"(nothing));
    host_halt();
}
