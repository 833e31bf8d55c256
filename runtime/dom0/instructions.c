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

/* Each byte is an access to the next port; the instruction is advanced over once. */
void guest_io_split(struct cpu *cpu, u16 port, u8 size, bool input, void (*byte)(struct cpu *, u16, bool))
{
    u64 rip = guest_rip(), rax = cpu->guest.rax, mask = size == 4 ? 0xFFFFFFFF : 0xFFFF, read = 0;
    for (u8 i = 0; i < size; i++) {
        cpu->guest.rax = rax >> 8 * i & 0xFF;
        byte(cpu, port + i, input);
        read |= (cpu->guest.rax & 0xFF) << 8 * i;
        set_guest_rip(rip);
    }
    u64 kept = size == 4 ? 0 : rax & ~mask;
    cpu->guest.rax = input ? kept | read : rax;
    guest_advance(cpu);
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
