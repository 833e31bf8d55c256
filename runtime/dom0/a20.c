/*
 * A20 as dom0 sees it. The real gate stays open, or the hypervisor's odd megabytes would alias; while dom0's is closed, its
 * second megabyte is mapped to its first. Port 0x92 bit 1, and the keyboard controller's output port bit 1.
 */
#include "core/cpu.h"
#include "generated/x86/x86.h"
#include "core/host.h"
#include "dom0/memory.h"

#define A20 2

/* Commands of the keyboard controller that touch its output port. */
#define READ_OUTPUT 0xD0
#define WRITE_OUTPUT 0xD1
#define A20_OFF 0xDD
#define A20_ON 0xDF

static bool on = true;
static u8 command;                      /* READ_OUTPUT or WRITE_OUTPUT while its byte is to come */

/* Programs switch it off only before they have started other CPUs. */
static void gate(struct cpu *cpu, bool open)
{
    if (on == open)
        return;
    on = open;
    memory_a20(cpu, open);
}

static u8 port_read(u16 port)
{
    u8 value = host_in8(port);
    bool shows = port == PORT_SYSTEM_CONTROL_A || (port == PORT_KEYBOARD_DATA && command == READ_OUTPUT);
    if (port == PORT_KEYBOARD_DATA)
        command = 0;
    return shows ? (value & ~A20) | (on ? A20 : 0) : value;
}

/* Byte by byte, as a bus for bytes makes it. */
u32 a20_read(struct cpu *cpu, u16 port, u8 size)
{
    u32 value = 0;
    (void)cpu;
    for (u8 i = 0; i < size; i++)
        value |= (u32)port_read(port + i) << 8 * i;
    return value;
}

static u8 command_write(struct cpu *cpu, u8 value)
{
    command = value == READ_OUTPUT || value == WRITE_OUTPUT ? value : 0;
    if (value == A20_OFF || value == A20_ON)
        gate(cpu, value == A20_ON);
    return value == A20_OFF ? A20_ON : value;
}

static u8 data_write(struct cpu *cpu, u8 value)
{
    bool output = command == WRITE_OUTPUT;
    command = 0;
    if (output)
        gate(cpu, value & A20);
    return output ? value | A20 : value;
}

static u8 system_control_write(struct cpu *cpu, u8 value)
{
    gate(cpu, value & A20);
    return value | A20;
}

/* What goes to the device always leaves the real gate open. */
static void port_write(struct cpu *cpu, u16 port, u8 value)
{
    switch (port) {
    case PORT_SYSTEM_CONTROL_A: value = system_control_write(cpu, value); break;
    case PORT_KEYBOARD_COMMAND: value = command_write(cpu, value); break;
    case PORT_KEYBOARD_DATA: value = data_write(cpu, value); break;
    }
    host_out8(port, value);
}

void a20_write(struct cpu *cpu, u16 port, u8 size, u32 value)
{
    for (u8 i = 0; i < size; i++)
        port_write(cpu, port + i, (u8)(value >> 8 * i));
}
