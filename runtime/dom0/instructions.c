/* Instructions that caused an exit and are emulated. */
#include "generated/x86/externs.h"
#include "vmx/events.h"
#include "core/host.h"
#include "core/panic.h"
#include "vmx/guest_msrs.h"

void guest_msr_answer(struct cpu *cpu, u64 value)
{
    cpu->guest.rax = (u32)value;
    cpu->guest.rdx = value >> 32;
    guest_advance(cpu);
}

void guest_msr_read_try(struct cpu *cpu, u32 msr)
{
    struct msr_value answer = guest_rdmsr_try(cpu, msr);
    if (answer.ok)
        guest_msr_answer(cpu, answer.value);
    else
        guest_inject_error(cpu, VECTOR_GP, 0);
}

void guest_msr_write_try(struct cpu *cpu, u32 msr, u64 value)
{
    if (guest_wrmsr_try(cpu, msr, value))
        guest_advance(cpu);
    else
        guest_inject_error(cpu, VECTOR_GP, 0);
}

/* In the order of the instruction set's numbers; RSP is in the VMCS. SDM: table 28-3 */
u64 guest_register(struct cpu *cpu, u8 index)
{
    const u64 *saved = &cpu->guest.rax;
    u64 value = index == 4 ? guest_rsp()
        : index == 5       ? cpu->guest.rbp
        : index < 4        ? saved[index]
        : index < 12       ? saved[index - 2]
                           : saved[index - 1];
    return guest_is_64bit() ? value : (u32)value;
}

u32 guest_io_value(const struct cpu *cpu, u8 size)
{
    return (u32)(cpu->guest.rax & 0xFFFFFFFFu >> (32 - 8 * size));
}

/* Narrow reads keep the rest of RAX, 32-bit reads clear its upper half. */
void guest_io_answer(struct cpu *cpu, u8 size, u32 value)
{
    u64 mask = 0xFFFFFFFFu >> (32 - 8 * size), kept = size == 4 ? 0 : cpu->guest.rax & ~mask;
    cpu->guest.rax = kept | (value & mask);
}

/* Bytes are accesses to one port after the other, until one does not advance; the instruction is advanced over once. */
static void io_split(struct cpu *cpu, const struct io_rules *rules, u16 port, u8 size, bool input)
{
    u64 rip = guest_rip(), rax = cpu->guest.rax, read = 0;
    for (u8 i = 0; i < size; i++) {
        cpu->guest.rax = rax >> 8 * i & 0xFF;
        rules->run(cpu, port + i, port + i, 1, input);
        read |= (cpu->guest.rax & 0xFF) << 8 * i;
        if (guest_rip() == rip) {
            cpu->guest.rax = rax;
            return;
        }
        set_guest_rip(rip);
    }
    cpu->guest.rax = rax;
    if (input)
        guest_io_answer(cpu, size, (u32)read);
    guest_advance(cpu);
}

/*
 * The rule of the first port that has one decides, and sees the access as the guest made it: nothing slips past it in a wide
 * access to the port before. Where several rules are touched, one that only injects decides; else each has its bytes.
 */
void guest_io(struct cpu *cpu, const struct io_rules *rules, u16 port, u8 size, bool input)
{
    u16 at = port;
    u8 found = 0;
    bool several = false;
    for (u8 i = 0; i < size; i++) {
        u8 rule = rules->find(port + i, input);
        several |= rule && found && rule != found;
        if (rule > found)
            found = rule, at = port + i;
    }
    if (several && found < rules->refused)
        io_split(cpu, rules, port, size, input);
    else
        rules->run(cpu, at, port, size, input);
}

void guest_io_string(struct cpu *cpu, const char *why)
{
    if (!guest_cpl())
        panic(cpu, why);
    guest_inject_error(cpu, VECTOR_GP, 0);
}

/* Narrow reads keep the upper half of RAX, 32-bit reads clear it. */
void guest_io_native(struct cpu *cpu, u16 port, u8 size, bool input)
{
    u64 *rax = &cpu->guest.rax;
    if (input && size == 1)
        asm volatile("inb %1, %b0" : "+a"(*rax) : "d"(port));
    else if (input && size == 2)
        asm volatile("inw %1, %w0" : "+a"(*rax) : "d"(port));
    else if (input)
        asm volatile("inl %1, %k0" : "+a"(*rax) : "d"(port));
    else if (size == 1)
        asm volatile("outb %b0, %1" : : "a"(*rax), "d"(port));
    else if (size == 2)
        asm volatile("outw %w0, %1" : : "a"(*rax), "d"(port));
    else
        asm volatile("outl %k0, %1" : : "a"(*rax), "d"(port));
    guest_advance(cpu);
}
